"""run: trains one configuration in a directory of its own, which it locks, claims and keeps the state of."""

import dataclasses
import math
import os
import time

import keras
from absl import logging

from collab_ensembles import files
from collab_ensembles.data import Dataset
from collab_ensembles.errors import ConfigError, RunDirectoryError, UnavailableDataError, one_line
from collab_ensembles.machine import JAX
from collab_ensembles.models.compiled_epoch import Device
from collab_ensembles.models.model import Model
from collab_ensembles.networks import exported
from collab_ensembles.runs import (
    backends,
    checkpoint_file,
    compiled_fit,
    kept_files,
    naming,
    run_data,
    run_directory,
    run_model,
    run_training,
    start_weights,
)
from collab_ensembles.runs.run_directory import DataFacts, Status
from collab_ensembles.runs.run_options import Options
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.team import Team

_LOCK_PATIENCE = 20.0
"""Seconds to wait for another process to end, for example the training of a killed sweep."""


def run(
    config: RunConfig,
    directory: str,
    options: Options | None = None,
    dataset: Dataset | None = None,
    lock_patience: float = _LOCK_PATIENCE,
    device: Device | None = None,
) -> Status:
    """Trains one configuration and leaves its statistics and checkpoints in `directory`.

    A run that is done, or was stopped after the same number of epochs, is not changed. An interrupted run continues
    from its newest good checkpoint. Its statistics are equal, bit for bit, to those of an uninterrupted run on the same
    machine with the same number of threads. If data or files are refused, nothing is changed.

    Keras' backend computes it: TensorFlow, or JAX if KERAS_BACKEND said so when Keras was imported.

    Args:
      config: what to train.
      directory: the run directory; created if missing.
      options: how to compute the run; default: `Options()`.
      dataset: the data, if they are loaded already; default: the data that `config` names.
      lock_patience: the seconds to wait for another process that trains the same run.
      device: with JAX, the programs and data that several runs share.

    Returns:
      The status at the end: `done`, or `stopped` if `stop_after` came first.

    Raises:
      DivergenceError: a cost became infinite or undefined.
      OtherDataError: the directory holds results of other data.
      OtherBackendError: or of another of Keras' backends.
      CollabError: settings and data do not fit, data are missing, or the directory cannot be written or belongs to
        another run.
    """
    training = in_epochs(config, directory, options, dataset, lock_patience)
    return compiled_fit.alone(training, device or Device())


def check(config: RunConfig, directory: str, options: Options, dataset: Dataset | None = None) -> None:
    """Builds the model of a run, and changes nothing; raises what `run` raises for data or files that it refuses."""
    _check_backend(config, options)
    dataset = dataset or run_data.load(_located(config, directory), options.data_dir)
    _fitting_model(config, directory, run_data.facts(dataset))


def in_epochs(
    config: RunConfig,
    directory: str,
    options: Options | None = None,
    dataset: Dataset | None = None,
    lock_patience: float = _LOCK_PATIENCE,
) -> compiled_fit.Training:
    """The same for runs that are trained together; with TensorFlow, a training has no epochs to be computed."""
    options = options or Options()
    _check_backend(config, options)
    registry.check_team(config, options.team is not None)
    is_done = run_directory.is_done(directory, options.stop_after)
    if dataset is None:
        try:
            dataset = run_data.load(_located(config, directory), options.data_dir, fetch=not is_done)
        except UnavailableDataError as error:
            if not is_done:
                raise
            run_data.warn_not_compared(directory, error)
            return run_directory.read_status(directory)
    data = run_data.facts(dataset)
    # Built here, so that no run directory is made if files are refused.
    model = None if is_done else _fitting_model(config, directory, data, options.team)
    files.make_directory(directory)
    with run_directory.lock(directory, patience=lock_patience):
        is_done = run_directory.is_done(directory, options.stop_after)
        run_data.check_unchanged(directory, data, is_done)
        backends.check_unchanged(directory, keras.config.backend(), is_done, options.change_backend)
        if is_done:
            return run_directory.read_status(directory)
        model = model or run_model.build(config, directory, data, options.team)
        run_data.announce(dataset, data.digest)
        _claim(directory, config)
        status = _begun(directory)
        status.data = data
        try:
            model = _with_kept_files(model, config, directory, options, dataset, data)
            yield from run_training.train(model, config, directory, status, options, dataset, data)
        except Exception as error:
            _end(directory, status, "failed", f"{type(error).__name__}: {one_line(error)}"[:500])
            raise
        except BaseException:
            _end(directory, status, "stopped", "interrupted")
            raise
        _end(directory, status, "done" if status.epochs_done == config.epochs else "stopped")
        return status


def _fitting_model(config: RunConfig, directory: str, data: DataFacts, team: Team | None = None) -> Model:
    """Builds the model; raises ConfigError if the weights that it begins with do not fit."""
    model = run_model.build(config, directory, data, team)
    start_weights.check_model(_located(config, directory), directory, model)
    return model


def _check_backend(config: RunConfig, options: Options) -> None:
    """Raises ConfigError if this process's backend cannot train such a run, or so."""
    backend = keras.config.backend()
    backends.check_system(config, backend)
    if options.tensorboard and backend == JAX:
        raise ConfigError(f"--tensorboard: its logs are written by TensorFlow; received --backend={backend}")


def _located(config: RunConfig, directory: str) -> RunConfig:
    """The settings with the present paths of the run's files; checks that the directory is empty or of this run."""
    if not os.path.exists(os.path.join(directory, "config.json")):
        return config
    if run_directory.read_config(directory) != config:
        raise RunDirectoryError(f"{directory}: has a run with other settings; choose another directory")
    return run_directory.read_located(directory)


def _claim(directory: str, config: RunConfig) -> None:
    """Creates the run directory and removes incomplete files of a killed process."""
    # Another process may have made it in the meantime.
    _located(config, directory)
    if not os.path.exists(os.path.join(directory, "config.json")):
        run_directory.write_config(directory, config)
    for name in ("", checkpoint_file.DIRECTORY, start_weights.FOLDER, *kept_files.folders(config)):
        files.remove_temporaries(os.path.join(directory, name))


def _begun(directory: str) -> Status:
    """Writes the status `running` and keeps the records of earlier attempts."""
    try:
        earlier = run_directory.read_status(directory)
    except RunDirectoryError:
        earlier = Status()
    status = dataclasses.replace(earlier, state="running", reason="", started=time.time(), ended=0.0)
    run_directory.write_status(directory, status)
    return status


def _with_kept_files(
    model: Model, config: RunConfig, directory: str, options: Options, dataset: Dataset, data: DataFacts
) -> Model:
    """Keeps the files that the run needs in its directory, trains runs for those that are missing; gives the model."""
    kept_files.keep(config, directory)
    start_weights.keep(run_directory.read_located(directory), directory)
    for field, needed in config.needed_runs().items():
        if not kept_files.has(config, directory, field):
            kept_files.add(config, directory, field, _trained_first(field, needed, directory, options, dataset))
    if not kept_files.folders(config):
        return model
    # From the copies: the files may have been written anew while this process waited for the lock.
    return run_model.build(config, directory, data, options.team)


def _trained_first(field: str, config: RunConfig, directory: str, options: Options, dataset: Dataset) -> bytes:
    """Trains a run that another one needs, in a directory beside it, which others share; returns its Keras file."""
    name = os.path.basename(naming.run_directory("", config))
    beside = os.path.join(os.path.dirname(os.path.abspath(directory)), name)
    logging.info("first the %s, in %s; if another process trains it, this one waits", field, beside)
    run(config, beside, dataclasses.replace(options, stop_after=None), dataset, lock_patience=math.inf)
    model, _ = run_model.restore(beside)
    return exported.content(model.inference_network(model.inference_names()[0]))


def _end(directory: str, status: Status, state: str, reason: str = "") -> None:
    status.state, status.reason, status.ended = state, reason, time.time()
    run_directory.write_status(directory, status)
