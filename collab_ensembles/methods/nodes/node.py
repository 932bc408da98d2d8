"""A node in a process of its own, with its part of the examples, its network and its queue."""

import concurrent.futures
import dataclasses
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import tensorflow as tf

from collab_ensembles import environment
from collab_ensembles.methods.nodes import training
from collab_ensembles.methods.nodes.learners import Minibatch, state, step_seed
from collab_ensembles.methods.nodes.options import NodesConfig
from collab_ensembles.methods.nodes.post import Inbox, Message
from collab_ensembles.methods.nodes.schedule import Key
from collab_ensembles.settings.method import Shape
from collab_ensembles.settings.team import Mail
from collab_ensembles.tensor import Tensor

MAKER = f"{__name__}:Node"


@dataclasses.dataclass
class State:
    """All of a node between two epochs.

    Attributes:
      values: those of its variables, see `learners.state`.
      taken: how many minibatches it has taken of its own part.
      sent: how many messages it has sent.
      examples: the examples of its last messages, int64 [places, batch]; message n is at place n % places.
      contents: the contents of these, float32 [places, batch, width]; there are capacity + 1 places.
    """

    values: list[np.ndarray]
    taken: int
    sent: int
    examples: np.ndarray
    contents: np.ndarray


@dataclasses.dataclass
class Trained:
    """What a node has after the steps of an epoch.

    Attributes:
      state: see `State`.
      waiting: the messages in its queue, the oldest first.
      costs: the objective of each step; float32.
      errors: the fraction of wrong answers; float32.
      consumed: for each step, whether the minibatch came out of the queue.
      empty: how often the queue was empty when the node wanted a message.
      dropped: how many messages the full queue lost.
      length: the sum of the queue's lengths after each step.
    """

    state: State
    waiting: list[Key]
    costs: np.ndarray
    errors: np.ndarray
    consumed: np.ndarray
    empty: int
    dropped: int
    length: int


class Node:
    """Takes the steps of one node; see `crew.Crew` for the order in which its methods are called.

    `deliver` and `meet` are called by another thread than the rest.
    """

    def __init__(
        self,
        config: NodesConfig,
        number: int,
        image_shape: Shape,
        num_classes: int,
        examples: int,
        images: np.ndarray,
        labels: np.ndarray,
    ) -> None:
        """Builds the node's network and its optimizer.

        Args:
          config: of the run.
          number: of the node, from 0.
          image_shape: (height, width, channels).
          num_classes: of the logits.
          examples: how many there are in all parts.
          images: of its own part, in the order of that.
          labels: of the same examples.
        """
        self._config, self._number = config, number
        self._schedule = training.schedule(config, examples)
        self._places = np.empty(examples, np.int64)
        self._places[self._schedule.parts[number]] = np.arange(len(labels))
        self._images, self._labels = images, labels
        name = config.member_names()[number]
        self._learner = training.learner(config, image_shape, num_classes, number, name)
        self._optimizer = training.optimizer(config)
        self._optimizer.build(self._learner.variables)
        self._variables = state(self._learner, self._optimizer)
        self._compute = tf.function(self._step, autograph=False, jit_compile=environment.jit_compile())
        self._lock = threading.Lock()

    def begin(self, given: State, waiting: Sequence[Message], peers: Mapping[int, Mail]) -> None:
        """Goes to the beginning of an epoch.

        Args:
          given: the node as it was then.
          waiting: the messages in its queue.
          peers: what delivers messages to the nodes to which it sends.
        """
        for variable, value in zip(self._variables, given.values, strict=True):
            variable.assign(value)
        self._state = dataclasses.replace(given, examples=given.examples.copy(), contents=given.contents.copy())
        self._inbox = Inbox(self._config.queue_capacity, waiting, not self._config.free_running)
        self._peers = dict(peers)
        self._log: list[Message] = []
        self._pending: list[Future[Any]] = []

    def deliver(self, message: Message) -> None:
        """Takes a message of another node in."""
        self._inbox.put(message)

    def meet(self, number: int, mail: Mail) -> None:
        """Sends the messages of this epoch again, to a node that was started again, and all later ones to there."""
        with self._lock:
            self._peers[number] = mail
            again = [mail(message) for message in self._log]
        concurrent.futures.wait(again)

    def train(self, first_step: int, steps: int, consumed: Sequence[Key | None] | None) -> None:
        """Takes the steps of an epoch, and waits until all that it has sent is delivered.

        Args:
          first_step: from 0.
          steps: how many.
          consumed: the message that each step consumes; None: what the queue has when the node wants one.
        """
        self._optimizer.iterations.assign(first_step)
        costs, errors, taken_in, lengths, empty = [], [], [], 0, 0
        for place in range(steps):
            wants, sends = (bool(each[self._number]) for each in self._schedule.draws(first_step + place))
            if consumed is None:
                message = self._inbox.oldest() if wants else None
            else:
                key = consumed[place]
                message = None if key is None else self._inbox.take(key)
            empty += wants and message is None
            cost, wrong = self._learn(first_step + place, message, sends)
            costs.append(cost)
            errors.append(wrong)
            taken_in.append(message is not None)
            lengths += len(self._inbox)
        concurrent.futures.wait(self._pending)
        self._trained = Trained(
            self._state, [], np.array(costs), np.array(errors), np.array(taken_in), empty, 0, lengths
        )

    def end(self) -> Trained:
        """What the epoch gave, when all nodes have trained."""
        values = [variable.numpy() for variable in self._variables]
        return dataclasses.replace(
            self._trained,
            state=dataclasses.replace(self._state, values=values),
            waiting=self._inbox.keys(),
            dropped=self._inbox.dropped,
        )

    def _learn(self, step: int, message: Message | None, sends: bool) -> tuple[np.float32, np.float32]:
        """Takes a step; returns its cost and error."""
        if message is None:
            examples = self._schedule.own(self._number, self._state.taken)
            self._state.taken += 1
            own = self._places[examples]
            images, labels, received = self._images[own], self._labels[own], np.zeros_like(self._state.contents[0])
        else:
            examples, images, labels, received = message.examples, message.images, message.labels, message.content
        cost, wrong, content = self._compute(
            tf.constant(images),
            tf.constant(labels),
            tf.constant(received),
            tf.constant(message is not None),
            tf.constant(step, tf.int64),
        )
        if sends:
            self._send(Message((self._number, self._state.sent), examples, images, labels, content.numpy()))
        return cost.numpy(), wrong.numpy()

    def _step(self, images: Tensor, labels: Tensor, received: Tensor, consumed: Tensor, step: Tensor) -> Any:
        seed = step_seed(self._config.seed, step, self._config.nodes, self._number)
        computed = self._learner.compute(Minibatch(tf.cast(images, tf.float32), labels, received, consumed, seed))
        self._optimizer.apply_gradients(zip(computed.gradients, self._learner.variables, strict=True))
        content = computed.content if received.shape[-1] else tf.zeros_like(received)
        return computed.cost, computed.error, content

    def _send(self, message: Message) -> None:
        place = self._state.sent % len(self._state.examples)
        self._state.examples[place], self._state.contents[place] = message.examples, message.content
        self._state.sent += 1
        with self._lock:
            self._log.append(message)
            self._pending += [mail(message) for mail in self._peers.values()]
