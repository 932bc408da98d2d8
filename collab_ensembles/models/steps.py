"""What the training steps of all models are made of.

TensorFlow is imported late: the models also train without it, see `compiled_epoch`.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import keras

from collab_ensembles.tensor import Tensor

if TYPE_CHECKING:
    import tensorflow as tf

Objective: TypeAlias = Callable[..., tuple[Tensor, list[Tensor]]]
"""From labels int32 [batch] and the members' logits, float32 [batch, classes] each, to an objective and costs; after
them it takes sample weights, float32 [batch], if there are any."""


def descend(optimizer: keras.Optimizer, tape: "tf.GradientTape", loss: Tensor, variables: Sequence[Tensor]) -> None:
    """One step of an optimizer that lowers a scalar, which the tape has recorded.

    Raises:
      ValueError: there are no variables, since all are frozen.
    """
    if not variables:
        raise ValueError(
            "received members that are all frozen, so there is nothing to train; set trainable = True for a layer, "
            "then compile the model again"
        )
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))


def loop(span: Tensor, step: Callable[[Tensor], None]) -> None:
    """Calls `step` with each number from the first of `span`, int32 [2], to below the second, in one compiled loop."""
    import tensorflow as tf

    def once(number: Tensor) -> tuple[Tensor]:
        step(number)
        return (number + 1,)

    tf.while_loop(lambda number: number < span[1], once, (span[0],))


def mean_cross_entropy(labels: Tensor, logits: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """The mean over the batch of the cross-entropy of labels int32 [batch] and logits [batch, classes].

    With weights, float32 [batch], it is the sum of weight times cross-entropy, divided by the number of examples and
    not by the sum of the weights: the reduction `sum_over_batch_size` of Keras' losses.
    """
    losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return keras.ops.mean(losses if sample_weight is None else sample_weight * losses)
