"""Checkpoints: every variable of model and optimizer in one file without pickled objects."""

import os
import re

import keras
import numpy as np

from collab_ensembles import files
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.models import Model

_NAME = re.compile(r"epoch-(\d{5})\.npz")


def save(directory: str, epoch: int, model: Model) -> None:
    """Writes `epoch-<epoch>.npz` atomically, then removes all but the last two.

    Args:
      directory: where checkpoints are kept; created if missing.
      epoch: how many epochs have been trained.
      model: the model, compiled.
    """
    files.make_directory(directory)
    with files.atomic_write(_path(directory, epoch)) as file:
        np.savez(file, allow_pickle=False, **{key: np.asarray(value) for key, value in _variables(model).items()})
    for old in _saved_epochs(directory)[:-2]:
        os.unlink(_path(directory, old))


def restore(directory: str, epoch: int, model: Model) -> None:
    """Puts the values after `epoch` epochs into the model's variables, and the optimizer's if compiled.

    Raises:
      RunDirectoryError: there is no such checkpoint, or it is not one of this model.
    """
    path = _path(directory, epoch)
    try:
        # NumPy leaves a file that it opens itself open where it turns out to be damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as values:
            for key, variable in _variables(model).items():
                variable.assign(values[key])
    except FileNotFoundError as error:
        raise RunDirectoryError(f"{path}: no such checkpoint; train the run for at least one epoch") from error
    except Exception as error:  # what damaged bytes raise has no end
        raise RunDirectoryError(f"{path}: not a checkpoint of this model ({error}); train the run again") from error


def _saved_epochs(directory: str) -> list[int]:
    matches = map(_NAME.fullmatch, os.listdir(directory))
    return sorted(int(match.group(1)) for match in matches if match)


def _path(directory: str, epoch: int) -> str:
    return os.path.join(directory, f"epoch-{epoch:05d}.npz")


def _variables(model: Model) -> dict[str, keras.Variable]:
    variables = {
        f"{name}/{variable.path}": variable for name, member in model.members.items() for variable in member.variables
    }
    if model.compiled and model.optimizer is not None:
        variables |= {f"optimizer/{index}": variable for index, variable in enumerate(model.optimizer.variables)}
    return variables
