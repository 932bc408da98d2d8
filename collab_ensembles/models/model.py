"""Model: the base class of all groups of networks, with their common training step."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from collab_ensembles import environment
from collab_ensembles.data.arrays import checked_labels
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.errors import DataError
from collab_ensembles.models import compiled_metrics, monitors
from collab_ensembles.models.batch import unpacked
from collab_ensembles.models.group import Group
from collab_ensembles.models.optimizers import Adam
from collab_ensembles.models.statistics import DISAGREEMENT_SERIES, EpochStatistics, disagreement, error
from collab_ensembles.models.steps import Objective, descend, mean_cross_entropy
from collab_ensembles.tensor import Tensor

if TYPE_CHECKING:
    import tensorflow as tf


class Model(Group):
    """Named members that are trained together on one objective.

    A subclass defines the objective; members, optimizer step, statistics and evaluation are common to all. Train it
    with `compile(optimizer)` and `fit`.

    Attributes:
      further_series: recorded quantities of the whole group, with their names in an epoch's logs: disagreement on the
        test examples, and a subclass's own quantities on the training examples.
    """

    def __init__(self, members: Mapping[str, keras.Model], further: Sequence[str] = ()) -> None:
        """Takes built members, and the names of the further quantities that a subclass passes to `record`.

        Raises:
          ConfigError: Keras' settings for numbers are not its defaults.
          ValueError: see `Group`.
        """
        super().__init__(members)
        of_several = DISAGREEMENT_SERIES if len(members) > 1 else {}
        self.statistics = EpochStatistics(self.statistics_names, [*of_several, *further])
        self.further_series = {**of_several, **{name: name for name in further}}

    def compile(self, optimizer: Any = None, **options: Any) -> None:
        """Gives the model its optimizer, built for all trained variables; with None, the model can only evaluate.

        See `keras.Model.compile` for the options. `metrics` are computed from labels int32 [batch] and the logits
        of `answer`, [batch, classes]; `weighted_metrics` also use the weights of the examples.

        Raises:
          ValueError: a loss is given, since the model has its own objective; or a metric has the name of a statistic or
            takes one-hot labels.
        """
        refused = [name for name in ("loss", "loss_weights") if options.get(name)]
        if refused:
            raise ValueError(
                f"received {', '.join(refused)}; the objective is the model's own, and the history has <output>_cost "
                f"and <output>_error of {', '.join(self.statistics_names)}; leave out {', '.join(refused)}"
            )
        super().compile(optimizer=optimizer, **options)
        if self._compile_metrics is not None:
            compiled_metrics.build(self._compile_metrics, self.statistics.names)
        if self.optimizer is not None:
            # A step may train a part of the variables, and Keras would build the optimizer for the first part only.
            # Variables that are made while the step is traced would also cause a second tracing.
            self.optimizer.build(self.trainable_variables)
            if isinstance(self.optimizer, Adam):
                self.optimizer.divide({name: member.trainable_variables for name, member in self.members.items()})

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        *arguments: Any,
        validation_data: Any = None,
        **options: Any,
    ) -> Any:
        """Trains on arrays or batches; see `keras.Model.fit`. Calls `begin_epoch` before each epoch.

        Args:
          x: images in the form that the members take, or an iterable of batches (images, labels), such as a
            `tf.data.Dataset`.
          y: the labels if `x` is an array; see `data.arrays.checked_labels`. In batches, labels are integers, [batch]
            or [batch, 1].
          batch_size: examples per batch, for arrays.
          epochs: the number of epochs.
          verbose: as in `keras.Model.fit`.
          callbacks: as in `keras.Model.fit`. Those that watch a cost or an error have the mode `min` by default.
          arguments: further arguments of `keras.Model.fit`, by position.
          validation_data: (images, labels), with or without weights, or an iterable of such batches.
          options: further arguments, by name. `sample_weight` and `class_weight` are weights in the members'
            cross-entropies, see `mean_cross_entropy`, not in the costs of links.

        Raises:
          DataError: labels have another form, their number is not that of the images, or they exceed the classes.
          ValueError: the model was compiled without an optimizer, or Keras or a step refuses an argument.
        """
        environment.check_tensorflow()
        if self.compiled and not self.optimizers():
            raise ValueError("the model was compiled without an optimizer; call model.compile(optimizer) first")
        if isinstance(validation_data, tuple | list):
            images, labels, *weights = validation_data
            validation_data = images, self._checked(images, labels, "labels of the validation data"), *weights
        y = self._checked(x, y, "y")
        clock = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.begin_epoch(epoch),
            on_epoch_end=lambda epoch, logs: self._end_early(),
        )
        callbacks = [clock, *keras.tree.flatten(callbacks or [])]
        monitors.set_modes(callbacks, self.statistics.lower_is_better)
        return super().fit(
            x, y, batch_size, epochs, verbose, callbacks, *arguments, validation_data=validation_data, **options
        )

    def evaluate(self, x: Any = None, y: Any = None, *arguments: Any, **options: Any) -> Any:
        """The statistics on arrays or batches; labels and errors as in `fit`, the rest as in `keras.Model.evaluate`."""
        environment.check_tensorflow()
        return super().evaluate(x, self._checked(x, y, "y"), *arguments, **options)

    def _checked(self, images: Any, labels: Any, name: str) -> np.ndarray | None:
        """Labels as class numbers, int32 [examples]; None if they come with the images."""
        if labels is None:
            return None
        labels = checked_labels(labels, name, len(images) if hasattr(images, "shape") else None)
        # A network of the user's own class may not know the shape of its output.
        classes = min(getattr(each, "output_shape", (labels.max() + 1,))[-1] for each in self.members.values())
        if labels.max() >= classes:
            raise DataError(
                f"{name} has labels up to {labels.max()}, but the members have {classes} logits; allowed: 0 to "
                f"{classes - 1}; give members as many logits as there are classes"
            )
        return labels

    def optimizers(self) -> dict[str, keras.Optimizer]:
        """The optimizers of a compiled model by name; here there is one."""
        return {"optimizer": self.optimizer} if self.compiled and self.optimizer is not None else {}

    def learning_rates(self) -> dict[str, keras.Variable]:
        """The variables of the learning rates, by the name of the optimizer, or of the member that has its own."""
        rates = {name: optimizer.learning_rate for name, optimizer in self.optimizers().items()}
        of_members = self.optimizer.rates if isinstance(self.optimizer, Adam) else {}
        return dict(of_members) or rates

    def training_variables(self) -> dict[str, keras.Variable]:
        """The variables that training must save, by permanent names: those of members and optimizers."""
        variables = self.member_variables()
        for name, optimizer in self.optimizers().items():
            variables |= {f"{name}/{index}": variable for index, variable in enumerate(optimizer.variables)}
        return variables

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model as before it was saved; Keras does not do this for models with their own `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def begin_epoch(self, epoch: int) -> None:
        """Called by `fit` before each epoch, counted from 0, for models whose epochs differ."""

    @property
    def ended(self) -> bool:
        """Whether training ends before its last epoch, since a model found that nothing is to be gained any more."""
        return False

    def _end_early(self) -> None:
        if self.ended:
            self.stop_training = True

    def feed(self, batches: BatchManager, validation: tuple[np.ndarray, np.ndarray] | None = None) -> "tf.data.Dataset":
        """What a run gives `fit`; here the batches of each epoch.

        Args:
          batches: of the training examples.
          validation: the images and labels that `RunConfig.held_out` takes from them, for models that choose by them.
        """
        return batches.dataset()

    def callbacks(self, batches: "tf.data.Dataset") -> list[keras.callbacks.Callback]:
        """Callbacks that `fit` needs for these batches, with `validation_data`; here there are none."""
        return []

    def objective(
        self, labels: Tensor, logits: Sequence[Tensor], sample_weight: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The objective of a training step, and the cost of each member.

        Args:
          labels: int32 [batch].
          logits: float32 [batch, classes], one a member.
          sample_weight: float32 [batch]; see `mean_cross_entropy`.

        Returns:
          A scalar, and one scalar a member: mean cross-entropy plus the member's own weight decay. Here the objective
          is the sum of the costs; Noel (2017), equation 2.1.
        """
        costs = [
            mean_cross_entropy(labels, member_logits, sample_weight) + sum(member.losses)
            for member, member_logits in zip(self.members.values(), logits, strict=True)
        ]
        return sum(costs), costs

    def turns(self) -> list[tuple[Objective, list[keras.Variable]]]:
        """The objectives of a training step, one after the other, each with the variables that it trains.

        Here there is one. `train_step` takes a step for each; on JAX `compiled_steps` does.
        """
        return [(self.objective, self.trainable_variables)]

    def cost_apart(self, images: Tensor, present: Tensor) -> tuple[Tensor, ...]:
        """What images without labels add to the objective, with their statistic; here nothing is learned from them.

        Args:
          images: uint8 [batch, height, width, channels], without labels.
          present: bool, a scalar: whether this step has images without labels; otherwise theirs are black.
        """
        return ()

    def inputs_of_step(self) -> list[keras.Variable]:
        """Variables that a step reads and that are not trained, such as the weights of costs; here there are none."""
        return []

    def train_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """One step of the optimizer for each of `turns`; the statistics are of the predictions before the first."""
        import tensorflow as tf

        images, labels, *weights = unpacked(data)
        records = []
        for objective, variables in self.turns():
            with tf.GradientTape() as tape:
                logits = self.logits(images, training=True)
                total, costs = objective(labels, logits, *weights)
            descend(self.optimizer, tape, total, variables)
            records.append((logits, total, costs))
        logits, total, costs = records[0]
        if len(records) > 1:
            total, costs = self.objective(labels, logits, *weights)
        return self.record(labels, logits, total, costs, (), *weights)

    def test_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The statistics of one batch, with batch normalisation in inference mode."""
        images, labels, *weights = unpacked(data)
        logits = self.logits(images, training=False)
        total, costs = self.objective(labels, logits, *weights)
        return self.record(labels, logits, total, costs, (), *weights)

    def record(
        self,
        labels: Tensor,
        logits: Sequence[Tensor],
        total: Tensor,
        costs: Sequence[Tensor],
        further: Sequence[Tensor] = (),
        sample_weight: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Statistics of members and ensemble, and a scalar for each of the subclass's further quantities.

        The ensemble's prediction is the argmax of `ensemble_logits`; its cost is the cross-entropy of their softmax,
        without decay or collaboration. Sample weights enter costs, not errors.
        """
        batch_size = keras.ops.shape(labels)[0]
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(labels, self.answer_logits(logits), sample_weight)
        together = self.together(logits)
        if len(logits) > 1:
            further = [*disagreement(logits), *further]
            logits = [*logits, together]
            costs = [*costs, mean_cross_entropy(labels, together, sample_weight)]
        errors = [error(labels, output) for output in logits]
        self.statistics.update_state(total, costs, errors, batch_size, further)
        return self.get_metrics_result()
