"""How nodes decide together: Lacaille (2018), algorithm 3."""

import math

import keras

from collab_ensembles.tensor import Tensor


def entropy(log_probabilities: Tensor) -> Tensor:
    """The entropy in nats of distributions [..., classes], from their logarithms: [...]."""
    return -keras.ops.sum(keras.ops.exp(log_probabilities) * log_probabilities, axis=-1)


def collective(decision: str, log_probabilities: Tensor) -> Tensor:
    """The logarithm of the weighted mean of the nodes' distributions.

    The weights of an example's distributions add up to 1; before that they are

    - `confidence`: log C - H, for C classes and the entropy H in nats. A node that is sure has log C, one that knows
      nothing 0. So "the negative entropy" can count as the thesis' prose has it;
    - `as_printed`: H. This is what lines 6 and 9 of algorithm 3 give: -h / s, where s is the sum of -h. There a node
      that is sure has no weight;
    - `mean`: 1.

    Where all are 0, the distributions have equal weights.

    Args:
      decision: see above.
      log_probabilities: float32 [nodes, batch, classes].

    Returns:
      float32 [batch, classes].
    """
    entropies = entropy(log_probabilities)
    weights = {
        "confidence": keras.ops.maximum(math.log(log_probabilities.shape[-1]) - entropies, 0.0),
        "as_printed": keras.ops.maximum(entropies, 0.0),
        "mean": keras.ops.ones_like(entropies),
    }[decision]
    total = keras.ops.sum(weights, axis=0, keepdims=True)
    shares = keras.ops.where(total > 0, weights / keras.ops.where(total > 0, total, 1.0), 1 / weights.shape[0])
    return keras.ops.logsumexp(keras.ops.log(shares)[..., None] + log_probabilities, axis=0)
