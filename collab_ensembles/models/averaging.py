"""What several members predict together: an average of their logits, or of their probabilities."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from collab_ensembles.tensor import Tensor


def average(logits: Sequence[Tensor], averaging: str) -> Tensor:
    """The logits of several members together.

    Args:
      logits: float32 [batch, classes], one a member.
      averaging: `logits`, their mean; or `softmax`, the logarithm of the mean of the members' probabilities. A softmax
        of the latter is that mean, whose cross-entropy and largest class it therefore has.

    Returns:
      float32 [batch, classes].
    """
    if averaging == "logits":
        return sum(logits) / len(logits)
    return keras.ops.logsumexp(_log_probabilities(logits), axis=0) - math.log(len(logits))


def average_of_first(logits: Sequence[Tensor], count: Tensor, averaging: str) -> Tensor:
    """The same of the first members alone, of as many as `count` says, int32 []."""
    is_counted = tf.reshape(tf.range(len(logits)) < count, (-1, 1, 1))
    number = tf.cast(count, "float32")
    if averaging == "logits":
        # Not as a product of matrices, which some GPUs compute in fewer bits.
        return tf.reduce_sum(tf.where(is_counted, tf.stack(logits), 0.0), axis=0) / number
    counted = tf.where(is_counted, _log_probabilities(logits), -math.inf)
    return tf.reduce_logsumexp(counted, axis=0) - tf.math.log(number)


def _log_probabilities(logits: Sequence[Tensor]) -> Tensor:
    """Logarithms, since a mean of probabilities too small for float32 would be 0; float32 [members, batch, classes]."""
    return keras.ops.stack([keras.ops.log_softmax(each, axis=-1) for each in logits])
