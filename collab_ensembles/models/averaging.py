"""The common prediction of several members: an average of their logits or of their probabilities."""

import math
from collections.abc import Sequence

import keras

from collab_ensembles.tensor import Tensor


def average(logits: Sequence[Tensor], averaging: str) -> Tensor:
    """The logits of the average of several members.

    Args:
      logits: float32 [batch, classes], one tensor for each member.
      averaging: `logits`, their mean; or `softmax`, the logarithm of the mean of the members' probabilities. The
        softmax of this logarithm is the mean, so that both give the same cross-entropy and the same largest class.

    Returns:
      float32 [batch, classes].
    """
    if averaging == "logits":
        return sum(logits) / len(logits)
    return keras.ops.logsumexp(_log_probabilities(logits), axis=0) - math.log(len(logits))


def average_of_first(logits: Sequence[Tensor], count: Tensor, averaging: str) -> Tensor:
    """The same for the first `count` members only; `count` is int32 []. With TensorFlow only."""
    import tensorflow as tf

    is_counted = tf.reshape(tf.range(len(logits)) < count, (-1, 1, 1))
    number = tf.cast(count, "float32")
    if averaging == "logits":
        # Not a product of matrices: some GPUs compute those with fewer bits.
        return tf.reduce_sum(tf.where(is_counted, tf.stack(logits), 0.0), axis=0) / number
    counted = tf.where(is_counted, _log_probabilities(logits), -math.inf)
    return tf.reduce_logsumexp(counted, axis=0) - tf.math.log(number)


def _log_probabilities(logits: Sequence[Tensor]) -> Tensor:
    """Logarithms of probabilities, float32 [members, batch, classes]; very small probabilities would become 0."""
    return keras.ops.stack([keras.ops.log_softmax(each, axis=-1) for each in logits])
