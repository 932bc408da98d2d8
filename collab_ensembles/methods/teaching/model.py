"""TeachingModel: a student that learns from those examples of a stack that a teacher chooses."""

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.methods.teaching import choosing
from collab_ensembles.methods.teaching.options import SCORED
from collab_ensembles.models.model import Model
from collab_ensembles.models.statistics import error
from collab_ensembles.models.steps import descend, loop, mean_cross_entropy
from collab_ensembles.streams import Stream, generator
from collab_ensembles.tensor import Tensor

SERIES = {
    "updates": "updates",
    "forward_passes": "forward_passes",
    "validation_errors": "validation_error",
    "best_epoch": "best_epoch",
}
"""What is recorded besides, and its names in an epoch's logs: the student's updates so far (each has one backward pass
of a minibatch), the minibatches that passed forward so far (the whole stack where the teacher compares answers), the
validation error of the student as the epoch leaves it (a fraction), and the epoch, from 1, of the lowest so far."""

_TEACHER_BATCH = 1000


class TeachingModel(Model):
    """A student and its teacher; Lacaille (2018), chapter 3.

    A stack holds several minibatches. The student answers all of them; of these examples the teacher returns one
    minibatch, those that it finds hardest, and the student takes one step on them. The teacher does not change, so that
    its answers to the training examples are computed once.

    There are two copies of the student: the learner is trained, and the member `student`, which evaluates and answers,
    is the learner after the epoch with the lowest validation error so far. So the last test error is that of the best
    epoch. Training ends once there was no lower one for some epochs.

    Batches of `fit` are pieces of an epoch, see `feed`: one compiled loop has all their steps.
    """

    def __init__(
        self,
        learner: keras.Model,
        best: keras.Model,
        teacher: keras.Model | None = None,
        *,
        stack: int,
        batch_size: int,
        difficulty: str = "cross_entropy",
        targets: str = "soft",
        patience: int = 20,
        seed: int = 0,
    ) -> None:
        """Takes the networks.

        Args:
          learner: the student, from images to logits.
          best: the same network again.
          teacher: a trained network from images to logits; needed for training with soft targets or a choice.
          stack: the minibatches of which one is chosen.
          batch_size: the examples of a minibatch.
          difficulty: `cross_entropy` or `euclidean`, see `choosing.difficulty`; or `random`.
          targets: `soft`: the teacher's probabilities; `true`: the labels.
          patience: the epochs without a lower validation error after which training ends.
          seed: of what is random in a step.
        """
        super().__init__({"student": best})
        self.further_series = dict(SERIES)
        self._learner, self._teacher = learner, teacher
        self._stack, self._batch_size = stack, batch_size
        self._difficulty, self._targets, self._patience = difficulty, targets, patience
        self._seed = seed
        self._chooses = stack > 1 and difficulty in SCORED
        best.set_weights(learner.get_weights())
        # In 64 bits: TensorFlow keeps variables of 32-bit integers off the GPU, where XLA cannot reach them.
        self._progress = {
            name: keras.Variable(value, dtype="int64", trainable=False, name=name)
            for name, value in (("epochs", 0), ("best_epoch", 0), ("fewest_wrong", np.iinfo(np.int64).max))
        }
        self._step_seed = keras.Variable(0, dtype="int64", trainable=False, name="step_seed")

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Those of the learner."""
        return list(self._learner.trainable_variables)

    def training_variables(self) -> dict[str, keras.Variable]:
        """The variables of the student and the optimizer, those of the learner, and how far it is.

        Without the states of dropout and noise, which `begin_epoch` sets.
        """
        states = {id(state) for state in _random_states(self.members["student"])}
        inherited = {name: each for name, each in super().training_variables().items() if id(each) not in states}
        learner = {f"learner/{index}": variable for index, variable in enumerate(self._learner.weights)}
        return {**inherited, **learner, **self._progress}

    def begin_epoch(self, epoch: int) -> None:
        """Sets what is random in the epoch's steps."""
        random = generator(self._seed, Stream.CHOICE, epoch)
        self._step_seed.assign(int(random.integers(2**62)))
        for state in _random_states(self._learner):
            state.assign(random.integers(2**31 - 1, size=state.shape))

    def feed(self, batches: BatchManager, validation: tuple[np.ndarray, np.ndarray] | None = None) -> tf.data.Dataset:
        """Keeps the examples, computes the teacher's answers, and gives each epoch's `BatchManager.pieces`.

        Raises:
          ValueError: there is no validation part, no teacher where one is needed, or fewer examples than a stack has.
        """
        if validation is None:
            raise ValueError("received no validation part; it is needed to choose the best epoch")
        if self._teacher is None and (self._chooses or self._targets == "soft"):
            raise ValueError("received no teacher; a choice and soft targets need one")
        size = self._stack * self._batch_size
        pieces = batches.pieces(size)
        images, labels = batches.examples
        self._steps = len(labels) // size
        self._images = tf.constant(images)
        self._validation = tf.constant(validation[0]), tf.constant(validation[1])
        self._answers = None if self._teacher is None else _probabilities(self._teacher, images)
        return pieces

    @property
    def ended(self) -> bool:
        """Whether there was no lower validation error for long enough."""
        return int(self._progress["epochs"] - self._progress["best_epoch"]) >= self._patience

    def train_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The steps of a piece of an epoch; after the last piece, the validation.

        Examples that fill no stack are left out of this epoch. Before the last piece the validation error is 0; what is
        recorded of an epoch is what its last piece gives.
        """
        order, labels, steps = data
        size = self._stack * self._batch_size
        loop(steps, lambda number: self._step(order, labels, number * size))
        validation_error = tf.cond(steps[1] == self._steps, self._validate, lambda: tf.constant(0.0))
        epochs = tf.cast(self._progress["epochs"].value, tf.float32)
        updates = epochs * self._steps
        return {
            **self.get_metrics_result(),
            "updates": updates,
            "forward_passes": updates * (self._stack if self._chooses else 1),
            "validation_error": validation_error,
            "best_epoch": tf.cast(self._progress["best_epoch"].value, tf.float32),
        }

    def _step(self, order: Tensor, labels: Tensor, start: Tensor) -> None:
        """One update: on the hardest examples of a stack that begins at a place of the order."""
        places = start + self._chosen(order, start)
        examples = tf.gather(order, places)
        images, labels = tf.gather(self._images, examples), tf.gather(labels, places)
        with tf.GradientTape() as tape:
            logits = self._logits(images, training=True)
            if self._targets == "soft":
                soft = tf.gather(self._answers, examples)
                cost = keras.ops.mean(keras.losses.categorical_crossentropy(soft, logits, from_logits=True))
            else:
                cost = mean_cross_entropy(labels, logits)
            cost = cost + sum(self._learner.losses)
        descend(self.optimizer, tape, cost, self.trainable_variables)
        self.statistics.update_state(cost, [cost], [error(labels, logits)], self._batch_size)

    def _chosen(self, order: Tensor, start: Tensor) -> Tensor:
        """The places in the stack of the examples to learn from, int32 [batch]."""
        if self._stack == 1:
            return tf.range(self._batch_size)
        size = self._stack * self._batch_size
        if self._chooses:
            examples = tf.slice(order, [start], [size])
            logits = self._logits(tf.gather(self._images, examples))
            scores = choosing.difficulty(self._difficulty, tf.gather(self._answers, examples), logits)
        else:
            seed = tf.stack([self._step_seed.value, tf.cast(start, tf.int64)])
            scores = tf.random.stateless_uniform((size,), seed, alg="philox")
        return choosing.hardest(scores, self._batch_size)

    def _validate(self) -> Tensor:
        """The learner's validation error, a fraction; the student becomes the learner if there was no lower one."""
        images, labels = self._validation
        answers = tf.argmax(self._logits(images), axis=-1, output_type=tf.int32)
        wrong = tf.math.count_nonzero(answers != labels)
        epochs, best_epoch, fewest = self._progress.values()
        epochs.assign_add(1)
        better = wrong < fewest.value
        for target, source in zip(self.members["student"].weights, self._learner.weights, strict=True):
            target.assign(tf.where(better, source.value, target.value))
        best_epoch.assign(tf.where(better, epochs.value, best_epoch.value))
        fewest.assign(tf.minimum(wrong, fewest.value))
        return tf.cast(wrong / len(labels), tf.float32)

    def _logits(self, images: Tensor, training: bool = False) -> Tensor:
        return keras.ops.cast(self._learner(keras.ops.cast(images, "float32"), training=training), "float32")


def _random_states(network: keras.Model) -> list[keras.Variable]:
    """The states of dropout and noise in a network, also within its parts, in the order of its layers."""
    weights = {id(variable) for variable in network.weights}
    return [variable for variable in network.variables if id(variable) not in weights]


def _probabilities(teacher: keras.Model, images: np.ndarray) -> Tensor:
    """The teacher's probabilities, float32 [examples, classes]."""
    traced = tf.function(lambda batch: tf.nn.softmax(tf.cast(teacher(tf.cast(batch, tf.float32)), tf.float32)))
    parts = [traced(images[start : start + _TEACHER_BATCH]) for start in range(0, len(images), _TEACHER_BATCH)]
    return tf.concat(parts, axis=0)
