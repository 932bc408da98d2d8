"""EnsembleModel: members that learn from the labels and, weighted by alpha, from each other."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from collab_ensembles.models import collaboration
from collab_ensembles.models.model import Model
from collab_ensembles.tensor import Tensor

Weight: TypeAlias = float | keras.Variable | tf.Variable


@keras.saving.register_keras_serializable("collab_ensembles")
class EnsembleModel(Model):
    """Objective: the sum of the members' costs plus alpha times the collaboration cost.

    Noel (2017), equations 2.1 (without collaboration) and 2.2. It can be saved as a whole, with a collaboration cost
    that is registered with Keras, as those of `collab_ensembles.models.collaboration` are.
    """

    def __init__(
        self,
        members: Mapping[str, keras.Model],
        collaboration_cost: collaboration.CollaborationCost | None = None,
        weight: Weight = 1.0,
        pairing: str = "chain",
    ) -> None:
        """Puts members together.

        Args:
          members: built networks by name, at least two if there is a collaboration cost.
          collaboration_cost: a function of the members' logits and the pairs to compare, such as
            those of `collab_ensembles.models.collaboration`; None for the plain ensemble.
          weight: alpha, the collaboration weight, at least 0. With the number 0 the cost is left out. A variable is
            not trained; what is assigned to it, by a callback say, holds from the next step on, and it may begin at 0.
            Saved as a whole, the model has its value as a number.
          pairing: `chain` or `all`; see `collaboration.pairs`.

        Raises:
          ValueError: a single member is to collaborate, or the weight is negative.
        """
        super().__init__(members)
        if not float(weight) >= 0:
            raise ValueError(f"received the collaboration weight {float(weight)}; allowed: numbers from 0")
        if collaboration_cost is not None and len(members) < 2:
            raise ValueError(f"received one member, {list(members)}; collaboration needs two or more")
        # With weight 0 the cost is left out, so that even an overflow in it changes nothing.
        is_variable = isinstance(weight, keras.Variable | tf.Variable)
        self._collaboration_cost = collaboration_cost if is_variable or weight > 0 else None
        # In a function, since Keras would train a variable that is an attribute.
        self._weight: Callable[[], Weight] = lambda: weight
        self._pairing, self._pairs = pairing, collaboration.pairs(len(members), pairing)

    def objective(
        self, labels: Tensor, logits: Sequence[Tensor], sample_weight: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The base objective plus alpha times the collaboration cost, which has no sample weights."""
        total, costs = super().objective(labels, logits, sample_weight)
        if self._collaboration_cost is not None:
            total = total + self._weight() * self._collaboration_cost(logits, self._pairs)
        return total, costs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, serialised.

        Raises:
          ValueError: the collaboration cost is not registered with Keras.
        """
        cost = self._collaboration_cost
        return {
            "members": [[name, keras.saving.serialize_keras_object(each)] for name, each in self.members.items()],
            "collaboration_cost": None if cost is None else _cost_config(cost),
            "weight": float(self._weight()),
            "pairing": self._pairing,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "EnsembleModel":
        """The model of a configuration, with new weights."""
        members = {
            name: keras.saving.deserialize_keras_object(each, custom_objects) for name, each in config["members"]
        }
        cost = config["collaboration_cost"] and _cost(config["collaboration_cost"], custom_objects)
        return cls(members, cost, config["weight"], config["pairing"])


def _cost_config(cost: collaboration.CollaborationCost) -> dict[str, Any]:
    function, options = (cost.func, cost.keywords) if isinstance(cost, functools.partial) else (cost, {})
    name = keras.saving.get_registered_name(function) if hasattr(function, "__name__") else repr(function)
    if keras.saving.get_registered_object(name) is not function:
        raise ValueError(
            f"the collaboration cost {name} is not registered, and a saved model could not be loaded; put "
            "@keras.saving.register_keras_serializable() before it, or save the weights alone (save_weights_only=True)"
        )
    return {"function": name, "options": options}


def _cost(config: Mapping[str, Any], custom_objects: Any) -> collaboration.CollaborationCost:
    function = keras.saving.get_registered_object(config["function"], custom_objects)
    if function is None:
        raise ValueError(f"the collaboration cost {config['function']} is not registered; import its module first")
    return functools.partial(function, **config["options"])
