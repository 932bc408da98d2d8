"""Model: the base of all groups of networks, with the one training step they share."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from collab_ensembles import environment
from collab_ensembles.models.averaging import average
from collab_ensembles.models.statistics import EpochStatistics
from collab_ensembles.networks.joined import joined
from collab_ensembles.tensor import Tensor

DISAGREEMENT = ("disagreement", "logit_distance")
"""What the statistics of several members have beside costs and errors: the share of examples on which two
members answer differently, and the Euclidean distance of their logits, as means over all pairs."""

DISAGREEMENT_SERIES = {name: f"val_{name}" for name in DISAGREEMENT}
"""How an epoch's logs name what of these is recorded: the values on the test examples."""


class Model(keras.Model):
    """Named members trained at once on one objective.

    A subclass says what the objective is; members, optimizer step, statistics and evaluation are
    common to all. Train it with `compile(optimizer)` and `fit(..., shuffle=False)`.

    Attributes:
      members: the networks by name, in order; each maps float32 [batch, height, width, channels],
        raw pixels from 0 to 255, to logits [batch, classes].
      statistics_names: whose statistics are kept: the members, then, if there are several, `ensemble`.
      averaging: what the ensemble's prediction is the mean of: the members' `logits` or, as `softmax`, probabilities.
      head: a layer that makes the ensemble's logits from those of all members, in place of an average; or None.
      further_series: what is recorded of the group as a whole, and under which name an epoch's logs have it:
        disagreement on the test examples, and a subclass's own quantities on the training examples.
    """

    averaging: str
    head: keras.layers.Dense | None

    def __init__(self, members: Mapping[str, keras.Model], further: Sequence[str] = ()) -> None:
        """Takes built members, and the names of further quantities that a subclass gives `_record`.

        Raises:
          ConfigError: Keras' own settings would have it compute with other numbers.
          ValueError: there are none, or one is named `ensemble`.
        """
        environment.check_keras_numbers()
        super().__init__()
        self.averaging, self.head = "logits", None
        if not members or "ensemble" in members:
            raise ValueError(f"received members {list(members)}; needed: at least one, none of them named 'ensemble'")
        self.members = dict(members)
        self.statistics_names = [*members, "ensemble"] if len(members) > 1 else list(members)
        disagreement = DISAGREEMENT_SERIES if len(members) > 1 else {}
        self.statistics = EpochStatistics(self.statistics_names, [*disagreement, *further])
        self.further_series = {**disagreement, **{name: name for name in further}}
        self.built = True

    def compile(self, optimizer: Any = None, **options: Any) -> None:
        """Gives the model its optimizer, built on all variables that are trained; None: it evaluates alone.

        See `keras.Model.compile` for the options.
        """
        super().compile(optimizer=optimizer, **options)
        if self.optimizer is not None:
            # Steps may be on parts of the variables, and the first would be taken for all; and variables that appear
            # while the training step is traced have it traced twice.
            self.optimizer.build(self.trainable_variables)

    def logits(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The logits of every member: float32 [batch, classes] each, for images [batch, h, w, c]."""
        images = keras.ops.cast(images, "float32")
        return [keras.ops.cast(member(images, training=training), "float32") for member in self.members.values()]

    def call(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The same as `logits`."""
        return self.logits(images, training=training)

    def ensemble_logits(self, logits: Sequence[Tensor]) -> Tensor:
        """What the members predict together, [batch, classes]: the head's logits, or an average of the members'."""
        if self.head is None:
            return average(logits, self.averaging)
        return self.head(keras.ops.concatenate(logits, axis=-1))

    def optimizers(self) -> dict[str, keras.Optimizer]:
        """The optimizers by name, of a compiled model: one here."""
        return {"optimizer": self.optimizer} if self.compiled and self.optimizer is not None else {}

    def training_variables(self) -> dict[str, keras.Variable]:
        """All that training has to remember, under names that last: variables of members and optimizers."""
        variables: dict[str, keras.Variable] = {}
        for name, member in self.members.items():
            known = {id(variable) for variable in variables.values()}
            for variable in member.variables:
                key = f"{name}/{variable.path}"
                if id(variable) not in known:
                    # Equal networks within a member have variables of equal paths.
                    variables[_unused(key, variables)] = variable
        for name, optimizer in self.optimizers().items():
            variables |= {f"{name}/{index}": variable for index, variable in enumerate(optimizer.variables)}
        return variables

    def inference_names(self) -> list[str]:
        """What `inference_network` takes: members, and `ensemble` if there are several."""
        return list(self.statistics_names)

    def inference_network(self, name: str) -> keras.Model:
        """A member as a network of its own, free of what only its training needs; or all of them as one network."""
        if name != "ensemble":
            return self.members[name]
        networks = {each: self.inference_network(each) for each in self.inference_names() if each != name}
        return joined(networks, name, self.head, self.averaging)

    def begin_epoch(self, epoch: int) -> None:
        """Called before each epoch, counted from 0, for models whose epochs differ."""

    def callbacks(self, batches: tf.data.Dataset) -> list[keras.callbacks.Callback]:
        """What `fit` on these batches needs besides, with `validation_data`: nothing here."""
        return []

    def objective(self, labels: Tensor, logits: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What a training step minimises, and the cost of each member on its own.

        Args:
          labels: int32 [batch].
          logits: float32 [batch, classes], one a member.

        Returns:
          A scalar, and one scalar a member: mean cross-entropy plus the member's own weight decay.
          Here the objective is the sum of the latter; Noel (2017), equation 2.1.
        """
        costs = [
            mean_cross_entropy(labels, member_logits) + sum(member.losses)
            for member, member_logits in zip(self.members.values(), logits, strict=True)
        ]
        return sum(costs), costs

    def train_step(self, data: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """One step of the optimizer on all variables of all members at once."""
        images, labels = data
        with tf.GradientTape() as tape:
            logits = self.logits(images, training=True)
            total, costs = self.objective(labels, logits)
        descend(self.optimizer, tape, total, self.trainable_variables)
        return self._record(labels, logits, total, costs)

    def test_step(self, data: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """The statistics of one batch, with batch normalisation in inference mode."""
        images, labels = data
        logits = self.logits(images, training=False)
        total, costs = self.objective(labels, logits)
        return self._record(labels, logits, total, costs)

    def _record(
        self,
        labels: Tensor,
        logits: Sequence[Tensor],
        total: Tensor,
        costs: Sequence[Tensor],
        further: Sequence[Tensor] = (),
    ) -> dict[str, Tensor]:
        """Statistics of members and ensemble, and a scalar for each of the subclass's further quantities.

        The ensemble's prediction is the argmax of `ensemble_logits`; its cost is the
        cross-entropy of their softmax, without decay or collaboration.
        """
        batch_size = keras.ops.shape(labels)[0]
        if len(logits) > 1:
            further = [*_disagreement(logits), *further]
            together = self.ensemble_logits(logits)
            logits = [*logits, together]
            costs = [*costs, mean_cross_entropy(labels, together)]
        errors = [_error(labels, output) for output in logits]
        self.statistics.update_state(total, costs, errors, batch_size, further)
        return self.get_metrics_result()


def _unused(key: str, taken: Collection[str]) -> str:
    numbered = (f"{key}#{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([key], numbered) if each not in taken)


def descend(optimizer: keras.Optimizer, tape: tf.GradientTape, loss: Tensor, variables: Sequence[Tensor]) -> None:
    """One step of an optimizer on variables, down the gradient of a scalar that the tape has seen."""
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))


def mean_cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    """The mean over the batch of the cross-entropy of labels int32 [batch] and logits [batch, classes]."""
    return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def _disagreement(logits: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Means over all pairs of members: how often their answers differ, and how far apart their logits are."""
    pairs = list(itertools.combinations(logits, 2))
    answers = [keras.ops.not_equal(keras.ops.argmax(a, axis=-1), keras.ops.argmax(b, axis=-1)) for a, b in pairs]
    distances = [keras.ops.sqrt(keras.ops.sum(keras.ops.square(a - b), axis=-1)) for a, b in pairs]
    return (
        keras.ops.mean(keras.ops.cast(keras.ops.stack(answers), "float32")),
        keras.ops.mean(keras.ops.stack(distances)),
    )


def _error(labels: Tensor, logits: Tensor) -> Tensor:
    wrong = keras.ops.not_equal(keras.ops.cast(keras.ops.argmax(logits, axis=-1), labels.dtype), labels)
    return keras.ops.mean(keras.ops.cast(wrong, "float32"))
