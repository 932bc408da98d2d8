"""The result files of the author's own code of 2017, read as if they were run directories of ours.

They lie flat in one directory, in the reference `<DATASET>/collab/`: three pickles an ensemble, of ST
(`000`), M (`001`) and `Ensemble`, without config.json and status.json beside them. Their format is described
in docs/FIDELITY.md, "Statistics, files, names".
"""

import dataclasses
import math
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from absl import logging

from analysis import recorded_run
from analysis.methods.ensemble.noel_rows import AUTHOR
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, DataError
from collab_ensembles.methods.ensemble.options import PLAIN, EnsembleConfig
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.runs.unpickle import read_pickle
from collab_ensembles.settings.config import RunConfig

DATASETS = ("mnist", "notmnist", "cifar10")
"""The data sets of the paper; the author's code knows no others."""

_OUTPUTS = {"000": "ST", "001": "M", "Ensemble": "Ens"}
_MEMBERS = "collab_shallow_and_thin_and_medium"
_ENDING = re.compile(r"(?:(CE|L1|L2)_0\.1x([0124])|ensemble)_(?:000|001|Ensemble)\.pkl")
_METHODS = {"None": "None", "CE": "cross_ent", "L1": "L1", "L2": "L2"}
# Only our own pickles name these settings.
_OURS = {"decay_scope", "target_gradient"}


@dataclasses.dataclass(frozen=True)
class AuthorFiles:
    """The files of one ensemble, and what their name says of it.

    Attributes:
      directory: where they lie.
      dataset: the name of the data set, as `--dataset` takes it.
      stem: what the three file names have in common.
      method: None, CE, L1 or L2.
      weight: the collaboration weight; 1 without collaboration.
    """

    directory: str
    dataset: str
    stem: str
    method: str
    weight: float

    def read(self) -> Run:
        """The run of the ensemble: `done`, or `stopped` where the last epochs are missing; see the function `read`."""
        return read(self)

    def path(self, end: str) -> str:
        """The pickle of an output: `000`, `001` or `Ensemble`."""
        return os.path.join(self.directory, f"{self.stem}_{end}.pkl")


def find(log_dir: str, dataset: str | None = None) -> Iterator[AuthorFiles]:
    """The ensembles of one data set below a directory, in alphabetical order; nothing is read yet.

    Pickles whose names begin with the data set's and are of no such ensemble, as those of the author's single networks,
    are passed over with a warning.

    Args:
      log_dir: any directory above the files, or theirs.
      dataset: the name of the data set, as `--dataset` takes it; None for one after the other.

    Raises:
      DataError: a name begins as the author's do and goes on otherwise, or a status.json lies beside the
        files: then they are what is left of a run directory of ours.
    """
    for each in DATASETS if dataset is None else {dataset} & {*DATASETS}:
        yield from _find(log_dir, each)


def _find(log_dir: str, dataset: str) -> Iterator[AuthorFiles]:
    label = catalogue.label(dataset)
    prefix = f"{label}_{_MEMBERS}_"
    for directory, below, names in os.walk(log_dir):
        below.sort()
        if "config.json" in names:
            below.clear()
            continue
        named = sorted(name for name in names if name.startswith(f"{label}_") and name.endswith(".pkl"))
        pickles = [name for name in named if name.startswith(prefix)]
        others = [name for name in named if not name.startswith(prefix)]
        if others:
            logging.warning(
                "%s: %d pickles of %s are passed over, such as %s: not of an ensemble of the paper's tables",
                *(directory, len(others), label, others[0]),
            )
        if pickles and "status.json" in names:
            raise DataError(
                f"{directory}: has pickles and a status.json, but no config.json; the command that trained the run "
                "writes it again"
            )
        yield from dict.fromkeys(_files(directory, dataset, prefix, name) for name in pickles)


def read(files: AuthorFiles) -> Run:
    """The run of an ensemble: `done`, or `stopped` where the last epochs are missing.

    A training that was cut off has zeros for the epochs that it did not reach. Seed 0 stands for the
    seed that the author's code does not record, and weights are the decimal numbers that were meant:
    0.01 for 0.010000000000000002.

    Raises:
      DataError: a file is missing, damaged, without what the author's code writes, or at odds with its
        name or with the other two.
    """
    configs: dict[str, RunConfig] = {}
    statistics: dict[str, pd.DataFrame] = {}
    for end, model in _OUTPUTS.items():
        path = files.path(end)
        if not os.path.exists(path):
            raise DataError(f"{path}: missing, while other files of this ensemble are there; needed: {_all(files)}")
        content = read_pickle(path)
        configs[path] = config = _config(files, path, content)
        statistics[model] = recorded_run.statistics_of(path, content, config.epochs)
        _check_values(path, statistics[model])
    _check_alike(configs)
    # Each file is written by itself: a training can be cut off between two of them.
    done = all(table["TestCost"].iloc[-1] != 0 for table in statistics.values())
    return Run(files.directory, config, Status(state="done" if done else "stopped"), statistics, AUTHOR)


def _files(directory: str, dataset: str, prefix: str, name: str) -> AuthorFiles:
    match = _ENDING.fullmatch(name, len(prefix))
    if match is None:
        raise DataError(
            f"{os.path.join(directory, name)}: not a name of the author's code, which goes on after {prefix} with a "
            "method and a power of 0.1 such as L2_0.1x2, or with ensemble, and ends with _000, _001 or _Ensemble.pkl; "
            "move it out of the log directory"
        )
    method, power = match.groups()
    stem = name.rpartition("_")[0]
    weight = 1.0 if power is None else recorded_run.without_rounding(0.1 ** int(power))
    return AuthorFiles(directory, dataset, stem, method or "None", weight)


def _all(files: AuthorFiles) -> str:
    return ", ".join(os.path.basename(files.path(end)) for end in _OUTPUTS)


def _config(files: AuthorFiles, path: str, content: object) -> RunConfig:
    params = content.get("params") if isinstance(content, dict) else None
    if not isinstance(params, dict):
        raise DataError(f"{path}: not a file of the author's code; needed: a dict with statistics and 'params'")
    if params.keys() & _OURS:
        raise DataError(
            f"{path}: written by this project, but there is no config.json beside it; keep run directories whole"
        )
    _check_origin(files, path, params)
    method, weight = params.get("collab_method"), 1.0
    # Of a type that compares as a whole, which arrays do not.
    if not isinstance(method, str) or method != _METHODS[files.method]:
        raise DataError(f"{path}: its name says {files.method}, its params say collab_method {method!r}")
    if files.method != "None":
        weight = _number(path, params, "collab_weight")
        if not math.isclose(weight, files.weight, rel_tol=1e-6):
            raise DataError(f"{path}: its name says a weight of {files.weight:g}, its params say {weight:g}")
    settings: dict[str, Any] = {
        name: _number(path, params, name) for name in ("learning_rate", "regularization_rate", "epochs", "batch_size")
    }
    try:
        return EnsembleConfig(
            dataset=files.dataset,
            method=PLAIN if files.method == "None" else files.method,
            weight=files.weight,
            **settings,
        )
    except ConfigError as error:
        raise DataError(f"{path}: params: {error}") from error


def _check_origin(files: AuthorFiles, path: str, params: dict[Any, Any]) -> None:
    """Raises DataError if params that name the file or the shape of images say another data set or ensemble."""
    name = params.get("filename", files.stem)
    if not isinstance(name, str) or not os.path.basename(name).startswith(files.stem):
        raise DataError(f"{path}: its params say filename {name!r}; needed: {files.stem}; give the file its own name")
    expected = catalogue.CATALOGUE[files.dataset].image_shape
    networks = params.get("list_of_params")
    for each in (params, *(networks if isinstance(networks, list | tuple) else ())):
        shape = each.get("image_shape", expected) if isinstance(each, dict) else expected
        if not isinstance(shape, list | tuple | np.ndarray) or tuple(shape) != expected:
            raise DataError(
                f"{path}: its params say image_shape {shape!r}, but images of {files.dataset} have {expected}; give "
                "the file its own name"
            )


def _number(path: str, params: dict[Any, Any], name: str) -> float:
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise DataError(f"{path}: needed in params under {name!r}: a number; received {value!r}")
    return recorded_run.without_rounding(float(value)) if isinstance(value, float | np.floating) else int(value)


def _check_values(path: str, statistics: pd.DataFrame) -> None:
    for data in statistics.columns:
        values = statistics[data].to_numpy()
        if not np.isfinite(values).all():
            raise DataError(f"{path}: {data} has values that are no finite numbers")
        if "Error" in data and (values.min() < 0 or values.max() > 100):
            raise DataError(f"{path}: {data} has values that are no fractions from 0 to 1")


def _check_alike(configs: dict[str, RunConfig]) -> None:
    (first, expected), *others = configs.items()
    for path, config in others:
        if config != expected:
            raise DataError(
                f"{path}: trained otherwise ({recorded_run.setting(config)}) than {os.path.basename(first)} "
                f"({recorded_run.setting(expected)}); the files of an ensemble come from one training"
            )
