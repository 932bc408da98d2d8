"""LanguageModel: two agents that see the same images in parts, and learn to speak of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.methods.language import information, observation
from collab_ensembles.methods.language.agent import Agent
from collab_ensembles.methods.language.messages import Temperature, gumbel, likelihood_cost, log_gumbel_softmax
from collab_ensembles.models.batch import unweighted
from collab_ensembles.models.model import Model
from collab_ensembles.models.steps import descend, loop
from collab_ensembles.streams import Stream, generator
from collab_ensembles.tensor import Tensor


@dataclasses.dataclass(frozen=True)
class Heard:
    """What an agent makes of a batch of images.

    Attributes:
      hidden: the last hidden layer, [batch, units].
      log_message: the logarithm of its message, [batch, length, vocabulary].
      together: the scores of its discriminator for the images with their messages, [batch].
      apart: for the images with the messages of other images, [batch].
    """

    hidden: Tensor
    log_message: Tensor
    together: Tensor
    apart: Tensor


class LanguageModel(Model):
    """A teacher and a student with partial views; Lacaille (2018), chapter 4.

    Each agent sees the images through a mask of its own and makes a message of each with the Gumbel-softmax. Both lower
    the cost of their discriminators, which raises I(X; S), and at all levels but `baseline` the likelihood cost, times
    its weight:

    - `receive`: the student predicts the teacher's message, and no gradient flows into the teacher;
    - `feedback`: it flows into the teacher, too;
    - `both`: the same, and the teacher predicts the student's message besides.

    The members are the agents' networks, whose last layer is a linear classifier of the last hidden layer. It learns
    from the labels; no gradient of it flows further.

    One Adam trains all: it keeps its moments for each variable, so the classifiers learn as with an optimizer of their
    own. What is random in a step is a function of the seed and of the number of steps before.
    """

    def __init__(
        self,
        agents: Mapping[str, Agent],
        level: str,
        *,
        weight: float,
        temperature: Temperature,
        batch_size: int,
        num_classes: int,
        seed: int = 0,
    ) -> None:
        """Puts a teacher and a student together.

        Args:
          agents: the teacher, then the student, by name.
          level: see the class.
          weight: of the likelihood cost.
          temperature: of the Gumbel-softmax.
          batch_size: the examples of a step, at least 2, where the model is given pieces of epochs, see `feed`.
          num_classes: of the data; for what is recorded.
          seed: of the symbols that are drawn.
        """
        super().__init__({name: agent.network for name, agent in agents.items()})
        self._agents, self._level, self._weight = dict(agents), level, weight
        self._temperature, self._batch_size = temperature, batch_size
        self._seed = int(generator(seed, Stream.SYMBOLS).integers(2**62))
        self._classes = min(num_classes, observation.MOST_CLASSES)
        length = next(iter(agents.values())).speaker.output_shape[1]
        self.further_series |= {name: name for name in observation.names(list(agents), self._classes, length)}
        self._images: Tensor | None = None

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Those of all networks of the agents."""
        networks = [net for agent in self._agents.values() for net in (agent.network, *agent.language().values())]
        return [variable for network in networks for variable in network.trainable_variables]

    def training_variables(self) -> dict[str, keras.Variable]:
        """The variables of the members and of the optimizer, and of what the agents have for their language."""
        own = {
            f"{name}/{part}/{variable.path}": variable
            for name, agent in self._agents.items()
            for part, network in agent.language().items()
            for variable in network.variables
        }
        return {**super().training_variables(), **own}

    def feed(self, batches: BatchManager, validation: tuple[np.ndarray, np.ndarray] | None = None) -> tf.data.Dataset:
        """Keeps the examples, and gives each epoch in pieces, see `BatchManager.pieces`.

        Raises:
          ValueError: there is no validation part, or fewer examples than a step has.
        """
        if validation is None:
            raise ValueError("received no validation part; accuracies and messages are recorded on it")
        pieces = batches.pieces(self._batch_size)
        self._images, self._validation = tf.constant(batches.examples[0]), validation
        return pieces

    def callbacks(self, batches: tf.data.Dataset) -> list[keras.callbacks.Callback]:
        """Adds what is seen on the validation part after an epoch to its logs, for those that follow."""
        observe = tf.function(self.observe)
        images, labels = self._validation

        def add(epoch: int, logs: Any) -> None:
            seen = observe(tf.constant(images))
            logs |= observation.quantities(seen, images, labels, self._classes)

        return [keras.callbacks.LambdaCallback(on_epoch_end=add)]

    def train_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """One step on a minibatch; or, after `feed`, the steps of a piece of an epoch, in one compiled loop.

        Examples that fill no minibatch are left out of an epoch.
        """
        if self._images is None:
            self.step(*unweighted(data))
            return self.get_metrics_result()
        order, labels, steps = data

        def step(number: Tensor) -> None:
            places = number * self._batch_size + tf.range(self._batch_size)
            self.step(tf.gather(self._images, tf.gather(order, places)), tf.gather(labels, places))

        loop(steps, step)
        return self.get_metrics_result()

    def step(self, images: Tensor, labels: Tensor) -> None:
        """One step of the optimizer on all variables, and its statistics before it.

        Args:
          images: [batch, height, width, channels].
          labels: int32 [batch].
        """
        with tf.GradientTape() as tape:
            teacher, student = heard = self.hear(images)
            cost = self.language_cost(teacher, student)
            logits = [agent.classify(each.hidden) for agent, each in zip(self._agents.values(), heard, strict=True)]
            classification, costs = self.objective(labels, logits)
            total = cost + classification
        descend(self.optimizer, tape, total, self.trainable_variables)
        self.record(labels, logits, total, costs)

    def hear(self, images: Tensor) -> tuple[Heard, Heard]:
        """What teacher and student make of images [batch, height, width, channels] in the next step of training."""
        step = tf.convert_to_tensor(self.optimizer.iterations)
        temperature = self._temperature.of(step)
        seed = tf.stack([tf.constant(self._seed, tf.int64), tf.cast(step, tf.int64)])
        images = keras.ops.cast(images, "float32")
        length, vocabulary = next(iter(self._agents.values())).speaker.output_shape[1:]
        noise = gumbel((len(self._agents), tf.shape(images)[0], length, vocabulary), seed)
        teacher, student = (
            _heard(agent, images, noise[number], temperature) for number, agent in enumerate(self._agents.values())
        )
        return teacher, student

    def language_cost(self, teacher: Heard, student: Heard) -> Tensor:
        """-R_info of both agents, and the weighted L_likelihood of the level; equations 4.2.5 to 4.2.8."""
        cost = sum(information.discrimination_cost(each.together, each.apart) for each in (teacher, student))
        if self._level == "baseline":
            return cost
        message = keras.ops.exp(teacher.log_message)
        if self._level == "receive":
            message = keras.ops.stop_gradient(message)
        likelihood = likelihood_cost(student.log_message, message)
        if self._level == "both":
            likelihood += likelihood_cost(teacher.log_message, keras.ops.exp(student.log_message))
        return cost + self._weight * likelihood

    def observe(self, images: Tensor) -> dict[str, observation.Seen]:
        """What is seen of each agent on images, with the symbols drawn at the temperature of the next step."""
        return {
            name: observation.Seen(
                agent.classify(each.hidden),
                agent.speaker(each.hidden),
                information.information_bound(each.together, each.apart),
            )
            for (name, agent), each in zip(self._agents.items(), self.hear(images), strict=True)
        }


def _heard(agent: Agent, images: Tensor, noise: Tensor, temperature: Tensor) -> Heard:
    view, hidden = agent.features(images)
    log_message = log_gumbel_softmax(agent.speaker(hidden), noise, temperature)
    message, of_image = keras.ops.exp(log_message), agent.image_part(view)
    # The message of the image before it in the batch: gradients flow into both, section 4.2.2.3.
    of_others = keras.ops.roll(message, 1, axis=0)
    return Heard(hidden, log_message, agent.judge([of_image, message]), agent.judge([of_image, of_others]))
