"""Statistics of batches, and over an epoch: as the reference code keeps them, and as a plain mean."""

import itertools
from collections.abc import Sequence

import keras

from collab_ensembles.tensor import Tensor

DISAGREEMENT = ("disagreement", "logit_distance")
"""Statistics of several members in addition to costs and errors: the share of examples on which two members answer
differently, and the Euclidean distance of their logits, as means over all pairs."""

DISAGREEMENT_SERIES = {name: f"val_{name}" for name in DISAGREEMENT}
"""The names of the recorded ones in an epoch's logs: their values on the test examples."""

_DECAY = 0.95
"""The decay of the running average: s = 0.95 s + 0.05 batch, from 0 at the start of each epoch."""


class EpochStatistics(keras.metrics.Metric):
    """Costs and errors of named outputs over the batches of an epoch.

    Costs include sample weights, if `fit` was given any; errors do not. For each output `name` the result has
    `<name>_cost` and `<name>_error` (a fraction), both means weighted by the size of the batch, and
    `<name>_running_cost` and `<name>_running_error`, the running average that the published statistics hold for the
    training set (remark 5.1).

    `loss` is the mean of the objective, and the means of quantities of the whole group have their own names. All values
    are kept in vectors: a step updates three variables, however many outputs there are.
    """

    def __init__(self, names: Sequence[str], further: Sequence[str] = ()) -> None:
        """Takes the names of the outputs, and of further quantities."""
        super().__init__(name="statistics")
        means = ["loss", *(f"{name}_{kind}" for kind in ("cost", "error") for name in names)]
        self._keys = [*means, *further]
        self._running_keys = [f"{name}_running_{kind}" for kind in ("cost", "error") for name in names]
        self._lower_is_better = [*means, *self._running_keys]
        self._total = self.add_weight(shape=(len(self._keys),), initializer="zeros", name="total")
        self._running = self.add_weight(shape=(len(self._keys),), initializer="zeros", name="running")
        self._count = self.add_weight(shape=(), initializer="zeros", name="count")

    @property
    def names(self) -> list[str]:
        """The keys of `result`."""
        return [*self._keys, *self._running_keys]

    @property
    def lower_is_better(self) -> list[str]:
        """The names of the objective, the costs and the errors; of further quantities this is not known."""
        return self._lower_is_better

    def update_state(
        self,
        loss: Tensor,
        costs: Sequence[Tensor],
        errors: Sequence[Tensor],
        batch_size: Tensor,
        further: Sequence[Tensor] = (),
    ) -> None:
        """Adds one batch.

        Args:
          loss: the objective, a scalar.
          costs: a scalar for each output.
          errors: a scalar for each output, the fraction of wrong answers.
          batch_size: the number of examples in the batch.
          further: a scalar for each further quantity; the last ones may be missing, as in tests, and are then 0.
        """
        further = [*further, *[0.0] * (len(self._keys) - 1 - len(costs) - len(errors) - len(further))]
        values = keras.ops.stack([keras.ops.cast(value, "float32") for value in (loss, *costs, *errors, *further)])
        weight = keras.ops.cast(batch_size, "float32")
        self._total.assign_add(values * weight)
        self._count.assign_add(weight)
        self._running.assign(_DECAY * self._running + (1 - _DECAY) * values)

    def result(self) -> dict[str, Tensor]:
        """The statistics so far, by name; float32 scalars."""
        means = keras.ops.divide_no_nan(self._total, self._count)
        return {
            **{key: means[index] for index, key in enumerate(self._keys)},
            **{key: self._running[index] for index, key in enumerate(self._running_keys, start=1)},
        }


def disagreement(logits: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Means over all pairs of members: the share of different answers, and the distance of their logits."""
    answers = [keras.ops.argmax(each, axis=-1) for each in logits]
    different = [keras.ops.not_equal(a, b) for a, b in itertools.combinations(answers, 2)]
    distances = [
        keras.ops.sqrt(keras.ops.sum(keras.ops.square(a - b), axis=-1)) for a, b in itertools.combinations(logits, 2)
    ]
    return (
        keras.ops.mean(keras.ops.cast(keras.ops.stack(different), "float32")),
        keras.ops.mean(keras.ops.stack(distances)),
    )


def error(labels: Tensor, logits: Tensor) -> Tensor:
    """The fraction of wrong answers; labels are integers [batch], logits [batch, classes]."""
    wrong = keras.ops.not_equal(keras.ops.cast(keras.ops.argmax(logits, axis=-1), labels.dtype), labels)
    return keras.ops.mean(keras.ops.cast(wrong, "float32"))
