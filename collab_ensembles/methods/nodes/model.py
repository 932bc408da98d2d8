"""NodesModel: nodes that learn from their own part of the data, and from what other nodes send them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.data.batch_manager import BatchManager, in_pieces
from collab_ensembles.methods.nodes import decisions, messages
from collab_ensembles.methods.nodes.options import DECISIONS
from collab_ensembles.methods.nodes.schedule import Plan, Queues, Schedule
from collab_ensembles.models.model import Model, descend, loop
from collab_ensembles.models.statistics import DISAGREEMENT, error
from collab_ensembles.tensor import Tensor

COUNTS = ("consumed", "empty", "dropped", "queue_length")
"""What is recorded of queues after each epoch: the share of the steps that learned from a received minibatch; how often
a queue was empty when a node wanted one; how many messages full queues lost; and the mean length of queues."""

_TOGETHER = (*(f"{decision}_error" for decision in DECISIONS), "entropy")
"""What is recorded of nodes together on the test examples: the error of each collective decision, and the mean entropy
of a node's probabilities in nats."""

_PIECE = 20
"""Most steps of single networks in a piece of an epoch, between which signals are seen; see `BatchManager.pieces`."""


class NodesModel(Model):
    """Nodes on a circle; Lacaille (2018), chapter 2.

    The members are the nodes' networks. In each step every node takes a minibatch of its own part, or the oldest one of
    its queue, learns from it, and may send it on, with what its network made of it in this very step, before the
    update. `Schedule` has the details. One Adam trains all: it keeps its moments for each variable, so that nodes learn
    as with an optimizer of their own.

    Batches of `fit` are pieces of an epoch, see `feed`. The ensemble's training statistics are means over the nodes,
    each on its own minibatches: there is no minibatch that all answer.
    """

    def __init__(
        self,
        members: Mapping[str, keras.Model],
        *,
        content: str,
        epoch_steps: int,
        batch_size: int,
        neighbours: int = 0,
        consume: float = 0.0,
        broadcast: float = 0.0,
        queue_capacity: int = 1,
        temperature: float = 1.0,
        decision: str = "confidence",
        seed: int = 0,
    ) -> None:
        """Puts nodes on a circle.

        Args:
          members: their networks, whose last layer gives the logits.
          content: of messages: `none`, `labels`, `logits` or `features`.
          epoch_steps: the steps of each node in an epoch.
          batch_size: the examples of a step.
          neighbours: see `Schedule`; as are `consume`, `broadcast`, and `queue_capacity`, there `capacity`.
          consume: see there.
          broadcast: see there.
          queue_capacity: see there.
          temperature: of received logits.
          decision: the ensemble's; see `decisions.collective`.
          seed: of parts, orders and draws.
        """
        together = _TOGETHER if len(members) > 1 else ()
        super().__init__(members, together)
        self.further_series |= {name: f"val_{name}" for name in together}
        if content != "none":
            self.further_series |= {name: name for name in COUNTS}
        # Of one network that `inference_network` joins; here `ensemble_logits` decides.
        self.averaging = "softmax"
        self._content, self._temperature, self._decision = content, temperature, decision
        self._epoch_steps, self._batch_size = epoch_steps, batch_size
        self._schedule_settings: dict[str, Any] = {
            "nodes": len(members),
            "neighbours": neighbours,
            "consume": consume,
            "broadcast": broadcast,
            "capacity": queue_capacity,
            "batch_size": batch_size,
            "seed": seed,
        }
        self._networks = [
            keras.Model(member.input, [member.layers[-1].input, member.output], name=name)
            for name, member in self.members.items()
        ]
        empty = Queues.empty(len(members), queue_capacity, batch_size)
        self._queues = {
            field.name: keras.Variable(getattr(empty, field.name), dtype="int64", trainable=False, name=field.name)
            for field in dataclasses.fields(empty)
        }
        width = {"logits": self._networks[0].output_shape[1][-1], "features": self._networks[0].output_shape[0][-1]}
        shape = (len(empty.examples), batch_size, width.get(content, 0))
        self._contents = keras.Variable(np.zeros(shape, np.float32), trainable=False, name="contents")

    def training_variables(self) -> dict[str, keras.Variable]:
        """The variables of the members and of the optimizer, and the queues with the messages in them."""
        queues = {f"queues/{name}": variable for name, variable in self._queues.items()}
        return {**super().training_variables(), **queues, "queues/contents": self._contents}

    def ensemble_logits(self, logits: Sequence[Tensor]) -> Tensor:
        """The logarithm of the collective decision's probabilities, [batch, classes]."""
        return decisions.collective(self._decision, _log_probabilities(logits))

    def inference_names(self) -> list[str]:
        """The nodes, and `ensemble` where it is a plain mean: Keras' own layers cannot weigh by entropy."""
        names = super().inference_names()
        return names if self._decision == "mean" else [name for name in names if name != "ensemble"]

    def feed(self, batches: BatchManager, validation: tuple[np.ndarray, np.ndarray] | None = None) -> tf.data.Dataset:
        """Parts the examples, and gives each epoch in pieces of a few steps.

        Each piece has the minibatches of every step and node, int32 [steps, nodes, batch], their labels, the places of
        the messages that are consumed and sent, int32 [steps, nodes], and the steps as `in_pieces` has them.

        Raises:
          ValueError: a part is smaller than a minibatch.
        """
        images, labels = batches.examples
        self._schedule = Schedule(len(labels), **self._schedule_settings)
        self._images = tf.constant(images)
        nodes = len(self.members)
        most = max(1, _PIECE // nodes)

        def arrays(first: int, last: int) -> tuple[np.ndarray, ...]:
            steps = slice(first, last)
            examples = self._plan.examples[steps]
            return examples, labels[examples], self._plan.consumed[steps], self._plan.sent[steps]

        minibatches = tf.TensorSpec((None, nodes, self._batch_size), tf.int32)
        places = tf.TensorSpec((None, nodes), tf.int32)
        return in_pieces(self._epoch_steps, most, arrays, (minibatches, minibatches, places, places))

    def begin_epoch(self, epoch: int) -> None:
        """Plans the steps of the epoch, and moves the queues to its end."""
        queues = Queues(**{name: np.copy(variable.numpy()) for name, variable in self._queues.items()})
        self._plan = self._schedule.plan(queues, epoch * self._epoch_steps, self._epoch_steps)
        for name, variable in self._queues.items():
            variable.assign(getattr(queues, name))

    def callbacks(self, batches: tf.data.Dataset) -> list[keras.callbacks.Callback]:
        """Adds what is recorded of queues to the logs of an epoch, for the callbacks that follow."""

        def add(epoch: int, logs: Any) -> None:
            logs |= counts(self._plan)

        return [keras.callbacks.LambdaCallback(on_epoch_end=add)]

    def train_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The steps of a piece of an epoch, in one compiled loop."""
        examples, labels, consumed, sent, span = data

        def step(number: Tensor) -> None:
            place = number - span[0]
            self._step(examples[place], labels[place], consumed[place], sent[place])

        loop(span, step)
        return self.get_metrics_result()

    def _step(self, examples: Tensor, labels: Tensor, consumed: Tensor, sent: Tensor) -> None:
        """One step of all nodes; arguments as those of a piece, for this step."""
        costs, errors, contents = [], [], []
        with tf.GradientTape() as tape:
            for node, network in enumerate(self._networks):
                images = tf.cast(tf.gather(self._images, examples[node]), tf.float32)
                hidden, logits = (tf.cast(each, tf.float32) for each in network(images, training=True))
                received = tf.gather(self._contents.value, tf.maximum(consumed[node], 0))
                cost = messages.cost(
                    self._content, labels[node], logits, hidden, received, consumed[node] >= 0, self._temperature
                )
                costs.append(cost + sum(network.losses))
                errors.append(error(labels[node], logits))
                contents.append({"logits": logits, "features": hidden}.get(self._content))
            total = tf.add_n(costs)
        descend(self.optimizer, tape, total, self.trainable_variables)
        for node, content in enumerate(contents):
            if content is not None:
                self._send(sent[node], content)
        if len(costs) > 1:
            costs, errors = ([*each, tf.reduce_mean(each)] for each in (costs, errors))
        unknown = [0.0] * (len(DISAGREEMENT) + len(_TOGETHER) if len(self.members) > 1 else 0)
        self.statistics.update_state(total, costs, errors, self._batch_size, unknown)

    def _send(self, place: Tensor, content: Tensor) -> None:
        """Puts a content, [batch, width], at a place; without a place, nowhere."""
        variable = self._contents.value

        def put() -> Tensor:
            variable.scatter_update(tf.IndexedSlices(content[None], place[None]))
            return tf.constant(0)

        tf.cond(place >= 0, put, lambda: tf.constant(0))

    def test_step(self, data: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The statistics of one batch, also of each collective decision."""
        images, labels = data
        logits = self.logits(images, training=False)
        total, costs = self.objective(labels, logits)
        further: list[Tensor] = []
        if len(logits) > 1:
            logarithms = _log_probabilities(logits)
            further = [error(labels, decisions.collective(decision, logarithms)) for decision in DECISIONS]
            further.append(keras.ops.mean(decisions.entropy(logarithms)))
        return self._record(labels, logits, total, costs, further)


def counts(plan: Plan) -> dict[str, float]:
    """What is recorded of queues in the steps of a plan; see `COUNTS`."""
    return {
        "consumed": float(np.mean(plan.consumed >= 0)),
        "empty": float(plan.empty),
        "dropped": float(plan.dropped),
        "queue_length": plan.length,
    }


def _log_probabilities(logits: Sequence[Tensor]) -> Tensor:
    return keras.ops.log_softmax(keras.ops.stack(list(logits)), axis=-1)
