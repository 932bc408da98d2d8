"""How a teacher finds the hardest examples of a stack: Lacaille (2018), section 3.2.3."""

import keras
import tensorflow as tf

from collab_ensembles.tensor import Tensor


def difficulty(kind: str, teacher: Tensor, logits: Tensor) -> Tensor:
    """How far the student's answers are from the teacher's, float32 [examples]; higher is harder.

    Args:
      kind: `cross_entropy`: H(teacher, student), equation 3.2.1; `euclidean`: the distance of the two distributions,
        equation 3.2.2.
      teacher: the teacher's probabilities, float32 [examples, classes].
      logits: the student's logits, float32 [examples, classes].
    """
    if kind == "cross_entropy":
        return -keras.ops.sum(teacher * keras.ops.log_softmax(logits), axis=-1)
    return keras.ops.sqrt(keras.ops.sum(keras.ops.square(teacher - keras.ops.softmax(logits)), axis=-1))


def hardest(scores: Tensor, count: int) -> Tensor:
    """The places of the highest scores, int32 [count], the highest first; of equal ones the first come first."""
    return tf.math.top_k(scores, count).indices
