"""Checkpoints: everything that a training needs to continue as if it had not stopped, in one verified file.

It holds every variable of the members and of the optimizer, and the statistics so far. Random numbers need no state:
they are functions of seed, stream and epoch. See `checkpoint_file` for its form.
"""

from collections.abc import Mapping
from types import MappingProxyType

import keras
import numpy as np
from absl import logging

from collab_ensembles import files
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.models.model import Model
from collab_ensembles.runs import checkpoint_file
from collab_ensembles.runs.logger import Record

_KEPT = 2
"""If the newest one is damaged, there is another."""
_SERIES = "statistics"


def save(
    directory: str,
    model: Model,
    record: Record,
    digest: str,
    further: Mapping[str, keras.Variable] = MappingProxyType({}),
) -> None:
    """Writes `epoch-<epochs done>.npz` atomically, then removes all except it and the one before.

    Args:
      directory: the directory of the checkpoints; created if missing.
      model: the model; compiled if training should continue from this checkpoint.
      record: the statistics so far.
      digest: of the configuration.
      further: variables to save besides, by permanent names.

    Raises:
      CollabError: the file cannot be written; earlier checkpoints are kept.
    """
    variables = {**model.training_variables(), **further}
    values = {key: np.asarray(variable) for key, variable in variables.items()}
    for output, series in record.series.items():
        values |= {f"{_SERIES}/{output}/{key}": array for key, array in series.items()}
    values["epochs_done"], values["seconds"] = np.array(record.epochs_done), np.array(record.seconds)
    values["digest"] = np.array(digest)
    files.make_directory(directory)
    files.write_bytes(checkpoint_file.path(directory, record.epochs_done), checkpoint_file.sealed(values))
    epochs = checkpoint_file.saved_epochs(directory)
    # Checkpoints of later epochs are damaged: otherwise this epoch would not be trained again.
    earlier = [epoch for epoch in epochs if epoch <= record.epochs_done]
    for epoch in set(epochs) - set(earlier[-_KEPT:]):
        files.remove(checkpoint_file.path(directory, epoch))


def restore(
    directory: str, model: Model, digest: str, further: Mapping[str, keras.Variable] = MappingProxyType({})
) -> Record | None:
    """Loads the newest good checkpoint into the variables of the model and, if compiled, of its optimizers.

    Also into `further` variables, see `save`.

    Damaged checkpoints, and those of other settings, are skipped with a warning.

    Returns:
      The statistics up to that epoch; None if there is no good checkpoint. The model is then unchanged.
    """
    epochs = checkpoint_file.saved_epochs(directory)
    for epoch in reversed(epochs):
        try:
            return _restore_one(checkpoint_file.path(directory, epoch), model, digest, further)
        except RunDirectoryError as error:
            logging.warning("%s; the one before it is used", error)
    if epochs:
        logging.warning("%s: no usable checkpoint is left", directory)
    return None


def _restore_one(path: str, model: Model, digest: str, further: Mapping[str, keras.Variable]) -> Record:
    values = checkpoint_file.read(path)
    variables = {**model.training_variables(), **further}
    try:
        if str(values.pop("digest")) != digest:
            raise ValueError("of other settings")
        record = _record(values)
        differing = [key for key, variable in variables.items() if values[key].shape != tuple(variable.shape)]
        if differing:
            raise ValueError(f"other shapes of {', '.join(differing)}")
    except (KeyError, ValueError) as error:
        raise RunDirectoryError(f"{path}: not a checkpoint of this model ({error})") from error
    for key, variable in variables.items():
        variable.assign(values[key])
    return record


def _record(values: Mapping[str, np.ndarray]) -> Record:
    series: dict[str, dict[str, np.ndarray]] = {}
    for key, array in values.items():
        kind, _, name = key.partition("/")
        if kind == _SERIES:
            output, _, statistic = name.rpartition("/")
            series.setdefault(output, {})[statistic] = array
    return Record(int(values["epochs_done"]), float(values["seconds"]), series)
