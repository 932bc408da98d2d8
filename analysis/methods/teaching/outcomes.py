"""What students gave, beside the numbers that Lacaille (2018) published in table 3.1."""

import dataclasses
import importlib.resources
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import comparison
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.methods.teaching.options import SCORED, TeachingConfig
from collab_ensembles.settings.config import RunConfig

MARK = 96.0
"""The validation accuracy in percent that the thesis compares speeds by: "the 96%-97% mark"."""

_WORDS = {"cross_entropy": "cross-entropy", "euclidean": "Euclidean distance", "random": "random"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run gave; accuracies in percent.

    Attributes:
      accuracy: on the test examples, of the epoch with the highest validation accuracy.
      validation: that accuracy.
      updates: until that epoch.
      passes: of minibatches, forward and backward, until then.
      epochs: until then.
      trained: all epochs until training ended.
      right: the share in percent of the examples that training saw in that epoch, and were answered rightly.
      updates_to_mark: until the first epoch with a validation accuracy of at least MARK; NaN if there is none.
      passes_to_mark: likewise.
      updates_in_all: until training ended.
      passes_in_all: likewise.
    """

    accuracy: float
    validation: float
    updates: float
    passes: float
    epochs: float
    trained: float
    right: float
    updates_to_mark: float
    passes_to_mark: float
    updates_in_all: float
    passes_in_all: float


def published() -> pd.DataFrame:
    """Table 3.1: columns stack, difficulty and targets as settings have them, accuracy_percent and updates."""
    path = importlib.resources.files("analysis").joinpath("reference/lacaille_2018_teaching.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def row_name(stack: int, difficulty: str, targets: str) -> str:
    """The name of a row: `stack 2, cross-entropy, soft labels`."""
    labels = f"{targets} labels"
    if stack == 1:
        return "baseline" if targets == "true" else f"no stack, {labels}"
    return f"stack {stack}, {_WORDS[difficulty]}, {labels}"


def published_rows(label: str) -> dict[str, tuple[float, float]]:
    """Accuracy in percent and updates by the name of the row; empty for other data than the thesis'."""
    if label != "MNIST":
        return {}
    return {
        row_name(int(row["stack"]), row["difficulty"], row["targets"]): (row["accuracy_percent"], row["updates"])
        for row in published().to_dict("records")
    }


def row_of(config: RunConfig) -> str | None:
    """The row that a student of the usual teacher stands in; None for teachers, and for students that differ otherwise.

    As in the thesis, all students of a table have one teacher.
    """
    assert isinstance(config, TeachingConfig)
    arrangement = {"stack": config.stack, "difficulty": config.difficulty, "targets": config.targets}
    is_student = config.members == config.default("members")
    is_plain = is_student and comparison.has_settings(config, **arrangement)
    return row_name(config.stack, config.difficulty, config.targets) if is_plain else None


def published_error(config: RunConfig, output: str) -> tuple[float, float, float]:
    """What the thesis has for such a run, see `methods.Published`."""
    found = published_rows(catalogue.label(config.dataset)).get(row_of(config) or "")
    return (100 - found[0] if found else math.nan), math.nan, math.nan


def place(config: TeachingConfig) -> tuple[bool, int, int, bool]:
    """Where a run stands: teachers first, then in the order of table 3.1."""
    return (not config.is_teacher, config.stack, (*SCORED, "random").index(config.difficulty), config.targets == "true")


def sources(config: TeachingConfig) -> tuple[str, ...]:
    """The files of a student's own teacher."""
    return config.teacher


def curve(run: Run, data: str) -> np.ndarray:
    """A statistic of the student after each epoch until training ended."""
    return run.statistics["student"][data].to_numpy()[: trained_epochs(run)]


def trained_epochs(run: Run) -> int:
    """The epochs until training ended; behind it the statistics repeat the last ones."""
    return len(set(run.statistics["student"]["Updates"]))


def passes(run: Run) -> np.ndarray:
    """The minibatches that passed forward and backward until the end of each epoch."""
    return curve(run, "ForwardPasses") + curve(run, "Updates")


def outcome(run: Run) -> Outcome:
    """What a run gave."""
    statistics = run.statistics["student"]
    best = int(statistics["BestEpoch"].iloc[-1]) - 1
    accuracy, updates = 100 - curve(run, "ValidationErrors"), curve(run, "Updates")
    reached = np.flatnonzero(accuracy >= MARK)
    costs = updates, passes(run)
    first = [float(values[reached[0]]) if len(reached) else math.nan for values in costs]
    return Outcome(
        100 - float(statistics["TestError"].iloc[-1]),
        float(accuracy[best]),
        float(updates[best]),
        float(passes(run)[best]),
        best + 1,
        trained_epochs(run),
        100 - float(curve(run, "TrainErrorMean")[best]),
        *first,
        *(float(values[-1]) for values in costs),
    )


def by_row(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The students of table 3.1 and others like them by row, in its order; each row by seed."""
    rows: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (_order(run.config), run.config.seed)):
        name = row_of(run.config)
        if name:
            rows.setdefault(name, []).append(run)
    return rows


def _order(config: RunConfig) -> tuple[bool, int, int, bool]:
    assert isinstance(config, TeachingConfig)
    return place(config)


def outcomes_of(runs: Sequence[Run]) -> dict[int, dict[str, Outcome]]:
    """What runs gave by seed and row."""
    result: dict[int, dict[str, Outcome]] = {}
    for name, own in by_row(runs).items():
        for run in own:
            result.setdefault(run.config.seed, {})[name] = outcome(run)
    return dict(sorted(result.items()))
