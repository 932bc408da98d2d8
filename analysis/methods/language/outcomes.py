"""What one run, and all runs of one seed, of two agents gave."""

import dataclasses
import importlib.resources
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis import methods
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError

STATISTICS: Mapping[str, str] = {
    **{
        f"{agent}_{column}": f"{agent.capitalize()}{data}"
        for agent in ("teacher", "student")
        for column, data in {
            "validation_error_percent": "ValidationError",
            "information_bits": "Information",
            "message_entropy_bits": "MessageEntropy",
            "distinct_messages": "DistinctMessages",
            "topographic_similarity": "TopographicSimilarity",
        }.items()
    },
    "surprise_bits": "Surprise",
    "agreement": "Agreement",
}
"""Columns of statistics.csv that only this system has, and the names of Data."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one seed gave, by level.

    Attributes:
      accuracy: test accuracies of the student in percent, at the best validation epoch.
      runs: with the statistics of every epoch; empty for published numbers.
    """

    accuracy: Mapping[str, float]
    runs: Mapping[str, Run] = dataclasses.field(default_factory=dict)


def series(run: Run, data: str) -> np.ndarray:
    """A quantity of both agents after each epoch, [epochs]; DataError if it was not recorded."""
    if data not in run.statistics["Ens"]:
        raise DataError(f"{run.directory}: {data} was not recorded")
    return run.statistics["Ens"][data].to_numpy()


def best_epoch(run: Run) -> int:
    """The epoch, from 1, after which the student's validation error is lowest; of equal ones the first."""
    return int(np.argmin(series(run, "StudentValidationError"))) + 1


def accuracy(run: Run, output: str = "student") -> float:
    """The test accuracy of an output in percent, at the best validation epoch of the student."""
    return float(100 - run.statistics[output]["TestError"].loc[best_epoch(run)])


def published_table() -> pd.DataFrame:
    """Table 4.1: columns table, dataset (as file names spell it), level, accuracy_percent, runs."""
    path = importlib.resources.files("analysis").joinpath("reference/lacaille_2018_language.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def published_accuracy(label: str) -> dict[str, float]:
    """The accuracies of table 4.1 in percent, by level; empty for data sets that are not in it."""
    every = published_table()
    own = every[every["dataset"] == label]
    return dict(zip(own["level"], own["accuracy_percent"].astype(float), strict=True))


def published(label: str) -> Outcome:
    """The same as claims look at it."""
    return Outcome(published_accuracy(label))


def outcomes_of(runs: Sequence[Run]) -> list[Outcome]:
    """One outcome a seed, from runs of one data set in one setting."""
    by_seed: dict[int, dict[str, Run]] = {}
    for run in runs:
        if level := methods.of(run.config).paper_row(run.config):
            by_seed.setdefault(run.config.seed, {})[level] = run
    return [Outcome({level: accuracy(run) for level, run in own.items()}, own) for _, own in sorted(by_seed.items())]
