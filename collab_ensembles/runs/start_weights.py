"""The weights that a run takes over from another run, kept in its directory.

So a run that is begun again later has the weights that it began with, even if the other run was moved or changed. The
name of the copy has the SHA-256 of what was taken.
"""

import dataclasses
import glob
import os
from typing import TYPE_CHECKING

import numpy as np
from absl import logging

from collab_ensembles import files
from collab_ensembles.errors import CollabError, ConfigError, RunDirectoryError, one_line
from collab_ensembles.runs import checkpoint_file, run_directory
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text

if TYPE_CHECKING:
    from collab_ensembles.models.model import Model

FOLDER = "continued_from"
"""The folder of the copy in a run directory."""

_MUST_AGREE = ("system", "members", "resnet", "graph", "heads", "split_points")
"""Settings that decide which weights there are; some systems have only some of them."""


def check(config: RunConfig, directory: str) -> None:
    """Checks what can be checked without the model.

    Raises:
      ConfigError: the other run is not there, not finished or of other networks, kept no checkpoint, or is not the one
        that the run in `directory` began with.
    """
    if not config.continue_from:
        return
    copy = _copy(directory)
    try:
        taken = _checkpoint(config)
    except ConfigError:
        if copy:
            # This run has its weights, whatever became of the other one.
            return
        raise
    if copy and os.path.basename(copy) != _name(taken):
        raise ConfigError(
            f"--continue_from={config.continue_from}: {directory} began with other weights of this name; use another "
            "--log_dir"
        )


def check_model(config: RunConfig, directory: str, model: "Model") -> None:
    """Raises ConfigError if the weights do not fit a model."""
    if config.continue_from:
        _values(config, _copy(directory) or _checkpoint(config), model)


def keep(config: RunConfig, directory: str) -> None:
    """Copies the checkpoint with the weights into a run directory, unless it is there."""
    if not config.continue_from or _copy(directory):
        return
    path = _checkpoint(config)
    files.make_directory(os.path.join(directory, FOLDER))
    with open(path, "rb") as file:
        files.write_bytes(os.path.join(directory, FOLDER, _name(path)), file.read())


def assign(config: RunConfig, directory: str, model: "Model") -> None:
    """Gives the members of a model the weights that are kept in a run directory, and says what that means."""
    copy = _copy(directory)
    if not config.continue_from or copy is None:
        return
    values = _values(config, copy, model)
    for key, variable in model.member_variables().items():
        variable.assign(values[key])
    logging.info(
        "begins with the weights of %s (SHA-256 %s); optimizer, schedule and the order of the examples begin anew",
        config.continue_from,
        os.path.basename(copy)[:8],
    )
    if os.path.isdir(config.continue_from):
        _say_what_is_missing(config)


def located(config: RunConfig, directory: str) -> RunConfig:
    """The settings with the path of the copy in a run directory."""
    copy = _copy(directory) if config.continue_from else None
    return dataclasses.replace(config, continue_from=copy) if copy else config


def _say_what_is_missing(config: RunConfig) -> None:
    """Logs why this is not a longer run of the other one."""
    source = run_directory.read_config(config.continue_from)
    longer = dataclasses.replace(source, epochs=source.epochs + config.epochs)
    rates = [registry.training(each).learning_rates(each) for each in (source, longer)]
    own, other = (next(iter(each.values())).of(source.epochs - 1) for each in rates)
    if own != other:
        logging.info(
            "this is another training than %d epochs at once: there the learning rate would still have been %g in "
            "epoch %d, where that run had %g; for it, train with --epochs=%d and without --continue_from",
            longer.epochs,
            other,
            source.epochs,
            own,
            longer.epochs,
        )


def _checkpoint(config: RunConfig) -> str:
    """The path of the last checkpoint of the other run; of a file that is given, itself."""
    path = config.continue_from
    flag = f"--continue_from={path}"
    if os.path.isfile(path):
        return path
    try:
        source, status = run_directory.read_config(path), run_directory.read_status(path)
    except RunDirectoryError as error:
        raise ConfigError(f"{flag}: needed: the directory of a finished run ({one_line(error)})") from error
    if status.state != "done":
        raise ConfigError(
            f"{flag}: {status.state} after {status.epochs_done} of {source.epochs} epochs; train it to its end first"
        )
    for name in _MUST_AGREE:
        theirs, ours = (getattr(each, name, None) for each in (source, config))
        if theirs != ours:
            raise ConfigError(
                f"{flag}: has --{name}={as_text(theirs)}; received --{name}={as_text(ours)}; give the same"
            )
    directory = os.path.join(path, checkpoint_file.DIRECTORY)
    epochs = checkpoint_file.saved_epochs(directory)
    if not epochs or epochs[-1] != source.epochs:
        raise ConfigError(f"{flag}: kept no checkpoint after its last epoch; train it again in another --log_dir")
    return checkpoint_file.path(directory, epochs[-1])


def _values(config: RunConfig, path: str, model: "Model") -> dict[str, np.ndarray]:
    try:
        values = checkpoint_file.read(path)
    except CollabError as error:
        raise ConfigError(f"--continue_from={config.continue_from}: {one_line(error)}") from error
    for key, variable in model.member_variables().items():
        needed = tuple(variable.shape)
        received = values[key].shape if key in values else None
        if received != needed:
            raise ConfigError(
                f"--continue_from={config.continue_from}: its weights do not fit: {key} has the shape {received}; "
                f"needed: {needed}"
            )
    return values


def _copy(directory: str) -> str | None:
    """The path of the copy, None if there is none; its name has the SHA-256 of its content."""
    for path in glob.glob(os.path.join(glob.escape(directory), FOLDER, "*.npz")):
        if os.path.basename(path) != _name(path):
            raise RunDirectoryError(
                f"{path}: changed, since its name is not the SHA-256 of its content; remove it, then the run takes the "
                "weights again"
            )
        return path
    return None


def _name(path: str) -> str:
    return f"{run_directory.sha256(path)}.npz"
