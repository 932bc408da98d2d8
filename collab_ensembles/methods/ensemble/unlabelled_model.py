"""An ensemble whose members also learn from images without labels."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.data.unlabelled import UnlabelledBatches
from collab_ensembles.models import members
from collab_ensembles.models.batch import unpacked
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.group import Group
from collab_ensembles.models.links import Logits, Weight, WeightedCosts
from collab_ensembles.models.steps import descend, mean_cross_entropy
from collab_ensembles.tensor import Tensor

if TYPE_CHECKING:
    import tensorflow as tf

UNLABELLED_COST = "unlabelled_cost"
"""The weighted cost of the images without labels, a mean over the steps of an epoch."""


class UnlabelledEnsemble(EnsembleModel):
    """Objective: that of the ensemble on the labelled batch, plus a cost of the images without labels.

    That cost is the collaboration cost, which needs no labels, or that of pseudo-labels. Images without labels are
    normalised by the moments of their own batch, and do not enter the moving averages of batch normalisation.
    """

    def __init__(self, *arguments: Any, every: int, pseudo_labels: Weight | None = None, **options: Any) -> None:
        """Puts members together.

        Args:
          arguments: of `EnsembleModel`.
          every: every how many steps there are images without labels; the batches of other steps have none.
          pseudo_labels: the weight of the cost of pseudo-labels; None: the cost is that of collaboration.
          options: of `EnsembleModel`.
        """
        super().__init__(*arguments, further=(UNLABELLED_COST,), **options)
        self._in_every_step = every == 1
        if pseudo_labels is not None:
            self._without_labels = WeightedCosts([(pseudo_labels, pseudo_label_cost)])
        else:
            self._without_labels = self._collaboration

    def get_config(self) -> dict[str, Any]:
        """Not available: see `Group.get_config`."""
        return Group.get_config(self)

    def begin_epoch(self, epoch: int) -> None:
        """Sets the weights that are functions of the epoch; see `Model.begin_epoch`."""
        super().begin_epoch(epoch)
        self._without_labels.begin_epoch(epoch)

    def inputs_of_step(self) -> list[keras.Variable]:
        """The weights that are variables; see `Model.inputs_of_step`."""
        others = [] if self._without_labels is self._collaboration else self._without_labels.variables
        return [*super().inputs_of_step(), *others]

    def feed(self, batches: BatchManager, validation: tuple[np.ndarray, np.ndarray] | None = None) -> "tf.data.Dataset":
        """Batches ((images, images without labels), labels); the latter as `batches.unlabelled` draws them."""
        import tensorflow as tf

        unlabelled = batches.unlabelled
        assert unlabelled is not None
        return tf.data.Dataset.zip(batches.dataset(), unlabelled_dataset(unlabelled, batches)).map(
            lambda labelled, others: ((labelled[0], others), labelled[1])
        )

    def unlabelled_cost(self, images: Tensor) -> Tensor:
        """The weighted cost of images [batch, height, width, channels], a scalar; 0 for an empty batch."""
        if self._in_every_step:
            return self._cost_without_labels(images)
        return keras.ops.cond(
            keras.ops.shape(images)[0] > 0, lambda: self._cost_without_labels(images), lambda: keras.ops.zeros(())
        )

    def _cost_without_labels(self, images: Tensor) -> Tensor:
        with members.averages_kept(self.members):
            logits = dict(zip(self.members, self.logits(images, training=True), strict=True))
        return self._without_labels(logits) if self._without_labels else keras.ops.zeros(())

    def cost_apart(self, images: Tensor, present: Tensor) -> tuple[Tensor, ...]:
        """The weighted cost of images without labels; see `Model.cost_apart`."""
        cost = self._cost_without_labels(images)
        return (cost if self._in_every_step else keras.ops.where(present, cost, 0.0),)

    def train_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """One step on a batch of `feed`; sample weights enter the costs of the labels alone."""
        import tensorflow as tf

        (images, unlabelled), labels, *weights = unpacked(data)
        with tf.GradientTape() as tape:
            logits = self.logits(images, training=True)
            total, costs = self.objective(labels, logits, *weights)
            apart = self.unlabelled_cost(unlabelled)
            total = total + apart
        descend(self.optimizer, tape, total, self.trainable_variables)
        return self.record(labels, logits, total, costs, (apart,), *weights)


def pseudo_label_cost(logits: Logits) -> Tensor:
    """The cross-entropy of each member with its own likeliest classes as labels, summed over the members.

    Lee, "Pseudo-label", ICML workshop on challenges in representation learning, 2013, equation 15, without its weight.
    """
    costs = [
        mean_cross_entropy(keras.ops.cast(keras.ops.argmax(own, axis=-1), "int32"), own) for own in logits.values()
    ]
    total: Tensor = sum(costs)
    return total


def unlabelled_dataset(unlabelled: UnlabelledBatches, batches: BatchManager) -> "tf.data.Dataset":
    """The batches without labels of the epoch that is set when the iteration begins; uint8 [batch, h, w, c]."""
    import tensorflow as tf

    def draw(step: tf.Tensor) -> tf.Tensor:
        images = tf.numpy_function(
            lambda number: unlabelled.draw(batches.epoch, int(number), len(batches)), [step], tf.uint8
        )
        return tf.ensure_shape(images, (None, *unlabelled.image_shape))

    return tf.data.Dataset.range(len(batches)).map(draw)
