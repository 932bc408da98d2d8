"""A model's training and test steps as pure functions of the values of its variables, for Keras' JAX backend.

The objective, the networks, the optimizer and the statistics are those of `Model`: their code reads and assigns
variables, and a `keras.StatelessScope` gives it other values and notes what it assigns.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras

from collab_ensembles.models.model import Model
from collab_ensembles.models.steps import Objective
from collab_ensembles.tensor import Tensor

Values = list[Tensor]
"""The values of `CompiledSteps.variables`, in their order."""

Record: TypeAlias = tuple[list[Tensor], list[Tensor], tuple[Tensor, ...], Values]
"""Of a training batch: logits, costs, the cost of images without labels if there are any, and the values after it."""


class CompiledSteps:
    """The steps of a compiled model, which JAX can trace.

    Attributes:
      variables: all that a step reads or assigns: those of members and optimizers, the inputs of the step, and the
        statistics. Models of equal structure have them in the same order, so that one program does for all of them.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.variables = [
            *model.training_variables().values(),
            *model.inputs_of_step(),
            *model.statistics.variables,
        ]
        self._places = {id(variable): place for place, variable in enumerate(self.variables)}

    def values(self) -> Values:
        """The present values."""
        return [variable.value for variable in self.variables]

    def assign(self, values: Values) -> None:
        """Gives the variables values."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def without_statistics(self, values: Values) -> Values:
        """The values at the beginning of an epoch: no batch is counted yet."""
        places = {self._places[id(variable)] for variable in self._model.statistics.variables}
        return [keras.ops.zeros_like(each) if place in places else each for place, each in enumerate(values)]

    def statistics(self, values: Values) -> dict[str, Tensor]:
        """The statistics of the batches so far; see `EpochStatistics.result`."""
        with self._scope(values):
            return self._model.statistics.result()

    def train(self, values: Values, images: Tensor, labels: Tensor, *unlabelled: Tensor) -> tuple[Values, list[Tensor]]:
        """The values after one training step, and nothing for each example.

        Args:
          values: those before.
          images: uint8 [batch, height, width, channels].
          labels: int32 [batch].
          unlabelled: nothing, or the arguments of `Model.cost_apart`.
        """
        model = self._model
        records = []
        for objective, trained in model.turns():
            (total, (logits, costs, apart, values)), gradients = self.differentiated(
                values, objective, trained, images, labels, *unlabelled
            )
            records.append((logits, total, costs, apart))
            with self._scope(values) as scope:
                model.optimizer.apply(gradients, trained)
            values = self._after(scope)
        logits, total, costs, apart = records[0]
        with self._scope(values) as scope:
            if len(records) > 1:
                # As in TensorFlow's step: of the first predictions, with the decay after all updates.
                total, costs = model.objective(labels, logits)
            model.record(labels, logits, total, costs, apart)
        return self._after(scope), []

    def differentiated(
        self,
        values: Values,
        objective: Objective,
        trained: Sequence[keras.Variable],
        images: Tensor,
        labels: Tensor,
        *unlabelled: Tensor,
    ) -> tuple[tuple[Tensor, Record], list[Tensor]]:
        """An objective of a training batch, with what belongs to it; and its gradients.

        Args:
          values: those before.
          objective: one of `Model.turns`.
          trained: the variables of the gradients.
          images: as in `train`.
          labels: likewise.
          unlabelled: likewise.
        """
        import jax

        before = [values[self._places[id(variable)]] for variable in trained]
        forward = jax.value_and_grad(self._forward, has_aux=True)
        result: tuple[Any, Any] = forward(before, trained, values, objective, images, labels, unlabelled)
        return result

    def test(self, values: Values, images: Tensor, labels: Tensor) -> tuple[Values, list[Tensor]]:
        """The values after one test step, which changes the statistics alone, and the logits of each member."""
        with self._scope(values) as scope:
            logits = self._model.logits(images, training=False)
            self._model.record(labels, logits, *self._model.objective(labels, logits))
        return self._after(scope), logits

    def _forward(
        self,
        trained_values: Values,
        trained: Sequence[keras.Variable],
        values: Values,
        objective: Objective,
        images: Tensor,
        labels: Tensor,
        unlabelled: Sequence[Tensor],
    ) -> tuple[Tensor, Record]:
        """The first part of `differentiated`, as a function of the values of the trained variables."""
        values = list(values)
        for variable, value in zip(trained, trained_values, strict=True):
            values[self._places[id(variable)]] = value
        with self._scope(values) as scope:
            logits = self._model.logits(images, training=True)
            total, costs = objective(labels, logits)
            apart = self._model.cost_apart(*unlabelled) if unlabelled else ()
            total = sum(apart, start=total)
        return total, (logits, costs, apart, self._after(scope))

    def _scope(self, values: Values) -> keras.StatelessScope:
        return keras.StatelessScope(state_mapping=list(zip(self.variables, values, strict=True)))

    def _after(self, scope: keras.StatelessScope) -> Values:
        return [scope.get_current_value(variable) for variable in self.variables]
