"""Links: which member learns from which, by which cost and with which weight.

A link is directed: its target learns from its source. Its cost is a function of the outputs of these two members. It
needs no labels, so it can be computed on any batch.
"""

import dataclasses
import functools
import math
import numbers
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import keras

from collab_ensembles.models import functions
from collab_ensembles.tensor import Tensor

LinkCost: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From the logits of source and target, float32 [batch, classes] each, to a scalar."""

Schedule: TypeAlias = Callable[[int], float]
"""A weight by the epoch, counted from 0."""

Weight: TypeAlias = float | keras.Variable | Schedule
"""A number from 0, a schedule, or a variable of Keras or TensorFlow that the user assigns values to."""

Logits: TypeAlias = Mapping[str, Tensor]
"""The logits of each member by its name, float32 [batch, classes]."""

Term: TypeAlias = tuple[Weight, Callable[[Logits], Tensor]]
"""A cost of the logits, a scalar, and its weight."""


@keras.saving.register_keras_serializable("collab_ensembles")
def soft_cross_entropy(source: Tensor, target: Tensor) -> Tensor:
    """The cross-entropy of the target's probabilities, with those of the source as soft labels; mean over the batch."""
    return -keras.ops.mean(keras.ops.sum(keras.ops.softmax(source) * keras.ops.log_softmax(target), axis=-1))


@keras.saving.register_keras_serializable("collab_ensembles")
def squared_difference(source: Tensor, target: Tensor) -> Tensor:
    """The squared differences of the logits, summed over the classes; mean over the batch."""
    return keras.ops.mean(keras.ops.sum(keras.ops.square(source - target), axis=-1))


@keras.saving.register_keras_serializable("collab_ensembles")
def absolute_difference(source: Tensor, target: Tensor) -> Tensor:
    """The absolute differences of the logits, summed over the classes; mean over the batch."""
    return keras.ops.mean(keras.ops.sum(keras.ops.abs(source - target), axis=-1))


@dataclasses.dataclass(frozen=True)
class Link:
    """One member that learns from another.

    Attributes:
      source: the name of the member that is learned from.
      target: the name of the member that learns.
      cost: a function of the logits of source and target, such as `soft_cross_entropy`; it gives a scalar.
      weight: the factor of the cost: a number from 0, a function of the epoch (from 0), or a variable. With the number
        0 the link is left out.
      stop_gradient: no gradient of this link flows into the source; it learns nothing from the target.
      mean_of: a whole number; the costs of links with the same weight are added up and then divided by it. So it gives
        the mean over this number of links.

    Raises:
      ValueError: a link from a member to itself, a cost that is no function, a weight that is not allowed, or a
        `mean_of` that is no whole number from 1.
    """

    source: str
    target: str
    cost: LinkCost
    weight: Weight = 1.0
    stop_gradient: bool = True
    mean_of: int = 1

    def __post_init__(self) -> None:
        """Checks what it was given."""
        if self.source == self.target:
            raise ValueError(f"received a link from {self.source!r} to itself; needed: two members")
        check_cost(self.cost, "cost of a link", "soft_cross_entropy")
        if not isinstance(self.mean_of, numbers.Integral) or self.mean_of < 1:
            raise ValueError(f"received mean_of={self.mean_of!r}; allowed: whole numbers from 1")
        check_weight(self.weight)

    def value(self, logits: Logits) -> Tensor:
        """The cost of a batch, a scalar, without weight."""
        source = logits[self.source]
        return self.cost(keras.ops.stop_gradient(source) if self.stop_gradient else source, logits[self.target])

    def get_config(self) -> dict[str, Any]:
        """The attributes as JSON values; functions have to be registered with Keras (ValueError)."""
        return {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "cost": functions.to_config(self.cost, "cost of a link"),
            "weight": weight_config(self.weight),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> "Link":
        """The link of a configuration."""
        cost = functions.from_config(config["cost"], "cost of a link", custom_objects)
        return cls(**{**config, "cost": cost, "weight": weight_of(config["weight"], custom_objects)})


def sum_of_costs(links: Sequence[Link], logits: Logits) -> Tensor:
    """The costs of links, without weights, summed; a scalar.

    First the links of each pair are added up, then the pairs; then the sum is divided by the common `mean_of`. This is
    the order of the reference code; the last bits depend on it.
    """
    pairs: dict[frozenset[str], list[Tensor]] = {}
    for link in links:
        pairs.setdefault(frozenset((link.source, link.target)), []).append(link.value(logits))
    # The sum starts at 0: without it TensorFlow adds the gradients of several pairs in another order.
    total = sum(add(costs) for costs in pairs.values())
    return total if links[0].mean_of == 1 else total / links[0].mean_of


def add(costs: Sequence[Tensor]) -> Tensor:
    """The sum, from the first to the last."""
    return functools.reduce(operator.add, costs)


def grouped(links: Iterable[Link]) -> list[Term]:
    """Links as terms of `WeightedCosts`: links with equal weight and equal `mean_of` are one term."""
    groups: dict[tuple[bool, Any, int], list[Link]] = {}
    for link in links:
        is_fixed = is_number(link.weight)
        groups.setdefault((is_fixed, link.weight if is_fixed else id(link.weight), link.mean_of), []).append(link)
    return [(group[0].weight, functools.partial(sum_of_costs, group)) for group in groups.values()]


class WeightedCosts:
    """A sum of costs of the logits, each times a weight that the epoch sets.

    The weight of a schedule is a variable, so that a step is traced only once. It is not trained and not saved with the
    model, since it is a function of the epoch. A number stays a constant: TensorFlow combines it with other constants,
    and the last bits of published runs depend on that.
    """

    def __init__(self, terms: Iterable[Term]) -> None:
        """Takes weights and costs. Costs with weight 0 (a number) are left out: even an overflow has no effect.

        Raises:
          ValueError: a weight is not allowed; see `check_weight`.
        """
        self._terms: list[tuple[Any, Callable[[Logits], Tensor]]] = []
        self._schedules: list[tuple[keras.Variable, Schedule]] = []
        for weight, cost in terms:
            check_weight(weight)
            if not is_number(weight, 0):
                self._terms.append((self._factor(weight), cost))

    def _factor(self, weight: Weight) -> Any:
        """The factor of a cost; for a schedule, a variable."""
        if _is_variable(weight) or not callable(weight):
            return weight
        variable = keras.Variable(_scheduled(weight, 0), dtype="float32", trainable=False, name="weight")
        self._schedules.append((variable, weight))
        return variable

    def begin_epoch(self, epoch: int) -> None:
        """Sets the weights to the values of their schedules for an epoch, counted from 0.

        Raises:
          ValueError: a schedule returns a negative or infinite number, or something else.
        """
        for variable, schedule in self._schedules:
            variable.assign(_scheduled(schedule, epoch))

    @property
    def variables(self) -> list[keras.Variable]:
        """The weights that are variables."""
        return [weight for weight, _ in self._terms if _is_variable(weight)]

    def __bool__(self) -> bool:
        """Whether there is anything to add up."""
        return bool(self._terms)

    def __call__(self, logits: Logits) -> Tensor:
        """The weighted sum, a scalar; there is at least one term."""
        return add([weight * cost(logits) for weight, cost in self._terms])


def check_weight(weight: Any) -> None:
    """Raises ValueError unless a weight is a schedule, or a finite number or scalar variable of at least 0."""
    if _is_schedule(weight):
        return
    if not (isinstance(weight, numbers.Real) or (_is_variable(weight) and tuple(weight.shape) == ())):
        raise ValueError(
            f"received a collaboration weight that is a {type(weight).__name__}; needed: a number from 0, a function "
            "of the epoch, or a variable of shape ()"
        )
    if not 0 <= float(weight) < math.inf:
        raise ValueError(f"received the collaboration weight {float(weight)}; allowed: numbers from 0, not infinite")


def check_cost(cost: Any, what: str, example: str) -> None:
    """Raises ValueError unless a cost is a function; `example` is a name in `collab_ensembles`."""
    if not callable(cost):
        raise ValueError(f"received the {what} {cost!r}; needed: a function, such as collab_ensembles.{example}")


def is_number(weight: Weight, number: float | None = None) -> bool:
    """Whether a weight is a number, or this number: neither a schedule nor a variable."""
    return isinstance(weight, numbers.Real) and number in (None, weight)


def weight_config(weight: Any) -> Any:
    """A weight as a JSON value: for a variable its number, for a schedule its registered name."""
    if _is_schedule(weight):
        return functions.to_config(weight, "schedule of a weight")
    return float(weight)


def weight_of(config: Any, custom_objects: Any = None) -> Weight:
    """The weight of a configuration."""
    if isinstance(config, Mapping):
        return functions.from_config(config, "schedule of a weight", custom_objects)
    return float(config)


def _scheduled(schedule: Schedule, epoch: int) -> float:
    value: Any = schedule(epoch)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(
            f"the schedule of a weight gives {value} for epoch {epoch}; allowed: numbers from 0, not infinite"
        )
    return number


def _is_variable(weight: Weight) -> bool:
    # Recognised by its methods, since costs and links do not import TensorFlow.
    return hasattr(weight, "assign")


def _is_schedule(weight: Weight) -> bool:
    return callable(weight) and not _is_variable(weight)
