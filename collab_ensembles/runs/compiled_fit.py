"""Trains models by compiled epochs, in place of `fit`: for Keras' JAX backend.

A training is a generator that yields each epoch to be computed. So several can go on together in one program, and each
has its own callbacks, files and failures.
"""

import json
from collections.abc import Callable, Generator, Hashable, Sequence
from typing import TypeAlias

import keras
import numpy as np

from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.models.compiled_epoch import Device, Epoch, Examples
from collab_ensembles.models.compiled_steps import CompiledSteps
from collab_ensembles.models.model import Model
from collab_ensembles.networks import own_files
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.tensor import Tensor

Training: TypeAlias = Generator[Epoch, None, Status]
"""The training of a run, which waits for `Device.compute` after each epoch that it yields. It returns the status."""

_ONLY_VALUES = ("seed", "epochs", "test_every", "learning_rate", "shuffle", "label_noise")
"""Settings that change values of variables, the order of examples or which epochs are tested, but no program."""


def program(config: RunConfig) -> Hashable:
    """What decides the program of a run: runs on the same data with equal ones can share it."""
    inputs = registry.method(config.system).inputs
    settings = {name: value for name, value in config.to_json().items() if name not in (*_ONLY_VALUES, *inputs)}
    if own_files.in_files(config.members):
        # A function of the user's can make another network of each seed.
        settings["seed"] = config.seed
    # A cost of weight 0 is left out of the program. A rate for each member is a variable for each.
    return json.dumps(
        [settings, [bool(getattr(config, name)) for name in inputs], sorted(config.rates())], sort_keys=True
    )


def fit(
    model: Model,
    config: RunConfig,
    training: BatchManager,
    test: BatchManager,
    digest: str,
    epochs: range,
    callbacks: Sequence[keras.callbacks.Callback],
) -> Generator[Epoch, None, list[np.ndarray]]:
    """Trains a compiled model; returns the test logits of the last epoch, or nothing without any epoch or test.

    Args:
      model: compiled for training.
      config: its settings.
      training: the batches of training; one of the callbacks sets the epoch.
      test: the test examples.
      digest: of the data.
      epochs: counted from 0.
      callbacks: as for `fit`; they see epochs, but no batches.
    """
    steps, key = CompiledSteps(model), program(config)
    each = keras.callbacks.CallbackList(callbacks, add_history=False, add_progbar=False, model=model)
    each.on_train_begin()
    logits: list[Tensor] = []
    for number in epochs:
        model.begin_epoch(number)
        each.on_epoch_begin(number)
        own = _examples(training, ("train", digest)), _examples(test, ("test", digest))
        epoch = Epoch(steps, key, *own, is_tested=config.is_tested(number))
        yield epoch
        each.on_epoch_end(number, epoch.logs)
        logits = epoch.test_logits
    each.on_train_end()
    return [np.asarray(of_member) for of_member in logits]


def _examples(batches: BatchManager, name: Hashable) -> Examples:
    """The examples in the order of the epoch that is set."""
    order, labels = batches.order_and_labels()
    distorted = batches.augmentation
    shifts = None
    if distorted is not None:
        rows, columns = distorted.sources
        shifts = rows.astype(np.int32), columns.astype(np.int32)
    images, _ = batches.examples
    border = distorted is not None and distorted.black_border
    apart = () if batches.unlabelled is None else batches.unlabelled.of_epoch(batches.epoch, len(batches))
    return Examples(images, order.astype(np.int32), labels, shifts, batches.batch_size, border, name, apart)


def alone(training: Training, device: Device) -> Status:
    """Computes a training to its end; an error in its computation is one of the training."""
    try:
        epoch = next(training)
        while True:
            try:
                device.compute([epoch])
            except BaseException as error:
                epoch = training.throw(error)
            else:
                epoch = next(training)
    except StopIteration as end:
        status: Status = end.value
        return status


def together(
    trainings: Sequence[Training],
    device: Device,
    ended: Callable[[int, Exception | None], None],
    watch: Callable[[], None],
) -> None:
    """Computes trainings that share a program, epoch by epoch.

    What has ended, or failed, keeps its place in the program, which so is compiled once; nobody reads it any more.

    Args:
      trainings: their epochs have equal programs.
      device: computes them.
      ended: called with the place of each training that has ended, and its error if it failed.
      watch: called after each epoch.
    """
    epochs: dict[int, Epoch] = {}
    going = dict(enumerate(trainings))
    error: BaseException | None = None
    try:
        while going:
            for place, training in list(going.items()):
                try:
                    epochs[place] = next(training) if error is None else training.throw(error)
                except StopIteration:
                    del going[place]
                    ended(place, None)
                except Exception as failure:
                    del going[place]
                    ended(place, failure)
            error = None
            if going:
                for place in epochs.keys() - going.keys():
                    epochs[place].is_tested = False
                try:
                    device.compute(list(epochs.values()))
                except Exception as failure:
                    error = failure
            watch()
    finally:
        for training in going.values():
            training.close()
