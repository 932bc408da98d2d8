"""Model: the base of all groups of networks, with the one training step they share."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from collab_ensembles.models.statistics import EpochStatistics

Tensor = Any

DISAGREEMENT = ("disagreement", "logit_distance")
"""What the statistics of several members have beside costs and errors: the share of examples on which two
members answer differently, and the Euclidean distance of their logits, as means over all pairs."""


class Model(keras.Model):
    """Named members trained at once on one objective.

    A subclass says what the objective is; members, optimizer step, statistics and evaluation are
    common to all. Train it with `compile(optimizer)` and `fit(..., shuffle=False)`.

    Attributes:
      members: the networks by name, in order; each maps float32 [batch, height, width, channels],
        raw pixels from 0 to 255, to logits [batch, classes].
      statistics_names: whose statistics are kept: the members, then, if there are several, `ensemble`.
    """

    def __init__(self, members: Mapping[str, keras.Model], name: str | None = None) -> None:
        """Takes built members.

        Raises:
          ValueError: there are none, or one is named `ensemble`.
        """
        super().__init__(name=name)
        if not members or "ensemble" in members:
            raise ValueError(f"received members {list(members)}; needed: at least one, none of them named 'ensemble'")
        self.members = dict(members)
        self.statistics_names = [*members, "ensemble"] if len(members) > 1 else list(members)
        further = DISAGREEMENT if len(members) > 1 else ()
        self.statistics = EpochStatistics(self.statistics_names, further)
        self.built = True

    def logits(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The logits of every member: float32 [batch, classes] each, for images [batch, h, w, c]."""
        images = keras.ops.cast(images, "float32")
        return [keras.ops.cast(member(images, training=training), "float32") for member in self.members.values()]

    def call(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The same as `logits`."""
        return self.logits(images, training=training)

    def objective(self, labels: Tensor, logits: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What a training step minimises, and the cost of each member on its own.

        Args:
          labels: int32 [batch].
          logits: float32 [batch, classes], one a member.

        Returns:
          A scalar, and one scalar a member: mean cross-entropy plus the member's own weight decay.
          Here the objective is the sum of the latter; Noel (2017), equation 2.1.
        """
        costs = [
            _mean_cross_entropy(labels, member_logits) + sum(member.losses)
            for member, member_logits in zip(self.members.values(), logits, strict=True)
        ]
        return sum(costs), costs

    def train_step(self, data: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """One step of the optimizer on all variables of all members at once."""
        images, labels = data
        with tf.GradientTape() as tape:
            logits = self.logits(images, training=True)
            total, costs = self.objective(labels, logits)
        gradients = tape.gradient(total, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self._record(labels, logits, total, costs)

    def test_step(self, data: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """The statistics of one batch, with batch normalisation in inference mode."""
        images, labels = data
        logits = self.logits(images, training=False)
        total, costs = self.objective(labels, logits)
        return self._record(labels, logits, total, costs)

    def _record(
        self, labels: Tensor, logits: Sequence[Tensor], total: Tensor, costs: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Statistics of members and ensemble.

        The ensemble's prediction is the argmax of the mean of the logits; its cost is the
        cross-entropy of the softmax of that mean, without decay or collaboration.
        """
        batch_size = keras.ops.shape(labels)[0]
        further: Sequence[Tensor] = ()
        if len(logits) > 1:
            further = _disagreement(logits)
            mean_logits = sum(logits) / len(logits)
            logits = [*logits, mean_logits]
            costs = [*costs, _mean_cross_entropy(labels, mean_logits)]
        errors = [_error(labels, output) for output in logits]
        self.statistics.update_state(total, costs, errors, batch_size, further)
        return self.get_metrics_result()


def _mean_cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def _disagreement(logits: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Means over all pairs of members: how often their answers differ, and how far apart their logits are."""
    pairs = list(itertools.combinations(logits, 2))
    answers = [keras.ops.not_equal(keras.ops.argmax(a, axis=-1), keras.ops.argmax(b, axis=-1)) for a, b in pairs]
    distances = [keras.ops.sqrt(keras.ops.sum(keras.ops.square(a - b), axis=-1)) for a, b in pairs]
    return (
        keras.ops.mean(keras.ops.cast(keras.ops.stack(answers), "float32")),
        keras.ops.mean(keras.ops.stack(distances)),
    )


def _error(labels: Tensor, logits: Tensor) -> Tensor:
    wrong = keras.ops.not_equal(keras.ops.cast(keras.ops.argmax(logits, axis=-1), labels.dtype), labels)
    return keras.ops.mean(keras.ops.cast(wrong, "float32"))
