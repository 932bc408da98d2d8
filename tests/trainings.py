"""Trainings of a few seconds within the process of the tests, and the statistics that they leave."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from collab_ensembles.runs import naming, run
from collab_ensembles.settings.config import RunConfig

TINY = RunConfig(members=("B2R1F2", "B1R1F3"), train_limit=96, batch_size=32, epochs=2)

# Settings of other systems.
SMALL: dict[str, Any] = {"train_limit": 96, "batch_size": 32, "epochs": 2, "learning_rate": 0.02}
TREE = {**SMALL, "system": "multihead", "members": ("densenet7-2",)}

Contents = dict[str, dict[str, Any]]


def train(config: RunConfig, directory: Path, data_dir: str, **options: Any) -> Contents:
    """Trains, and gives the content of the pickle of each output."""
    run.run(config, str(directory), run.Options(data_dir, **options))
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
