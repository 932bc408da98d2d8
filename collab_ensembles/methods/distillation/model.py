"""DistillationModel: one network that learns from the labels and from a trained teacher."""

from collections.abc import Sequence

import keras

from collab_ensembles.models.batch import refuse_weights
from collab_ensembles.models.model import Model
from collab_ensembles.models.steps import mean_cross_entropy
from collab_ensembles.tensor import Tensor


class DistillationModel(Model):
    """A student and its teacher. Objective: beta cross-entropy + (1 - beta) T^2 distance from the teacher + decay.

    The baseline of Song and Chai (2018), table 4, after Hinton et al. (2015). The distance is the Kullback-Leibler
    divergence at temperature T, whose gradient is the soft cross-entropy's. (`keras.distillation` is not used: its
    `Distiller` has its own training step and leaves out the layers' losses, and its `LogitsDistillation` clips
    probabilities, so that a student that is surely wrong learns nothing from its teacher.) The statistics show the
    teacher as a second member, and the ensemble of both. The student alone answers.
    """

    answer = "student"

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        *,
        temperature: float = 2.0,
        beta: float = 0.5,
    ) -> None:
        """Takes the network to train, and the teacher, which does not change.

        Args:
          student: a network from images to logits.
          teacher: the same, already trained.
          temperature: T, above 0.
          beta: the share of the labels in the loss, above 0 and at most 1.

        Raises:
          ValueError: a number is not allowed, or the teacher has another number of classes; see `Model`.
        """
        super().__init__({"student": student, "teacher": teacher})
        if temperature <= 0 or not 0 < beta <= 1:
            raise ValueError(f"received temperature {temperature}, beta {beta}; allowed: above 0, and above 0 to 1")
        teacher.trainable = False
        self._temperature, self._beta = temperature, beta

    def logits(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """Logits of student and teacher; the teacher runs in inference mode, and no gradient flows into it."""
        images = keras.ops.cast(images, "float32")
        student, teacher = self.members.values()
        outputs = student(images, training=training), keras.ops.stop_gradient(teacher(images, training=False))
        return [keras.ops.cast(output, "float32") for output in outputs]

    def answer_logits(self, logits: Sequence[Tensor]) -> Tensor:
        """The student's."""
        return logits[0]

    def objective(
        self, labels: Tensor, logits: Sequence[Tensor], sample_weight: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The student's objective, and the cost of each; see `Model.objective`. Sample weights are refused."""
        refuse_weights(sample_weight)
        student, teacher = logits
        _, costs = super().objective(labels, logits)
        decay = sum(self.members["student"].losses)
        hard = mean_cross_entropy(labels, student)
        soft = self._temperature**2 * self._distance(student, teacher)
        return self._beta * hard + (1 - self._beta) * soft + decay, costs

    def _distance(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The Kullback-Leibler divergence of the two at temperature T, mean over the batch."""
        own, known = (keras.ops.log_softmax(logits / self._temperature) for logits in (student, teacher))
        return keras.ops.mean(keras.ops.sum(keras.ops.exp(known) * (known - own), axis=-1))
