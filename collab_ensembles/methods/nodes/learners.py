"""What a node learns in a step: from labels here, without them in `coders`. Lacaille (2018), section 2.2.3."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import keras
import tensorflow as tf

from collab_ensembles.methods.nodes import messages
from collab_ensembles.models.optimizers import Adam
from collab_ensembles.models.statistics import error
from collab_ensembles.streams import Stream, generator
from collab_ensembles.tensor import Tensor


@dataclasses.dataclass(frozen=True)
class Minibatch:
    """What a node learns from in a step.

    Attributes:
      images: float32 [batch, height, width, channels].
      labels: int32 [batch].
      received: what the images were sent with, float32 [batch, width]; of own images without meaning.
      consumed: whether they were received, bool [].
      seed: of what is random in the step, int64 [2].
    """

    images: Tensor
    labels: Tensor
    received: Tensor
    consumed: Tensor
    seed: Tensor


@dataclasses.dataclass(frozen=True)
class Computed:
    """What a step gives.

    Attributes:
      cost: the objective, [].
      error: the fraction of wrong answers, [].
      gradients: for each of the learner's variables.
      content: what the node sends with the images, [batch, width]; None where it has nothing to send.
    """

    cost: Tensor
    error: Tensor
    gradients: list[Tensor]
    content: Tensor | None


class Learner(Protocol):
    """What a node trains.

    Attributes:
      member: the network from images to logits.
      width: of the contents that it sends.
    """

    member: keras.Model
    width: int

    @property
    def variables(self) -> list[keras.Variable]:
        """What a step trains."""

    def further(self) -> Mapping[str, keras.Model]:
        """Networks beside the member, by name."""

    def compute(self, minibatch: Minibatch) -> Computed:
        """The gradients of a step."""


def step_seed(run: int, step: Tensor, nodes: int, node: int) -> Tensor:
    """What decides what is random in a node's step, int64 [2].

    Args:
      run: the seed of the run.
      step: from 0, int64 [].
      nodes: how many there are.
      node: its number.
    """
    noise = int(generator(run, Stream.NOISE).integers(2**62))
    return tf.stack([tf.constant(noise, tf.int64), step * nodes + node])


def state(learner: Learner, optimizer: Adam) -> list[keras.Variable]:
    """All variables of a node: those of its networks, and the moments of those that it trains."""
    networks = [learner.member, *learner.further().values()]
    own = {id(variable): variable for network in networks for variable in network.variables}
    return [*own.values(), *optimizer.moments(learner.variables)]


class Classifier:
    """A node that learns from labels, and from what it receives in their place; see `messages.cost`."""

    def __init__(self, member: keras.Model, content: str, temperature: float) -> None:
        """Takes a network whose last layer gives the logits; for the rest see `messages.cost`."""
        self.member, self._content, self._temperature = member, content, temperature
        self._whole = keras.Model(member.input, [member.layers[-1].input, member.output], name=member.name)
        hidden, logits = self._whole.output_shape
        self.width = {"logits": logits[-1], "features": hidden[-1]}.get(content, 0)

    @property
    def variables(self) -> list[keras.Variable]:
        """Those of the network."""
        return list(self.member.trainable_variables)

    def further(self) -> Mapping[str, keras.Model]:
        """None."""
        return {}

    def compute(self, minibatch: Minibatch) -> Computed:
        """See `Learner`; the error is that of the minibatch before the step."""
        with tf.GradientTape() as tape:
            hidden, logits = (tf.cast(each, tf.float32) for each in self._whole(minibatch.images, training=True))
            cost = messages.cost(
                self._content,
                minibatch.labels,
                logits,
                hidden,
                minibatch.received,
                minibatch.consumed,
                self._temperature,
            )
            cost = cost + sum(self._whole.losses)
        gradients = tape.gradient(cost, [variable.value for variable in self.variables])
        content = {"logits": logits, "features": hidden}.get(self._content)
        return Computed(cost, error(minibatch.labels, logits), gradients, content)
