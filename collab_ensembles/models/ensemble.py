"""EnsembleModel: members that learn from the labels and, along weighted links, from each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from collab_ensembles.models import collaboration, functions
from collab_ensembles.models.links import (
    Link,
    Term,
    Weight,
    WeightedCosts,
    check_cost,
    check_weight,
    grouped,
    is_number,
    weight_config,
    weight_of,
)
from collab_ensembles.models.model import Model
from collab_ensembles.tensor import Tensor


@keras.saving.register_keras_serializable("collab_ensembles")
class EnsembleModel(Model):
    """Objective: the sum of the members' costs plus the weighted costs of the links between them.

    If all links have the weight alpha, this is Noel (2017), equations 2.1 (without collaboration) and 2.2. The model
    can be saved as a whole if its functions are registered with Keras; those of this package are.
    """

    def __init__(
        self,
        members: Mapping[str, keras.Model],
        collaboration_cost: collaboration.CollaborationCost | None = None,
        weight: Weight = 1.0,
        pairing: str = "chain",
        *,
        links: Sequence[Link] = (),
        further: Sequence[str] = (),
    ) -> None:
        """Puts members together.

        Args:
          members: built networks by name, at least two if there is a collaboration cost.
          collaboration_cost: a function of the members' logits and the pairs to compare, such as
            those of `collab_ensembles.models.collaboration`; None for the plain ensemble.
          weight: alpha, the collaboration weight: a number from 0, a function or a variable. With the number 0 the cost
            is left out. A function returns the weight of each epoch, counted from 0. A variable is not trained; a
            callback, for example, can assign a value, which is used from the next step on; it may begin at 0. A saved
            model has the value of the variable as a number.
          pairing: `chain` or `all`; see `collaboration.pairs`.
          links: which member learns from which, in place of the three arguments before.
          further: names of further quantities that a subclass records; see `Model`.

        Raises:
          ValueError: there is a cost but only one member, a cost is no function, a weight is not allowed, a link names
            an unknown member, both a collaboration cost and links are given, or a weight or a pairing without a cost.
        """
        super().__init__(members, further)
        check_weight(weight)
        pairs = collaboration.pairs(len(members), pairing)
        if collaboration_cost is None:
            _refuse_effectless(weight, pairing)
        else:
            check_cost(collaboration_cost, "collaboration cost", "cross_entropy")
        links = _checked(links)
        # Inside a function: Keras would train a variable in an attribute.
        self._arguments = lambda: (collaboration_cost, weight, pairing, links)
        self._epoch = 0
        if collaboration_cost is not None and len(members) < 2:
            raise ValueError(f"received one member, {list(members)}; collaboration needs two or more")
        if collaboration_cost is not None and links:
            raise ValueError("received a collaboration cost and links; needed: one of them")
        unknown = sorted({name for link in links for name in (link.source, link.target)} - set(members))
        if unknown:
            raise ValueError(f"received links of {', '.join(unknown)}; allowed: members, {', '.join(members)}")
        self._collaboration = WeightedCosts(
            grouped(links) if collaboration_cost is None else _terms(collaboration_cost, list(members), pairs, weight)
        )

    def begin_epoch(self, epoch: int) -> None:
        """Sets the weights that are functions of the epoch; see `Model.begin_epoch`."""
        self._epoch = int(epoch)
        self._collaboration.begin_epoch(epoch)

    def inputs_of_step(self) -> list[keras.Variable]:
        """The weights that are variables; see `Model.inputs_of_step`."""
        return self._collaboration.variables

    def collaboration_cost(self, logits: Sequence[Tensor]) -> Tensor:
        """The part of the objective that collaboration adds: the weighted costs of all links, a scalar.

        It needs no labels. It is 0 if there are no links or all weights are the number 0.

        Args:
          logits: float32 [batch, classes], one a member, such as `self.logits(images)`.
        """
        if not self._collaboration:
            return keras.ops.zeros(())
        return self._collaboration(dict(zip(self.members, logits, strict=True)))

    def objective(
        self, labels: Tensor, logits: Sequence[Tensor], sample_weight: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The base objective plus the collaboration cost, which has no sample weights."""
        total, costs = super().objective(labels, logits, sample_weight)
        if self._collaboration:
            total = total + self.collaboration_cost(logits)
        return total, costs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, serialised, how members are averaged, and the epoch, on which weights depend.

        Raises:
          NotImplementedError: the model has a head.
          ValueError: a cost or a schedule is not registered with Keras.
        """
        if self.head is not None:
            return super().get_config()
        cost, weight, pairing, links = self._arguments()
        return {
            "members": [[name, keras.saving.serialize_keras_object(each)] for name, each in self.members.items()],
            "collaboration_cost": (
                functions.to_config(cost, "collaboration cost") if cost is not None and self._collaboration else None
            ),
            "weight": weight_config(weight),
            "pairing": pairing,
            "links": [link.get_config() for link in links],
            "epoch": self._epoch,
            "averaging": self.averaging,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "EnsembleModel":
        """The model of a configuration, with new weights of its networks and the collaboration weights of its epoch."""
        members = {
            name: keras.saving.deserialize_keras_object(each, custom_objects) for name, each in config["members"]
        }
        cost = config["collaboration_cost"]
        if cost is None:
            # Files of version 0.1.0 have no links, and may have a weight and a pairing without a cost.
            links = [Link.from_config(each, custom_objects) for each in config.get("links", [])]
            model = cls(members, links=links)
        else:
            function = functions.from_config(cost, "collaboration cost", custom_objects)
            model = cls(members, function, weight_of(config["weight"], custom_objects), config["pairing"])
        model.begin_epoch(config.get("epoch", 0))
        model.averaging = config.get("averaging", model.averaging)
        return model


def _refuse_effectless(weight: Weight, pairing: str) -> None:
    """Raises ValueError for a weight or a pairing that is not the default, since there is no collaboration cost."""
    given = [
        name
        for name, is_default in (("weight", is_number(weight, 1)), ("pairing", pairing == "chain"))
        if not is_default
    ]
    if given:
        raise ValueError(
            f"received {' and '.join(given)} without a collaboration cost, which has no effect; add a cost, or leave "
            f"out {' and '.join(given)} (a link has a weight of its own)"
        )


def _checked(links: Any) -> tuple[Link, ...]:
    """The links of a list; raises ValueError for anything else."""
    wrong = [each for each in links if not isinstance(each, Link)] if isinstance(links, list | tuple) else [links]
    if wrong:
        raise ValueError(f"received a {type(wrong[0]).__name__} in place of links; needed: a list of Link objects")
    return tuple(links)


def _terms(
    cost: collaboration.CollaborationCost, names: Sequence[str], pairs: collaboration.Pairs, weight: Weight
) -> list[Term]:
    """A collaboration cost as links; the user's own function is one cost of all members."""
    made_of = collaboration.links(cost, [(names[i], names[j]) for i, j in pairs], weight)
    if made_of is not None:
        return grouped(made_of)
    return [(weight, lambda logits: cost(list(logits.values()), pairs))]
