"""What runs of nodes gave, and what Lacaille (2018), chapter 2, has."""

import dataclasses
import importlib.resources
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis import comparison
from analysis.claim import NOISE
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError
from collab_ensembles.methods.nodes.options import DECISIONS, NodesConfig
from collab_ensembles.settings.config import RunConfig

STATISTICS: Mapping[str, str] = {
    "confidence_error_percent": "ConfidenceError",
    "as_printed_error_percent": "AsPrintedError",
    "mean_error_percent": "MeanError",
    "validation_error_percent": "ValidationError",
    "collective_validation_error_percent": "CollectiveValidationError",
    "entropy_nats": "Entropy",
    "consumed": "Consumed",
    "empty": "Empty",
    "dropped": "Dropped",
    "queue_length": "QueueLength",
}
"""Columns of statistics.csv that only this system has, and the names of Data."""

MARK = 85.0
"""The accuracy in percent of table 2.2."""

AVERAGE, COLLECTIVE = "average", "collective"

Place = tuple[int, str]
"""How many nodes there are, and what they send."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one seed gave, by place.

    Attributes:
      accuracy: test accuracies in percent after the last epoch; see `accuracy`.
      steps: until the mark; see `steps_to`. Infinite where it was not reached.
      several: the nodes of the arrangements that are compared with each other.
      codes: the same accuracies of linear classifiers on codes, by `vae` and `bigan`.
    """

    accuracy: Mapping[str, Mapping[Place, float]]
    steps: Mapping[str, Mapping[Place, float]]
    several: int
    codes: Mapping[str, Mapping[str, Mapping[Place, float]]] = dataclasses.field(default_factory=dict)


def settings(run: Run) -> NodesConfig:
    """The settings of a run."""
    assert isinstance(run.config, NodesConfig)
    return run.config


def place(config: NodesConfig) -> Place:
    """Where a run stands among others."""
    return config.nodes, config.content


def row_of(config: RunConfig) -> str | None:
    """The row of a run that differs from the defaults in network, nodes, steps, content and learning alone."""
    assert isinstance(config, NodesConfig)
    own = {"nodes": config.nodes, "content": config.content, "steps": config.steps, "learning": config.learning}
    return name(place(config)) if comparison.has_settings(config, **own) else None


def name(of: Place) -> str:
    """The name of a row: `10 nodes, labels`."""
    nodes, content = of
    return "1 node" if nodes == 1 else f"{nodes} nodes, {content}"


def published() -> pd.DataFrame:
    """Tables 2.1 to 2.3: columns table, model, nodes, content, average, collective; all as text."""
    path = importlib.resources.files("analysis").joinpath("reference/lacaille_2018_nodes.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def published_cell(table: str, of: Place, kind: str, model: str = "supervised") -> str:
    """What a table has for a row, as text; empty where it has nothing.

    Of another number of nodes than one and 20 it is that of 10.
    """
    nodes, content = of
    rows = published()
    found = rows[(rows["table"] == table) & (rows["model"] == model) & (rows["content"] == content)]
    for number in (nodes, 10 if nodes > 1 else nodes):
        if len(own := found[found["nodes"] == str(number)]):
            return str(own[kind].iloc[0])
    return ""


def is_of_thesis(runs: Sequence[Run]) -> bool:
    """Whether runs are of the thesis' data set."""
    return catalogue.label(runs[0].config.dataset) == "CIFAR10"


def _series(run: Run, data: str) -> np.ndarray:
    output = "Ens" if settings(run).nodes > 1 else run.config.member_names()[0]
    if data not in run.statistics[output]:
        raise DataError(f"{run.directory}: {data} was not recorded")
    return run.statistics[output][data].to_numpy()


def queues(run: Run, data: str) -> np.ndarray:
    """What was recorded of queues after each epoch; DataError where nothing was."""
    return _series(run, data)


def accuracy(run: Run, kind: str) -> np.ndarray:
    """Test accuracies in percent after each epoch: of the mean node (`average`) or of all nodes (`collective`).

    The collective decision is that of the settings, or one of `DECISIONS`. A single node decides alone.
    """
    if kind == AVERAGE:
        return 100 - np.mean([run.statistics[node]["TestError"] for node in run.config.member_names()], axis=0)
    if settings(run).nodes == 1:
        return np.full(run.config.epochs, math.nan)
    data = {decision: STATISTICS[f"{decision}_error_percent"] for decision in DECISIONS}.get(kind, "TestError")
    return 100 - _series(run, data)


def final(run: Run, kind: str) -> float:
    """The accuracy after the last epoch; of linear classifiers after that with the lowest validation error.

    That is the error of the mean node or of all together, as the accuracy is.
    """
    if settings(run).supervised:
        return float(accuracy(run, kind)[-1])
    alone = kind == AVERAGE or settings(run).nodes == 1
    best = int(np.argmin(_series(run, "ValidationError" if alone else "CollectiveValidationError")))
    return float(accuracy(run, kind)[best])


def steps_to(run: Run, kind: str, mark: float) -> float:
    """The steps of each node until the first test with at least this accuracy; infinite if there was none."""
    values = accuracy(run, kind)
    if np.isnan(values).all():
        return math.nan
    reached = np.flatnonzero(values >= mark - NOISE)
    return float((reached[0] + 1) * settings(run).steps / run.config.epochs) if len(reached) else math.inf


def mark_of(runs: Sequence[Run]) -> float:
    """The accuracy by which speeds are compared.

    It is that of table 2.2 where a run reaches it; otherwise what single nodes have in the end, as a mean over seeds,
    rounded down to whole percent: the thesis' mark is near that, too.
    """
    best = max(float(np.nanmax([accuracy(run, AVERAGE), accuracy(run, COLLECTIVE)])) for run in runs)
    single = [final(run, AVERAGE) for run in runs if settings(run).nodes == 1]
    return MARK if best >= MARK - NOISE or not single else float(math.floor(np.mean(single) + NOISE))


def by_row(runs: Sequence[Run]) -> dict[Place, list[Run]]:
    """The runs of `row_of`, by place in the order of table 2.1, each by seed."""
    rows: dict[Place, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (order(settings(run)), run.config.seed)):
        if row_of(run.config):
            rows.setdefault(place(settings(run)), []).append(run)
    return rows


def order(config: NodesConfig) -> tuple[int, int]:
    """The place in the order of table 2.1."""
    return config.nodes, ("none", "logits", "labels", "features").index(config.content)


def outcomes_of(runs: Sequence[Run]) -> list[Outcome]:
    """One outcome a seed, from runs of one data set in one setting."""
    rows = by_row(runs)
    if not rows:
        return []
    mark = mark_of([run for own in rows.values() for run in own])
    by_seed: dict[int, dict[Place, Run]] = {}
    for of, own in rows.items():
        for run in own:
            by_seed.setdefault(run.config.seed, {})[of] = run
    several = min((nodes for nodes, _ in rows if nodes > 1), default=0)
    learning = settings(runs[0]).learning
    result = []
    for _, seed in sorted(by_seed.items()):
        accuracies = {kind: {of: final(run, kind) for of, run in seed.items()} for kind in (AVERAGE, COLLECTIVE)}
        steps = {kind: {of: steps_to(run, kind, mark) for of, run in seed.items()} for kind in (AVERAGE, COLLECTIVE)}
        nothing: dict[str, dict[Place, float]] = {kind: {} for kind in (AVERAGE, COLLECTIVE)}
        if settings(runs[0]).supervised:
            result.append(Outcome(accuracies, steps, several))
        else:
            result.append(Outcome(nothing, nothing, several, {learning: accuracies}))
    return result


def published_outcome(label: str) -> Outcome:
    """Tables 2.1 to 2.3 in the form that claims take; empty for other data than the thesis'."""
    values: dict[tuple[str, str], dict[str, dict[Place, float]]] = {}
    for row in published().to_dict("records") if label == "CIFAR10" else []:
        for kind in (AVERAGE, COLLECTIVE):
            if row[kind]:
                number = math.inf if row[kind].startswith(">") else float(row[kind])
                of = values.setdefault((row["table"], row["model"]), {}).setdefault(kind, {})
                of[int(row["nodes"]), row["content"]] = number
    codes = {model: own for (table, model), own in values.items() if table == "2.3"}
    return Outcome(values.get(("2.1", "supervised"), {}), values.get(("2.2", "supervised"), {}), 10, codes)
