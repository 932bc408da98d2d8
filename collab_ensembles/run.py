"""run: the one place that wires configuration, data, model, training and logging together."""

import os
import platform
import shutil
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles import __version__, checkpoint, collaboration, datasets, files, naming, run_directory, schedule
from collab_ensembles.batch_manager import BatchManager
from collab_ensembles.config import RunConfig
from collab_ensembles.datasets import Dataset, catalogue
from collab_ensembles.datasets.catalogue import Description
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.logger import Logger
from collab_ensembles.models import EnsembleModel, Model, SingleModel
from collab_ensembles.networks.resnet import build_resnet
from collab_ensembles.networks.sizes import parse_size
from collab_ensembles.optimizers import Adam
from collab_ensembles.run_directory import DataFacts, Status
from collab_ensembles.streams import Stream, generator

CHECKPOINTS = "checkpoint"
"""The directory of the checkpoints in a run directory."""

_TEST_BATCH_SIZE = 500
"""Test statistics are weighted by the sample: this decides speed and memory, and no result."""


def run(
    config: RunConfig,
    directory: str,
    *,
    data_dir: str | None = None,
    stop_after: int | None = None,
    threads: int | None = None,
) -> Status:
    """Trains one configuration and leaves its statistics and checkpoints in `directory`.

    A run that is done already, or was stopped after as many epochs, is left as it is.

    Args:
      config: what to train.
      directory: the run directory; created if missing.
      data_dir: see `datasets.load`.
      stop_after: end after so many epochs of the schedule that `config.epochs` lays down.
      threads: how many TensorFlow was given; recorded, since equal bits are promised at equal threads.

    Returns:
      The status at the end: `done`, or `stopped` if `stop_after` came first.

    Raises:
      CollabError: settings and data do not fit, data are missing, or the directory is unwritable.
    """
    files.make_directory(directory)
    with run_directory.lock(directory):
        if run_directory.is_done(directory, stop_after):
            return run_directory.read_status(directory)
        return _run_anew(config, directory, data_dir, stop_after, threads)


def _run_anew(
    config: RunConfig, directory: str, data_dir: str | None, stop_after: int | None, threads: int | None
) -> Status:
    # Checkpoints of an attempt that was cut off are not of this one.
    shutil.rmtree(os.path.join(directory, CHECKPOINTS), ignore_errors=True)
    run_directory.write_config(directory, config)
    status = Status(state="running", started=time.time(), environment=_environment(config, threads))
    run_directory.write_status(directory, status)
    try:
        _train(config, directory, status, data_dir, stop_after)
    except Exception as error:
        _end(directory, status, "failed", f"{type(error).__name__}: {' '.join(str(error).split())}"[:500])
        raise
    except BaseException:
        _end(directory, status, "stopped", "interrupted")
        raise
    _end(directory, status, "done" if status.epochs_done == config.epochs else "stopped")
    return status


def build_model(config: RunConfig, image_shape: tuple[int, int, int], num_classes: int) -> Model:
    """The members that a configuration names, initialised from its seed, as one model, not compiled."""
    members = {}
    for index, (name, member) in enumerate(zip(config.member_names(), config.members, strict=True)):
        members[name] = build_resnet(
            parse_size(member),
            image_shape,
            num_classes,
            revision=config.resnet,
            regularization_rate=config.regularization_rate,
            decay_scope=config.decay_scope,
            precision=config.precision,
            random=generator(config.seed, Stream.INITIALISATION, index),
            name=name,
        )
    if len(members) == 1:
        return SingleModel(next(iter(members.values())))
    cost = collaboration.by_name(config.method, config.target_gradient)
    return EnsembleModel(members, cost, config.weight, config.pairing)


def compile_for_training(model: Model, learning_rate: float) -> None:
    """Gives a model the optimizer that runs train with."""
    model.compile(optimizer=Adam(learning_rate), jit_compile=_jit_compile())
    # Variables that appear while the training step is traced have it traced twice.
    model.optimizer.build(model.trainable_variables)


def restore(directory: str) -> tuple[Model, Status]:
    """The model of a run with the weights of its newest checkpoint, and the run's status.

    Raises:
      RunDirectoryError: the directory holds no run, or none that has been trained for an epoch.
    """
    config, status = run_directory.read_config(directory), run_directory.read_status(directory)
    if status.data is None:
        raise RunDirectoryError(f"{directory}: nothing trained yet (state {status.state}); train the run first")
    model = build_model(config, status.data.image_shape, status.data.num_classes)
    checkpoint.restore(os.path.join(directory, CHECKPOINTS), status.epochs_done, model)
    return model, status


def load_data(config: RunConfig, data_dir: str | None) -> Dataset:
    """The data of a configuration, checked against its settings; see `datasets.load`."""
    dataset = datasets.load(config.dataset, data_dir, config.split, config.train_limit)
    config.check_data(Description(dataset.image_shape, len(dataset.train_labels)))
    return dataset


def evaluate(model: Model, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The sample-weighted statistics of members and ensemble, batch normalisation in inference mode.

    Args:
      model: compiled or not.
      images: uint8 [examples, height, width, channels].
      labels: int32 [examples].

    Returns:
      `<output>_cost` and `<output>_error` (a fraction) for each of `model.statistics_names`.
    """
    if not model.compiled:
        model.compile()
    statistics: dict[str, float] = model.evaluate(_test_batches(images, labels), verbose=0, return_dict=True)
    return {
        f"{name}_{kind}": float(statistics[f"{name}_{kind}"])
        for name in model.statistics_names
        for kind in ("cost", "error")
    }


def _train(config: RunConfig, directory: str, status: Status, data_dir: str | None, stop_after: int | None) -> None:
    assert config.epochs is not None
    dataset = load_data(config, data_dir)
    status.data = DataFacts(dataset.name, dataset.image_shape, dataset.num_classes)
    model = build_model(config, dataset.image_shape, dataset.num_classes)
    compile_for_training(model, config.learning_rate)
    batches = BatchManager(
        dataset.train_images,
        dataset.train_labels,
        config.batch_size,
        shuffle=config.shuffle,
        augment=config.augment,
        mirror=catalogue.is_mirrored(config.dataset),
        seed=config.seed,
    )
    stems = naming.statistics_names(config)

    def report(epochs_done: int, test_errors: Any) -> None:
        checkpoint.save(os.path.join(directory, CHECKPOINTS), epochs_done, model)
        status.epochs_done, status.test_errors, status.ended = epochs_done, dict(test_errors), time.time()
        pickles = [f"{stem}.pkl" for stem in stems.values()]
        status.pickles = {name: run_directory.sha256(os.path.join(directory, name)) for name in pickles}
        run_directory.write_status(directory, status)

    model.fit(
        batches.dataset(),
        epochs=min(config.epochs, stop_after or config.epochs),
        shuffle=False,
        verbose=0,
        validation_data=_test_batches(dataset.test_images, dataset.test_labels),
        callbacks=[
            batches.epoch_clock(),
            _learning_rate_clock(model, config.learning_rate, config.epochs),
            Logger(directory, stems, config.epochs, reference_params(config), report),
        ],
    )


def _learning_rate_clock(model: Model, initial: float, epochs: int) -> keras.callbacks.Callback:
    def set_rate(epoch: int, logs: Any) -> None:
        model.optimizer.learning_rate.assign(schedule.learning_rate(initial, epoch + 1, epochs))

    return keras.callbacks.LambdaCallback(on_epoch_begin=set_rate)


def reference_params(config: RunConfig) -> dict[str, Any]:
    """The settings under the names that the reference code's pickles give them."""
    sizes = [parse_size(member) for member in config.members]
    return {
        **config.to_json(),
        "collab_method": "cross_ent" if config.method == "CE" else config.method,
        "collab_weight": config.weight,
        "list_of_params": [
            {"start_filter": size.filters, "num_bricks": size.bricks, "num_times": size.repetitions} for size in sizes
        ],
    }


def _test_batches(images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    return BatchManager(images, labels, min(_TEST_BATCH_SIZE, len(labels))).dataset()


def _end(directory: str, status: Status, state: str, reason: str = "") -> None:
    status.state, status.reason, status.ended = state, reason, time.time()
    run_directory.write_status(directory, status)


def _jit_compile() -> bool:
    """XLA pays on a GPU; on a CPU it gained nothing, and compiling takes seconds."""
    return bool(tf.config.list_physical_devices("GPU"))


def _environment(config: RunConfig, threads: int | None) -> dict[str, Any]:
    return {
        "collab_ensembles": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "precision": config.precision,
        "jit_compile": _jit_compile(),
        "devices": [device.device_type for device in tf.config.list_physical_devices()],
    }
