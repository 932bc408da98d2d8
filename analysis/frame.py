"""The statistics of a log directory as pandas data."""

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from analysis import methods, recorded_run
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError, RunDirectoryError
from collab_ensembles.runs import naming, run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.runs.unpickle import read_pickle
from collab_ensembles.settings.config import RunConfig

COLUMNS = ("Model", "Method", "Weight", "Seed", "Digest", "Data")


def read_runs(log_dir: str, dataset: str) -> list[Run]:
    """Reads all finished runs of one data set.

    Besides our run directories, result files of other code are read, such as those of the author's (see
    `methods.Analysis.foreign`).

    Args:
      log_dir: the log directory.
      dataset: the name of the data set, as `--dataset` takes it.

    Raises:
      DataError: the directory does not exist or has no finished run, a file is damaged, or a run occurs twice.
      RunDirectoryError: a run directory of ours is damaged.
    """
    return read_all(log_dir, dataset)[0]


def read_all(log_dir: str, dataset: str) -> tuple[list[Run], list[Run]]:
    """Reads the finished runs of one data set, and the others without their statistics.

    Arguments and errors are those of `read_runs`.
    """
    if not os.path.isdir(log_dir):
        raise DataError(f"{log_dir}: no such directory; give the --log_dir of a sweep")
    runs = []
    unfinished = []
    known = list(run_directory.find_known(log_dir))
    for directory, config in known:
        if catalogue.is_same(config.dataset, dataset):
            status = run_directory.finished(directory)
            if status:
                runs.append(Run(directory, config, status, _statistics(directory, config, status)))
            else:
                unfinished.append(Run(directory, config, Status(), {}))
    for files in foreign_files(log_dir, dataset):
        run = files.read()
        if run.status.state == "done":
            runs.append(run)
        else:
            unfinished.append(dataclasses.replace(run, statistics={}))
    if not runs:
        raise DataError(
            f"{log_dir}: no finished run of {dataset} ({len(unfinished)} unfinished); it has {_held(log_dir, known)}; "
            "train some with experiments.sweep"
        )
    check_distinct(runs)
    return runs, unfinished


def foreign_files(log_dir: str, dataset: str | None = None) -> Iterator[methods.Foreign]:
    """Finds result files of other code in a directory, of one data set or of all, without reading them.

    Raises:
      DataError: file names are similar to those of other code, but wrong.
    """
    for analysis in methods.every():
        if analysis.foreign:
            yield from analysis.foreign(log_dir, dataset)


def _held(log_dir: str, known: Sequence[tuple[str, RunConfig]]) -> str:
    datasets = [config.dataset for _, config in known]
    counts = Counter([*datasets, *(files.dataset for files in foreign_files(log_dir))])
    return "runs of " + ", ".join(f"{name} ({count})" for name, count in sorted(counts.items())) if counts else "no run"


def check_distinct(runs: Iterable[Run]) -> None:
    """Raises DataError if a run occurs twice, for example in a copied directory: it would count twice in every mean."""
    seen: dict[tuple[object, ...], Run] = {}
    for run in runs:
        # Numbers that differ only by rounding, such as 0.01 and 0.1**2, are equal.
        values = (getattr(run.config, field.name) for field in dataclasses.fields(run.config))
        settings = (recorded_run.without_rounding(value) if isinstance(value, float) else value for value in values)
        key = (run.origin, *settings)
        if key in seen:
            raise DataError(
                f"{seen[key].directory} and {run.directory}: both have {naming.describe(run.config)} of "
                f"{run.config.dataset} ({run.setting}); move one of them out of the log directory"
            )
        seen[key] = run


def check_comparable(runs: Sequence[Run]) -> None:
    """Raises DataError unless these are different runs on the same data, in one setting."""
    kinds = dict.fromkeys((run.config.dataset, run.setting) for run in runs)
    if len(kinds) != 1:
        received = "; ".join(f"{dataset} ({setting})" for dataset, setting in kinds) or "no runs"
        raise DataError(f"a table shows runs of one data set in one setting; received: {received}")
    contents = {run.status.data.digest: run.directory for run in runs if run.status.data and run.status.data.digest}
    if len(contents) > 1:
        raise DataError(
            f"{' and '.join(contents.values())}: trained on different data under the name {runs[0].config.dataset}; "
            "train them again on the same"
        )
    check_distinct(runs)


def by_setting(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs that may be compared with each other."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.setting, []).append(run)
    return groups


def to_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """One row an epoch, counted from 1; columns are (Model, Method, Weight, Seed, Digest, Data).

    Method and Weight name the row of tables that a run stands in: of systems whose rows have a name alone Method is
    this name, such as `resnet32, 4 heads hierarchical`, and Weight is 1. Model is a member's name or `Ens`. Data is
    TestError, TestCost, TrainError or TrainCost (running averages, as published), TrainErrorMean or TrainCostMean
    (means over the epoch), for `Ens` also Disagreement and LogitDistance (on the test set, see
    `collab_ensembles.models.statistics.DISAGREEMENT`), and what a system records besides. Errors and disagreement are
    in percent.
    """
    pieces = {}
    for run in runs:
        (row,) = methods.of(run.config).rows_of([run])
        method, weight = (*row, 1.0)[:2]
        for model, statistics in run.statistics.items():
            for data in statistics.columns:
                column = (model, method, weight, run.config.seed, run.config.digest()[:8], data)
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
            f"{log_dir} holds runs of {dataset} in {len(groups)} settings ({'; '.join(groups)}); keep each in its own "
            "log directory, or separate them with by_setting"
        )
    return to_frame(next(iter(groups.values())))


def _statistics(directory: str, config: RunConfig, status: Status) -> dict[str, pd.DataFrame]:
    epochs = config.epochs
    result = {}
    for output, stem in naming.statistics_names(config).items():
        path = os.path.join(directory, f"{stem}.pkl")
        _check_sum(path, status)
        result["Ens" if output == "ensemble" else output] = recorded_run.statistics_of(path, read_pickle(path), epochs)
    return result


def _check_sum(path: str, status: Status) -> None:
    name = os.path.basename(path)
    if not os.path.exists(path):
        raise RunDirectoryError(f"{path}: missing; the command that trained the run writes it again")
    if run_directory.sha256(path) != status.pickles.get(name):
        raise RunDirectoryError(
            f"{path}: changed since the run wrote it; the command that trained the run writes it again"
        )
