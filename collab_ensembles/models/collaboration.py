"""Collaboration costs: distances between the outputs of the members of an ensemble.

Each is a pure function of a list of logits, one tensor [batch, classes] for each member, and of the pairs of members to
compare. Each returns a scalar and is made of links. They follow Noel (2017), section 5.2; gradients and more than two
members follow the reference code.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import keras

from collab_ensembles.models.links import (
    Link,
    Weight,
    absolute_difference,
    soft_cross_entropy,
    squared_difference,
    sum_of_costs,
)
from collab_ensembles.tensor import Tensor

Pairs = Sequence[tuple[int, int]]
CollaborationCost = Callable[[Sequence[Tensor], Pairs], Tensor]


def pairs(num_members: int, pairing: str = "chain") -> Pairs:
    """The pairs that collaborate: neighbours (`chain`, as in the reference code) or every pair (`all`).

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

    No gradient flows into the softmax that is the target: TensorFlow 1.1, which the reference code used, had none. The
    gradient is then that of KL(softmax(l_j) || softmax(l_i)) in both directions, as in deep mutual learning (Zhang et
    al. 2018).

    Args:
      logits: one tensor [batch, classes] a member.
      pairs: the members to compare.
      target_gradient: let the gradient flow into the targets, as section 6.1 of the text says.
    """
    return _cost(functools.partial(cross_entropy, target_gradient=target_gradient), logits, pairs)


@keras.saving.register_keras_serializable("collab_ensembles")
def squared_distance(logits: Sequence[Tensor], pairs: Pairs) -> Tensor:
    """L2: the sum over classes of squared differences of logits, mean over the batch and the pairs."""
    return _cost(squared_distance, logits, pairs)


@keras.saving.register_keras_serializable("collab_ensembles")
def absolute_distance(logits: Sequence[Tensor], pairs: Pairs) -> Tensor:
    """L1: the sum over classes of absolute differences of logits, mean over the batch and the pairs."""
    return _cost(absolute_distance, logits, pairs)


def links(cost: CollaborationCost, named_pairs: Iterable[tuple[str, str]], weight: Weight = 1.0) -> list[Link] | None:
    """The links of one of the costs of this module; None for any other function.

    The cross-entropy has two links for each pair: each member learns from the other's probabilities. A distance has one
    link for each pair, with the gradient into both members.

    Args:
      cost: such as `squared_distance`.
      named_pairs: the names of the members to compare.
      weight: the weight of each link.
    """
    named_pairs = list(named_pairs)
    function, options = (cost.func, cost.keywords) if isinstance(cost, functools.partial) else (cost, {})
    if function is cross_entropy and set(options) <= {"target_gradient"}:
        is_stopped = not options.get("target_gradient", False)
        both = [each for first, second in named_pairs for each in ((second, first), (first, second))]
        return [Link(source, target, soft_cross_entropy, weight, is_stopped) for source, target in both]
    for distance, difference in _DISTANCES:
        if function is distance and not options:
            return [Link(*each, difference, weight, False, len(named_pairs)) for each in named_pairs]
    return None


_DISTANCES = [(squared_distance, squared_difference), (absolute_distance, absolute_difference)]


def _cost(cost: CollaborationCost, logits: Sequence[Tensor], pairs: Pairs) -> Tensor:
    """The cost of links between members whose names are numbers."""
    made_of = links(cost, [(str(i), str(j)) for i, j in pairs])
    assert made_of is not None
    return sum_of_costs(made_of, {str(index): each for index, each in enumerate(logits)})


def by_name(method: str, target_gradient: bool = False) -> CollaborationCost | None:
    """The cost for a value of `--method`; None for the plain ensemble."""
    costs: dict[str, CollaborationCost | None] = {
        "plain": None,
        "CE": functools.partial(cross_entropy, target_gradient=target_gradient),
        "L2": squared_distance,
        "L1": absolute_distance,
    }
    return costs[method]
