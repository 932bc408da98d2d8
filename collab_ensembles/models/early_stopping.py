"""Ends a training when a validation part gets no better, and takes back the best weights."""

from typing import Any

import keras
import numpy as np
from absl import logging

from collab_ensembles.models.model import Model
from collab_ensembles.tensor import Tensor

_MANY = 500
"""Validation examples in one batch."""


class EarlyStopping(keras.callbacks.Callback):
    """A callback that watches the cross-entropy of the group's prediction on validation examples.

    When it had no lower value for `patience` epochs, and at the latest after the last epoch,
    training ends: the members get the weights that they had after the epoch with the lowest value (of equal ones, the
    first). The optimizer's state stays as it is. All of this is in `variables`, so that a training that is resumed ends
    in the same way.
    """

    def __init__(self, network: Model, images: np.ndarray, labels: np.ndarray, patience: int, epochs: int) -> None:
        """Takes the model, compiled or not.

        Args:
          network: the model; its members are built.
          images: of the validation, uint8 [examples, height, width, channels].
          labels: int32 [examples].
          patience: the epochs without a lower cost after which training ends.
          epochs: the length of the whole training.
        """
        super().__init__()
        self._images, self._labels, self._patience, self._epochs = images, labels, patience, epochs
        self._network = network
        self._members = network.member_variables()
        self._best = {
            key: keras.Variable(each, trainable=False, dtype=each.dtype) for key, each in self._members.items()
        }
        kinds = {"best_epoch": "int64", "ended_after": "int64", "lowest_cost": "float64"}
        self._progress = {name: keras.Variable(0, trainable=False, dtype=kind) for name, kind in kinds.items()}
        self._compute: Any = None

    @property
    def variables(self) -> dict[str, keras.Variable]:
        """What a checkpoint has to save, by permanent names."""
        best = {f"early_stopping/best/{key}": each for key, each in self._best.items()}
        return best | {f"early_stopping/{name}": each for name, each in self._progress.items()}

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, of the lowest validation cost so far; 0 before the first."""
        return int(self._progress["best_epoch"])

    @property
    def ended_after(self) -> int:
        """The last epoch that was trained, from 1; 0 as long as training goes on."""
        return int(self._progress["ended_after"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Validates an epoch, counted from 0."""
        cost, done = self.validation_cost(), epoch + 1
        if not self.best_epoch or cost < float(self._progress["lowest_cost"]):
            self._progress["lowest_cost"].assign(cost)
            self._progress["best_epoch"].assign(done)
            for key, variable in self._members.items():
                self._best[key].assign(variable)
        if done - self.best_epoch < self._patience and done < self._epochs:
            return
        for key, variable in self._members.items():
            variable.assign(self._best[key])
        self._progress["ended_after"].assign(done)
        self._network.stop_training = True
        logging.info(
            "training ends after epoch %d of %d: the validation cost was lowest after epoch %d (%.4f)%s",
            done,
            self._epochs,
            self.best_epoch,
            float(self._progress["lowest_cost"]),
            "; its weights are taken back" if self.best_epoch < done else "",
        )

    def validation_cost(self) -> float:
        """The mean cross-entropy of labels and the group's prediction, without weight decay."""
        if self._compute is None:
            import tensorflow as tf

            # Compiled once for all epochs.
            self._compute = tf.function(self._logits, autograph=False, jit_compile=self._network.jit_compile or None)
        total = 0.0
        for start in range(0, len(self._labels), _MANY):
            logits = np.asarray(self._compute(self._images[start : start + _MANY]), np.float64)
            labels = self._labels[start : start + _MANY]
            logits = logits - logits.max(axis=1, keepdims=True)
            costs = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]
            total += float(costs.sum())
        return total / len(self._labels)

    def _logits(self, images: Tensor) -> Tensor:
        return self._network(images, training=False)
