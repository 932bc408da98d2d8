"""Run directories with invented statistics, written without training anything."""

import hashlib
import pathlib
import pickle
from typing import Any

import numpy as np

from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig

KEYS = ("train_costs", "train_errors", "test_costs", "test_errors", "train_costs_mean", "train_errors_mean")
OUTPUTS = ("000", "001", "Ensemble")


def series(number: int, key: str, epochs: int) -> np.ndarray:
    """Invented values that differ between runs, outputs, keys and epochs; errors as fractions."""
    start = (number + 1) * 0.001 + KEYS.index(key) * 0.0001
    return np.array([start + 0.00001 * (epochs - epoch) for epoch in range(epochs)])


def write_run(
    log_dir: pathlib.Path,
    config: RunConfig,
    contents: dict[str, dict[str, Any]],
    state: str = "done",
    name: str | None = None,
) -> pathlib.Path:
    """Writes the directory of a run of ST and M, or of other members that give as many outputs.

    Args:
      log_dir: the log directory.
      config: the run's settings.
      contents: the content of a pickle by the end of its name: `000`, `001`, ... and `Ensemble`.
      state: what the status says.
      name: of the directory; default: one that is unlike any other.

    Returns:
      The run directory.
    """
    directory = log_dir / (name or config.digest()[:12])
    run_directory.write_config(str(directory), config)
    pickles = {}
    for end, content in contents.items():
        path = directory / f"{config.run_name()}_{end}.pkl"
        with path.open("wb") as file:
            pickle.dump(content, file, protocol=4)
        pickles[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    run_directory.write_status(str(directory), Status(state=state, pickles=pickles))
    return directory


def invented(number: int, epochs: int) -> dict[str, dict[str, Any]]:
    """Contents for `write_run`: each output of each run has numbers of its own."""
    return {
        end: {
            **{key: series(10 * number + index, key, epochs) for key in KEYS},
            "start_time": 1.0,
            "end_time": 2.0,
            "params": {"collab_method": "None"},
        }
        for index, end in enumerate(OUTPUTS)
    }


def with_final(errors: tuple[float, float, float], costs: tuple[float, float, float], epochs: int) -> dict[str, Any]:
    """Contents whose last test errors, in percent, and test costs are these."""
    contents = invented(0, epochs)
    for content, error, cost in zip(contents.values(), errors, costs, strict=True):
        content["test_errors"][-1], content["test_costs"][-1] = error / 100, cost
    return contents
