"""Run directories of multi-head, feature-difference and snapshot runs, with errors that a test lays down."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from synthetic_runs import KEYS, series, write_run

from analysis import frame, recorded_run
from collab_ensembles.runs import run_directory
from collab_ensembles.settings.config import RunConfig

EPOCHS = 3


def heads(graph: str, seed: int = 0, **settings: Any) -> RunConfig:
    """A multi-head run of three epochs on CIFAR-10, of resnet32 unless another network is given."""
    common = {"system": "multihead", "dataset": "cifar10", "epochs": EPOCHS}
    return RunConfig(**{**common, "graph": graph, "seed": seed, **settings})


def distilled(*teachers: str, seed: int = 0, **settings: Any) -> RunConfig:
    """A network that learns from finished ones, see `heads`."""
    common = {"system": "distillation", "dataset": "cifar10", "epochs": EPOCHS, "teacher": teachers, "seed": seed}
    return RunConfig(**{**common, **settings})


def networks(count: int, fdl: bool = True, member: str = "vgg16", seed: int = 0, **settings: Any) -> RunConfig:
    """A feature-difference run of so many networks, or of independent ones."""
    common = {"system": "fdl", "dataset": "cifar10", "epochs": EPOCHS, "members": (member,) * count, "seed": seed}
    return RunConfig(**{**common, **({} if fdl else {"phases": ("cross_entropy",)}), **settings})


def snapshots(seed: int = 0, **settings: Any) -> RunConfig:
    """A snapshot run of vgg16."""
    common = {"system": "snapshot", "dataset": "cifar10", "epochs": EPOCHS, "snapshots": 3, "seed": seed}
    return RunConfig(**{**common, **settings})


def write(
    log_dir: pathlib.Path,
    config: RunConfig,
    errors: Sequence[Sequence[float]],
    *,
    seconds: float = 0.0,
    memory: int = 0,
    state: str = "done",
    **of_ensemble: Sequence[float],
) -> pathlib.Path:
    """Writes the directory of a run.

    Args:
      log_dir: the log directory.
      config: the run's settings.
      errors: of each output, the ensemble last, the test errors in percent, one an epoch; costs are a tenth of them.
      seconds: of training.
      memory: of training, in bytes.
      state: what the status says.
      **of_ensemble: further series of the ensemble, such as `similarity_loss`.

    Returns:
      The run directory.
    """
    names = config.member_names()
    ends = [*(f"{index:03d}" for index in range(len(names))), "Ensemble"][: len(names) + (len(names) > 1)]
    contents: dict[str, dict[str, Any]] = {}
    for number, (end, values) in enumerate(zip(ends, errors, strict=True)):
        contents[end] = {key: series(number, key, config.epochs) for key in KEYS}
        contents[end] |= {"test_errors": np.array(values) / 100, "test_costs": np.array(values) / 10}
    contents[ends[-1]] |= {name: np.array(values) for name, values in of_ensemble.items()}
    directory = write_run(log_dir, config, contents, state=state)
    status = run_directory.read_status(str(directory))
    status.seconds, status.training_memory = seconds, memory
    run_directory.write_status(str(directory), status)
    return directory


def constant(*finals: float, epochs: int = EPOCHS) -> list[list[float]]:
    """Errors of outputs that are the same in each epoch."""
    return [[final] * epochs for final in finals]


def read(log_dir: pathlib.Path, dataset: str = "cifar10") -> list[recorded_run.Run]:
    """All finished runs."""
    return frame.read_runs(str(log_dir), dataset)
