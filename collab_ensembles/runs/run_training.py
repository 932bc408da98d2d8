"""Trains the model of a run, from its newest checkpoint on, and records each epoch."""

import os
import time
from collections.abc import Generator
from typing import Any

import keras
import numpy as np
from absl import logging

from collab_ensembles import environment
from collab_ensembles.data import Dataset, catalogue
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.data.class_weights import balanced
from collab_ensembles.data.label_noise import LabelNoise
from collab_ensembles.errors import ConfigError, DivergenceError
from collab_ensembles.machine import JAX
from collab_ensembles.methods.assembly import compile_for_training
from collab_ensembles.models.compiled_epoch import Epoch
from collab_ensembles.models.early_stopping import EarlyStopping
from collab_ensembles.models.model import Model
from collab_ensembles.models.schedules import Rate
from collab_ensembles.runs import (
    backends,
    checkpoint,
    checkpoint_file,
    compiled_fit,
    mistakes,
    naming,
    run_directory,
    start_weights,
    system_code,
    uncertainty,
)
from collab_ensembles.runs.logger import Logger, Record
from collab_ensembles.runs.run_directory import DataFacts, Status
from collab_ensembles.runs.run_model import evaluation_batches
from collab_ensembles.runs.run_options import Options
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.training_control import BALANCED


def train(
    model: Model,
    config: RunConfig,
    directory: str,
    status: Status,
    options: Options,
    dataset: Dataset,
    data: DataFacts,
) -> Generator[Epoch, None, None]:
    """Trains, and leaves statistics and checkpoints in the directory of the run; yields as `compiled_fit.fit` does.

    Args:
      model: built from the files that are kept in the directory.
      config: its settings.
      directory: of the run, locked.
      status: of the run, with its data; written again after each epoch.
      options: how to compute the run.
      dataset: the data.
      data: the facts of the data.

    Raises:
      DivergenceError: a cost became infinite or undefined.
      CollabError: the directory cannot be written.
    """
    checkpoints, digest = os.path.join(directory, checkpoint_file.DIRECTORY), config.digest()
    compile_for_training(model, config)
    parted, held_out = dataset.parted(config.held_out(len(dataset.train_labels)))
    batches = _training_batches(config, parted)
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
        start_weights.assign(run_directory.read_located(directory), directory, model)
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
        facts = {**environment.describe(config.precision, options.threads), **system_code.fact(config.system)}
        _note_attempt(directory, status, facts, first_epoch)
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
        is_tested=config.is_tested,
        graph_seconds=options.graph_seconds,
    )
    of_members: list[np.ndarray] = []
    records = [*([early] if early else []), _divergence_guard(model, config, checkpoints), logger]
    test = evaluation_batches(dataset.test_images, dataset.test_labels)
    if keras.config.backend() == JAX:
        epochs = range(first_epoch, last_epoch)
        of_members = yield from compiled_fit.fit(model, config, batches, test, data.digest, epochs, [*clocks, *records])
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
            validation_freq=[epoch + 1 for epoch in range(config.epochs) if config.is_tested(epoch)],
            callbacks=[*clocks, *model.callbacks(training), *records],
            class_weight=weights,
        )
    if status.epochs_done == config.epochs:
        if of_members:
            logits = uncertainty.outputs_of(model.with_ensemble(of_members))
        else:
            logits = uncertainty.outputs(model, dataset.test_images)
        uncertainty.keep(directory, status.epochs_done, uncertainty.measure(logits, dataset.test_labels))
        wrong = mistakes.measure(logits, model.answer, dataset.test_images, dataset.test_labels)
        mistakes.write(directory, status.epochs_done, wrong)


def _note_attempt(directory: str, status: Status, facts: dict[str, Any], first_epoch: int) -> None:
    """Records the present environment in the status, and the epoch after which training continues."""
    earlier = status.environment
    known = {**earlier, "backend": backends.of(status)} if earlier else {}
    changed = [f"{key} {known[key]}, now {value}" for key, value in facts.items() if known.get(key, value) != value]
    if changed:
        status.earlier_environments.append(earlier)
        logging.warning(
            "%s: the run began with %s; its numbers may differ, if only in their last bits",
            directory,
            "; ".join(changed),
        )
    status.environment = facts
    if first_epoch:
        status.resumed.append(first_epoch)


def _divergence_guard(model: Model, config: RunConfig, checkpoints: str) -> keras.callbacks.Callback:
    """Ends a training after an epoch with a cost that is not finite, before the epoch is saved."""

    def check(epoch: int, logs: Any) -> None:
        for part, prefix in (("training", ""), ("test", "val_"))[: 1 + config.is_tested(epoch)]:
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
    if not all(isinstance(rates.get(name), Rate) for name in variables):
        given = ", ".join(f"{name} a {type(rate).__name__}" for name, rate in rates.items())
        raise ConfigError(
            f"--system={config.system}: learning_rates in {registry.method(config.system).training} gave {given}; "
            f"needed: a Rate for each of {', '.join(variables)}"
        )
    within = {name: rate for name, rate in rates.items() if rate.by_step}
    if within and keras.config.backend() == JAX:
        raise ConfigError(
            f"--system={config.system}: the rate of {', '.join(within)} changes by the step, which only TensorFlow "
            "obeys; leave out JAX among the system's backends"
        )
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


def _training_batches(config: RunConfig, dataset: Dataset) -> BatchManager:
    labels, noise = dataset.train_labels, None
    if config.label_noise > 0:
        noise = LabelNoise(
            labels, dataset.num_classes, config.label_noise, dataset.name, config.seed, dataset.num_train
        )
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
