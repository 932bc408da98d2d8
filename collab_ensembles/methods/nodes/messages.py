"""What nodes learn from messages: Lacaille (2018), section 2.2.3.2. Costs are those of each example."""

import keras
import tensorflow as tf

from collab_ensembles.tensor import Tensor


def soft_labels(logits: Tensor, temperature: float) -> Tensor:
    """Equation 2.2.1: probabilities [batch, classes] from received logits [batch, classes]."""
    return keras.ops.softmax(logits / temperature, axis=-1)


def cross_entropy(targets: Tensor, logits: Tensor) -> Tensor:
    """Equation 2.2.2, from targets and the receiver's logits, both [batch, classes]: float32 [batch]."""
    return -keras.ops.sum(targets * keras.ops.log_softmax(logits, axis=-1), axis=-1)


def feature_cost(own: Tensor, received: Tensor) -> Tensor:
    """Equation 2.2.3, half the squared distance of features [batch, width]: float32 [batch]."""
    return keras.ops.sum(keras.ops.square(own - received), axis=-1) / 2


def cost(
    content: str, labels: Tensor, logits: Tensor, hidden: Tensor, received: Tensor, consumed: Tensor, temperature: float
) -> Tensor:
    """The objective of a node's step, [].

    An own minibatch, and a received one with labels, has the cross-entropy of the labels; other ones have what they
    were sent with in place of the labels. That is a constant: no gradient flows into the sender.

    Args:
      content: of messages.
      labels: int32 [batch].
      logits: of the node, [batch, classes].
      hidden: its highest hidden layer, [batch, width].
      received: what the minibatch was sent with, [batch, classes or width].
      consumed: whether it was received, bool [].
      temperature: of received logits.
    """
    targets = tf.one_hot(labels, logits.shape[-1])
    received = keras.ops.stop_gradient(received)
    if content == "logits":
        targets = tf.where(consumed, soft_labels(received, temperature), targets)
    costs = cross_entropy(targets, logits)
    if content == "features":
        costs = tf.where(consumed, feature_cost(hidden, received), costs)
    return keras.ops.mean(costs)
