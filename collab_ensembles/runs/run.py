"""run: connects configuration, data, model, training and logging."""

import dataclasses
import math
import os
import time
from collections.abc import Generator
from typing import Any

import keras
import numpy as np
from absl import logging

from collab_ensembles import environment, files
from collab_ensembles.data import Dataset, catalogue
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.data.class_weights import balanced
from collab_ensembles.data.label_noise import LabelNoise
from collab_ensembles.errors import ConfigError, DivergenceError, RunDirectoryError, UnavailableDataError, one_line
from collab_ensembles.machine import JAX
from collab_ensembles.methods.assembly import build_model, compile_for_training
from collab_ensembles.models.compiled_epoch import Device, Epoch
from collab_ensembles.models.early_stopping import EarlyStopping
from collab_ensembles.models.model import Model
from collab_ensembles.networks import exported
from collab_ensembles.runs import (
    backends,
    checkpoint,
    checkpoint_file,
    compiled_fit,
    kept_files,
    mistakes,
    naming,
    run_data,
    run_directory,
    start_weights,
    uncertainty,
)
from collab_ensembles.runs.logger import Logger, Record
from collab_ensembles.runs.run_directory import DataFacts, Status
from collab_ensembles.runs.run_options import Options
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.training_control import BALANCED

_TEST_BATCH_SIZE = 500
"""Batch size of evaluation. Test statistics are means over samples, so it affects speed and memory only."""


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
    _built(config, directory, run_data.facts(dataset))


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
    model = None
    if not is_done:
        model = _built(config, directory, data, options)
        start_weights.check_model(_located(config, directory), directory, model)
    files.make_directory(directory)
    with run_directory.lock(directory, patience=lock_patience):
        is_done = run_directory.is_done(directory, options.stop_after)
        run_data.check_unchanged(directory, data, is_done)
        backends.check_unchanged(directory, keras.config.backend(), is_done, options.change_backend)
        if is_done:
            return run_directory.read_status(directory)
        model = model or _built(config, directory, data, options)
        run_data.announce(dataset, data.digest)
        _claim(directory, config)
        status = _begun(directory)
        try:
            yield from _train(model, config, directory, status, options, dataset, data)
        except Exception as error:
            _end(directory, status, "failed", f"{type(error).__name__}: {one_line(error)}"[:500])
            raise
        except BaseException:
            _end(directory, status, "stopped", "interrupted")
            raise
        _end(directory, status, "done" if status.epochs_done == config.epochs else "stopped")
        return status


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


def _note_attempt(directory: str, status: Status, facts: dict[str, Any], first_epoch: int) -> None:
    """Records the present environment in the status, and the epoch after which training continues."""
    earlier = status.environment
    known = {**earlier, "backend": backends.of(status)} if earlier else {}
    changed = [f"{key} {known[key]}, now {value}" for key, value in facts.items() if known.get(key, value) != value]
    if changed:
        status.earlier_environments.append(earlier)
        logging.warning(
            "%s: the run began with %s; the last bits of its numbers may differ", directory, "; ".join(changed)
        )
    status.environment = facts
    if first_epoch:
        status.resumed.append(first_epoch)


def restore(directory: str) -> tuple[Model, Status]:
    """Rebuilds the model of a run with the weights of its newest checkpoint; also returns the status at that epoch.

    Raises:
      RunDirectoryError: the directory has no run, or one that has not been trained for an epoch.
    """
    config, status = run_directory.read_config(directory), run_directory.read_status(directory)
    if status.data is None:
        raise RunDirectoryError(f"{directory}: nothing trained yet (state {status.state}); train the run first")
    model = _built(config, directory, status.data)
    record = checkpoint.restore(os.path.join(directory, checkpoint_file.DIRECTORY), model, config.digest())
    if record is None:
        advice = (
            "it was not kept; train the run again in another --log_dir"
            if status.state == "done"
            else "train the run for at least one epoch"
        )
        raise RunDirectoryError(f"{directory}: no usable checkpoint; {advice}")
    return model, dataclasses.replace(status, epochs_done=record.epochs_done, test_errors=record.test_errors())


def evaluate(model: Model, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The sample-weighted statistics of members and ensemble, batch normalisation in inference mode.

    Args:
      model: compiled or not.
      images: uint8 [examples, height, width, channels].
      labels: integers [examples], or another form that `BatchManager` takes.

    Returns:
      `<output>_cost` and `<output>_error` (a fraction) for each of `model.statistics_names`.
    """
    if not model.compiled:
        model.compile()
    statistics: dict[str, float] = model.evaluate(_test_batches(images, labels).dataset(), verbose=0, return_dict=True)
    return {
        f"{name}_{kind}": float(statistics[f"{name}_{kind}"])
        for name in model.statistics_names
        for kind in ("cost", "error")
    }


def _train(
    model: Model,
    config: RunConfig,
    directory: str,
    status: Status,
    options: Options,
    dataset: Dataset,
    data: DataFacts,
) -> Generator[Epoch, None, None]:
    checkpoints, digest = os.path.join(directory, checkpoint_file.DIRECTORY), config.digest()
    status.data = data
    kept_files.keep(config, directory)
    present = run_directory.read_located(directory)
    start_weights.keep(present, directory)
    for field, needed in config.needed_runs().items():
        if not kept_files.has(config, directory, field):
            kept_files.add(config, directory, field, _trained_first(field, needed, directory, options, dataset))
    if kept_files.folders(config):
        # From the copies: the files may have been written anew while this process waited for the lock.
        model = _built(config, directory, data, options)
    compile_for_training(model, config)
    num_train = 0
    if config.label_noise > 0:
        num_train = catalogue.describe(present.dataset, config.split, config.folder_reading()).num_train
    parted, held_out = dataset.parted(config.held_out(len(dataset.train_labels)))
    batches = _training_batches(config, parted, num_train)
    memory_before = environment.peak_memory()
    early = None
    if config.early_stopping and held_out is not None:
        early = EarlyStopping(model, *held_out, config.early_stopping, config.epochs)
    further = early.variables if early else {}
    restored = checkpoint.restore(checkpoints, model, digest, further)
    first_epoch = restored.epochs_done if restored else 0
    if restored is None:
        # The training starts again; it uses nothing of earlier attempts.
        vars(status).update(vars(Status(state=status.state, started=status.started, data=data)))
        start_weights.assign(present, directory, model)
    last_epoch = min(config.epochs, options.stop_after or config.epochs)
    stems = naming.statistics_names(config)

    def report(record: Record) -> None:
        epoch = record.epochs_done
        if epoch > first_epoch and (epoch % options.checkpoint_every == 0 or epoch >= last_epoch):
            checkpoint.save(checkpoints, model, record, digest, further)
        status.epochs_done, status.test_errors, status.ended = epoch, record.test_errors(), time.time()
        status.seconds = record.seconds
        if early and early.ended_after:
            status.ended_after, status.best_epoch = early.ended_after, early.best_epoch
        status.training_memory = max(status.training_memory, environment.peak_memory() - memory_before)
        pickles = [f"{stem}.pkl" for stem in stems.values()]
        status.pickles = {name: run_directory.sha256(os.path.join(directory, name)) for name in pickles}
        run_directory.write_status(directory, status)

    if first_epoch < last_epoch:
        # Otherwise only files are written again; an earlier attempt has computed the epochs.
        _note_attempt(directory, status, environment.describe(config.precision, options.threads), first_epoch)
    if restored:
        logging.info("continuing after epoch %d of %d, from the checkpoint", first_epoch, config.epochs)
    clocks = [batches.epoch_clock(), _clock(model, config, len(batches))]
    logger = Logger(
        directory,
        stems,
        config.epochs,
        config.reference_params(),
        report,
        restored,
        model.further_series,
        taken_back=lambda: early.best_epoch if early and early.ended_after else 0,
    )
    records = [*([early] if early else []), _divergence_guard(model, config, checkpoints), logger]
    test = _test_batches(dataset.test_images, dataset.test_labels)
    if keras.config.backend() == JAX:
        epochs = range(first_epoch, last_epoch)
        yield from compiled_fit.fit(model, config, batches, test, data.digest, epochs, [*clocks, *records])
    else:
        if options.tensorboard:
            from collab_ensembles.runs import tensorboard

            records.append(tensorboard.callback(directory, config))
        weights = None
        if config.class_weight == BALANCED:
            weights = balanced(parted.train_labels, dataset.num_classes)
        training = model.feed(batches, held_out)
        model.fit(
            training,
            initial_epoch=first_epoch,
            epochs=last_epoch,
            shuffle=False,
            verbose=0,
            validation_data=test.dataset(),
            callbacks=[*clocks, *model.callbacks(training), *records],
            class_weight=weights,
        )
    if status.epochs_done == config.epochs:
        logits = uncertainty.outputs(model, dataset.test_images)
        uncertainty.write(directory, last_epoch, None, uncertainty.measure(logits, dataset.test_labels))
        mistakes.write(directory, last_epoch, mistakes.measure(logits, dataset.test_images, dataset.test_labels))


def _trained_first(field: str, config: RunConfig, directory: str, options: Options, dataset: Dataset) -> bytes:
    """Trains a run that another one needs, in a directory beside it, which others share; returns its Keras file."""
    name = os.path.basename(naming.run_directory("", config))
    beside = os.path.join(os.path.dirname(os.path.abspath(directory)), name)
    logging.info("first the %s, in %s; if another process trains it, this one waits", field, beside)
    run(config, beside, dataclasses.replace(options, stop_after=None), dataset, lock_patience=math.inf)
    model, _ = restore(beside)
    return exported.content(model.inference_network(model.inference_names()[0]))


def _built(config: RunConfig, directory: str, data: DataFacts, options: Options | None = None) -> Model:
    """Builds the model of a run with the files that are kept in its directory; without options, not to train it."""
    located = kept_files.located(config, directory)
    return build_model(located, data.image_shape, data.num_classes, options.team if options else None)


def _divergence_guard(model: Model, config: RunConfig, checkpoints: str) -> keras.callbacks.Callback:
    """Ends a training after an epoch with a cost that is not finite, before the epoch is saved."""

    def check(epoch: int, logs: Any) -> None:
        for part, prefix in (("training", ""), ("test", "val_")):
            for name in model.statistics_names:
                cost = float(logs[f"{prefix}{name}_cost"])
                if not np.isfinite(cost):
                    saved = checkpoint_file.saved_epochs(checkpoints)
                    kept = f"the checkpoint after epoch {saved[-1]} is kept; " if saved else ""
                    raise DivergenceError(
                        f"epoch {epoch + 1}: the {part} cost of {name} is {cost} ({naming.describe(config)}); "
                        f"{kept}try a smaller {config.remedies()}"
                    )

    return keras.callbacks.LambdaCallback(on_epoch_end=check)


def _clock(model: Model, config: RunConfig, steps: int) -> keras.callbacks.Callback:
    """Sets the learning rates for each epoch, or for each step if a rate changes by the step."""
    variables = model.learning_rates()
    rates = registry.training(config).learning_rates(config)
    within = {name: rate for name, rate in rates.items() if rate.by_step}
    current = 0

    def begin(epoch: int, logs: Any) -> None:
        nonlocal current
        current = epoch
        for name, variable in variables.items():
            if name not in within:
                variable.assign(rates[name].of(epoch))

    def step(batch: int, logs: Any) -> None:
        for name, rate in within.items():
            variables[name].assign(rate.of(current + batch / steps))

    return keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_train_batch_begin=step if within else None)


def _training_batches(config: RunConfig, dataset: Dataset, num_train: int) -> BatchManager:
    """The batches of a run; with noise, `num_train` is their number before `--train_limit`."""
    labels, noise = dataset.train_labels, None
    if config.label_noise > 0:
        noise = LabelNoise(labels, dataset.num_classes, config.label_noise, dataset.name, config.seed, num_train)
    return BatchManager(
        dataset.train_images,
        labels,
        config.batch_size,
        shuffle=config.shuffle,
        augment=config.augment,
        mirror=catalogue.is_mirrored(config.dataset),
        black_border=config.black_border,
        noise=noise,
        seed=config.seed,
        unlabelled=config.unlabelled_batches(
            dataset.train_images if dataset.unlabelled is None else dataset.unlabelled
        ),
    )


def _test_batches(images: np.ndarray, labels: np.ndarray) -> BatchManager:
    # If there is no example, BatchManager raises the error.
    return BatchManager(images, labels, min(_TEST_BATCH_SIZE, len(labels) or 1))


def _end(directory: str, status: Status, state: str, reason: str = "") -> None:
    status.state, status.reason, status.ended = state, reason, time.time()
    run_directory.write_status(directory, status)
