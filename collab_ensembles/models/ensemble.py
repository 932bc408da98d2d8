"""EnsembleModel: members that learn from the labels and, weighted by alpha, from each other."""

from collections.abc import Mapping, Sequence

import keras

from collab_ensembles import collaboration
from collab_ensembles.models.model import Model
from collab_ensembles.tensor import Tensor


class EnsembleModel(Model):
    """Objective: the sum of the members' costs plus alpha times the collaboration cost.

    Noel (2017), equations 2.1 (without collaboration) and 2.2.
    """

    def __init__(
        self,
        members: Mapping[str, keras.Model],
        collaboration_cost: collaboration.CollaborationCost | None = None,
        weight: float = 1.0,
        pairing: str = "chain",
    ) -> None:
        """Puts members together.

        Args:
          members: built networks by name, at least two if there is a collaboration cost.
          collaboration_cost: a function of the members' logits and the pairs to compare, such as
            those of `collab_ensembles.collaboration`; None for the plain ensemble.
          weight: alpha, the collaboration weight, at least 0.
          pairing: `chain` or `all`; see `collaboration.pairs`.

        Raises:
          ValueError: a single member is to collaborate, or the weight is negative.
        """
        super().__init__(members)
        if weight < 0:
            raise ValueError(f"received the collaboration weight {weight}; allowed: numbers from 0")
        if collaboration_cost is not None and len(members) < 2:
            raise ValueError(f"received one member, {list(members)}; collaboration needs two or more")
        # With weight 0 the cost is left out, so that even an overflow in it changes nothing.
        self._collaboration_cost = collaboration_cost if weight > 0 else None
        self._weight = weight
        self._pairs = collaboration.pairs(len(members), pairing)

    def objective(self, labels: Tensor, logits: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The base objective plus alpha times the collaboration cost; see `Model.objective`."""
        total, costs = super().objective(labels, logits)
        if self._collaboration_cost is not None:
            total = total + self._weight * self._collaboration_cost(logits, self._pairs)
        return total, costs
