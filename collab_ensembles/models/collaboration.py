"""Collaboration costs: how far the outputs of the members of an ensemble are apart.

Each is a pure function of a list of logits, one tensor [batch, classes] a member, and of the pairs
of members to compare; each gives a scalar. Noel (2017), section 5.2, and for more than two members
and the gradients the reference code.
"""

import functools
from collections.abc import Callable, Sequence
from itertools import combinations

import keras

from collab_ensembles.tensor import Tensor

Pairs = Sequence[tuple[int, int]]
CollaborationCost = Callable[[Sequence[Tensor], Pairs], Tensor]


def pairs(num_members: int, pairing: str = "chain") -> Pairs:
    """The pairs that collaborate: neighbours (`chain`, the reference code) or all with `all`.

    Raises:
      ValueError: an unknown pairing.
    """
    if pairing == "chain":
        return [(index, index + 1) for index in range(num_members - 1)]
    if pairing == "all":
        return list(combinations(range(num_members), 2))
    raise ValueError(f"unknown pairing {pairing!r}; allowed: chain, all")


@keras.saving.register_keras_serializable("collab_ensembles")
def cross_entropy(logits: Sequence[Tensor], pairs: Pairs, *, target_gradient: bool = False) -> Tensor:
    """Symmetric cross-entropy: mean over the batch, sum over the pairs and both directions.

    The softmax that serves as target is a constant to the gradient: TensorFlow 1.1, which the
    reference code ran on, had no gradient into targets. The gradient is then that of
    KL(softmax(l_j) || softmax(l_i)) in both directions, as in deep mutual learning (Zhang et al. 2017).

    Args:
      logits: one tensor [batch, classes] a member.
      pairs: the members to compare.
      target_gradient: let the gradient flow into the targets, as section 6.1 of the text has it.
    """

    def directed(target: Tensor, prediction: Tensor) -> Tensor:
        probabilities = keras.ops.softmax(target)
        if not target_gradient:
            probabilities = keras.ops.stop_gradient(probabilities)
        return -keras.ops.mean(keras.ops.sum(probabilities * keras.ops.log_softmax(prediction), axis=-1))

    return sum(directed(logits[j], logits[i]) + directed(logits[i], logits[j]) for i, j in pairs)


@keras.saving.register_keras_serializable("collab_ensembles")
def squared_distance(logits: Sequence[Tensor], pairs: Pairs) -> Tensor:
    """L2: the sum over classes of squared differences of logits, mean over the batch and the pairs."""
    return _mean_over_pairs(keras.ops.square, logits, pairs)


@keras.saving.register_keras_serializable("collab_ensembles")
def absolute_distance(logits: Sequence[Tensor], pairs: Pairs) -> Tensor:
    """L1: the sum over classes of absolute differences of logits, mean over the batch and the pairs."""
    return _mean_over_pairs(keras.ops.abs, logits, pairs)


def _mean_over_pairs(distance: Callable[[Tensor], Tensor], logits: Sequence[Tensor], pairs: Pairs) -> Tensor:
    costs = [keras.ops.mean(keras.ops.sum(distance(logits[i] - logits[j]), axis=-1)) for i, j in pairs]
    return sum(costs) / len(costs)


def by_name(method: str, target_gradient: bool = False) -> CollaborationCost | None:
    """The cost that `--method` names, or None for the plain ensemble."""
    costs: dict[str, CollaborationCost | None] = {
        "plain": None,
        "CE": functools.partial(cross_entropy, target_gradient=target_gradient),
        "L2": squared_distance,
        "L1": absolute_distance,
    }
    return costs[method]
