"""The statistics of a log directory as pandas data."""

import dataclasses
import os
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from analysis.unpickle import read_pickle
from collab_ensembles import naming, run_directory
from collab_ensembles.config import RunConfig
from collab_ensembles.datasets import catalogue
from collab_ensembles.errors import DataError, RunDirectoryError
from collab_ensembles.run_directory import Status

COLUMNS = ("Model", "Method", "Weight", "Seed", "Digest", "Data")

# Names of Data, and the keys of the pickles.
_DATA = {
    "TrainCost": "train_costs",
    "TrainError": "train_errors",
    "TestCost": "test_costs",
    "TestError": "test_errors",
    "TrainCostMean": "train_costs_mean",
    "TrainErrorMean": "train_errors_mean",
}
DEFAULT_SETTINGS = "default settings"
_VARIED = ("method", "weight", "seed")


@dataclasses.dataclass(frozen=True)
class Run:
    """One run directory.

    Attributes:
      statistics: by output (member names, and `Ens`), one row an epoch from 1, one column a kind of
        data; errors in percent.
    """

    directory: str
    config: RunConfig
    status: Status
    statistics: dict[str, pd.DataFrame]

    @property
    def method(self) -> str:
        """CE, L1, L2, or `Single` for training without collaboration, as the paper's tables have it."""
        return "Single" if self.config.method == "None" else self.config.method


def read_runs(log_dir: str, dataset: str) -> list[Run]:
    """All runs of one data set that are done.

    Args:
      log_dir: the log directory.
      dataset: the name of the data set, as `--dataset` takes it.

    Raises:
      DataError: the directory does not exist or holds no finished run, or a file is damaged.
    """
    if not os.path.isdir(log_dir):
        raise DataError(f"{log_dir}: no such directory; give the --log_dir of a sweep")
    runs = []
    unfinished = 0
    for directory in run_directory.find(log_dir):
        config = run_directory.read_config(directory)
        if _is_same(config.dataset, dataset):
            status = run_directory.read_status(directory)
            if status.state == "done":
                runs.append(Run(directory, config, status, _statistics(directory, config, status)))
            else:
                unfinished += 1
    if not runs:
        raise DataError(
            f"{log_dir}: no finished run of {dataset} ({unfinished} unfinished); train some with experiments.sweep"
        )
    return runs


def setting(config: RunConfig) -> str:
    """What a run has in common with the others of its grid: all but data set, method, weight and seed.

    Runs of different settings must not stand in one table. Settings at their default are not named.
    """
    reference = RunConfig(dataset=config.dataset)
    parts = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name not in (*_VARIED, "dataset") and value != getattr(reference, field.name):
            parts.append(f"{field.name}={','.join(value) if isinstance(value, tuple) else value}")
    return ", ".join(parts) or DEFAULT_SETTINGS


def by_setting(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs that may be compared with each other."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(setting(run.config), []).append(run)
    return groups


def to_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """One row an epoch, counted from 1; columns are (Model, Method, Weight, Seed, Digest, Data).

    Model is a member's name or `Ens`; Data is TestError, TestCost, TrainError or TrainCost (running
    averages, as published), TrainErrorMean or TrainCostMean (means over the epoch). Errors are in percent.
    """
    pieces = {}
    for run in runs:
        for model, statistics in run.statistics.items():
            for data in statistics.columns:
                column = (model, run.method, run.config.weight, run.config.seed, run.config.digest()[:8], data)
                pieces[column] = statistics[data]
    table = pd.DataFrame(pieces)
    table.columns = pd.MultiIndex.from_tuples(list(pieces), names=COLUMNS)
    table.index.name = "Epoch"
    return table


def load(log_dir: str, dataset: str) -> pd.DataFrame:
    """The frame of all finished runs of one data set; see `to_frame`.

    Args:
      log_dir: the log directory.
      dataset: the name of the data set, as `--dataset` takes it.

    Raises:
      DataError: there are none, or they were trained in different settings.
    """
    groups = by_setting(read_runs(log_dir, dataset))
    if len(groups) > 1:
        raise DataError(
            f"{log_dir} holds runs of {dataset} in {len(groups)} settings ({'; '.join(groups)}); keep each in a "
            "log directory of its own, or take them apart with by_setting"
        )
    return to_frame(next(iter(groups.values())))


def _is_same(one: str, other: str) -> bool:
    if catalogue.is_file(one) and catalogue.is_file(other):
        return os.path.abspath(one) == os.path.abspath(other)
    return one == other


def _statistics(directory: str, config: RunConfig, status: Status) -> dict[str, pd.DataFrame]:
    epochs = config.epochs
    assert epochs is not None
    result = {}
    for output, stem in naming.statistics_names(config).items():
        path = os.path.join(directory, f"{stem}.pkl")
        _check_sum(path, status)
        content = read_pickle(path)
        series = {}
        for data, key in _DATA.items():
            values = content.get(key) if isinstance(content, dict) else None
            if not isinstance(values, np.ndarray) or values.shape != (epochs,) or values.dtype.kind != "f":
                raise DataError(f"{path}: needed under {key!r}: {epochs} floating-point numbers, one an epoch")
            series[data] = values * 100 if "Error" in data else values
        index = pd.RangeIndex(1, epochs + 1, name="Epoch")
        result["Ens" if output == "ensemble" else output] = pd.DataFrame(series, index=index)
    return result


def _check_sum(path: str, status: Status) -> None:
    name = os.path.basename(path)
    if not os.path.exists(path):
        raise RunDirectoryError(f"{path}: missing; delete the run's directory to train it again")
    if run_directory.sha256(path) != status.pickles.get(name):
        raise RunDirectoryError(f"{path}: changed since the run wrote it; delete the run's directory to train it again")
