"""Trainings of a few seconds within the process of the tests, and the statistics that they leave."""

import contextlib
import pickle
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collab_ensembles.models.model import Model
from collab_ensembles.runs import naming, run, run_directory
from collab_ensembles.settings.config import RunConfig

TINY = RunConfig(members=("B2R1F2", "B1R1F3"), train_limit=96, batch_size=32, epochs=2)

# Settings of other systems.
SMALL: dict[str, Any] = {"train_limit": 96, "batch_size": 32, "epochs": 2, "learning_rate": 0.02}
TREE = {**SMALL, "system": "multihead", "members": ("densenet7-2",)}

Contents = dict[str, dict[str, Any]]


@contextlib.contextmanager
def eager_steps() -> Iterator[None]:
    """Meanwhile trainings and evaluations take their steps eagerly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Model, "run_eagerly", property(lambda model: True, lambda model, value: None))
        yield


@contextlib.contextmanager
def copied_after(copies: Mapping[int, Path]) -> Iterator[None]:
    """Meanwhile, the directory of a run is copied after these epochs: what a process leaves that is killed there."""
    write_status = run_directory.write_status

    def write_and_copy(directory: str, status: run_directory.Status) -> None:
        write_status(directory, status)
        if status.state == "running" and status.epochs_done in copies:
            shutil.copytree(directory, copies[status.epochs_done])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_directory, "write_status", write_and_copy)
        yield


def train(config: RunConfig, directory: Path, data_dir: str, **options: Any) -> Contents:
    """Trains, and gives the content of the pickle of each output."""
    run.run(config, str(directory), run.Options(data_dir, **options))
    return read(config, directory)


def read(config: RunConfig, directory: Path) -> Contents:
    """The content of the pickle of each output."""
    contents = {}
    for output, stem in naming.statistics_names(config).items():
        with open(directory / f"{stem}.pkl", "rb") as file:
            contents[output] = pickle.load(file)
    return contents


def series(contents: Contents) -> dict[str, bytes]:
    """All statistics, to the bit."""
    return {
        f"{output}/{key}": value.tobytes()
        for output, content in contents.items()
        for key, value in content.items()
        if isinstance(value, np.ndarray)
    }
