"""NodesModel: nodes that learn from their own part of the data, and from what other nodes send them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.data.batch_manager import BatchManager, in_pieces
from collab_ensembles.methods.nodes import decisions
from collab_ensembles.methods.nodes.learners import Learner, Minibatch, step_seed
from collab_ensembles.methods.nodes.options import DECISIONS
from collab_ensembles.methods.nodes.probes import VALIDATED, Probes
from collab_ensembles.methods.nodes.schedule import Plan, Queues, Schedule
from collab_ensembles.models.model import Model
from collab_ensembles.models.statistics import error
from collab_ensembles.models.steps import loop
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
        learners: Mapping[str, Learner],
        *,
        content: str,
        epoch_steps: int,
        batch_size: int,
        queue_capacity: int,
        schedule: Callable[[int], Schedule],
        decision: str,
        probes: bool,
        seed: int,
    ) -> None:
        """Puts nodes on a circle.

        Args:
          learners: what each node trains, by its name.
          content: of messages: `none`, `labels`, `logits` or `features`.
          epoch_steps: the steps of each node in an epoch.
          batch_size: the examples of a step.
          queue_capacity: the messages that a queue holds.
          schedule: from the number of examples, who learns from which of them when.
          decision: the ensemble's; see `decisions.collective`.
          probes: the learners need no labels, and the last layers of the members are trained apart, before each test.
          seed: of the run.
        """
        together = _TOGETHER if len(learners) > 1 else ()
        super().__init__({name: learner.member for name, learner in learners.items()}, together)
        self.further_series |= {name: f"val_{name}" for name in together}
        if content != "none":
            self.further_series |= {name: name for name in COUNTS}
        if probes:
            self.further_series |= {name: name for name in VALIDATED[: len(together) + 1]}
        # Of one network that `inference_network` joins; here `ensemble_logits` decides.
        self.averaging = "softmax"
        self._learners, self._content, self._decision = dict(learners), content, decision
        self._epoch_steps, self._batch_size, self._seed = epoch_steps, batch_size, seed
        self._probes = Probes([learner.member for learner in learners.values()], seed) if probes else None
        self._schedule_of = schedule
        empty = Queues.empty(len(learners), queue_capacity, batch_size)
        self._queues = {
            field.name: keras.Variable(getattr(empty, field.name), dtype="int64", trainable=False, name=field.name)
            for field in dataclasses.fields(empty)
        }
        width = next(iter(learners.values())).width if content in ("logits", "features") else 0
        shape = (len(empty.examples), batch_size, width)
        self._contents = keras.Variable(np.zeros(shape, np.float32), trainable=False, name="contents")

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """What steps train."""
        return [variable for learner in self._learners.values() for variable in learner.variables]

    def training_variables(self) -> dict[str, keras.Variable]:
        """The variables of all networks and of the optimizer, and the queues with the messages in them."""
        variables = super().training_variables()
        known = {id(variable) for variable in variables.values()}
        further = {
            f"{name}/{part}/{variable.path}": variable
            for name, learner in self._learners.items()
            for part, network in learner.further().items()
            for variable in network.variables
            if id(variable) not in known
        }
        queues = {f"queues/{name}": variable for name, variable in self._queues.items()}
        return {**variables, **further, **queues, "queues/contents": self._contents}

    @property
    def averages(self) -> bool:
        """Never: the collective decision has settings of its own."""
        return False

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
          ValueError: a part is smaller than a minibatch, or there is no validation part where one is needed.
        """
        self._part(batches, validation)
        images, labels = batches.examples
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

    def _part(self, batches: BatchManager, validation: tuple[np.ndarray, np.ndarray] | None) -> None:
        """Parts the examples; see `feed`."""
        if self._probes is not None:
            self._probes.keep(batches.examples, validation)
        self._schedule = self._schedule_of(len(batches.examples[1]))

    def begin_epoch(self, epoch: int) -> None:
        """Plans the steps of the epoch, and moves the queues to its end."""
        queues = self._present_queues()
        self._plan = self._schedule.plan(queues, epoch * self._epoch_steps, self._epoch_steps)
        self._assign(queues)

    def _present_queues(self) -> Queues:
        """A copy of the queues between two epochs."""
        return Queues(**{name: np.copy(variable.numpy()) for name, variable in self._queues.items()})

    def _assign(self, queues: Queues) -> None:
        for name, variable in self._queues.items():
            variable.assign(getattr(queues, name))

    def callbacks(self, batches: tf.data.Dataset) -> list[keras.callbacks.Callback]:
        """Trains the linear classifiers before a test, and adds what is recorded of queues and of them to the logs."""

        def add(epoch: int, logs: Any) -> None:
            logs |= counts(self._plan)
            if self._probes is not None:
                logs |= self._validated

        def fit(logs: Any) -> None:
            if self._probes is not None:
                self._probes.fit()
                self._validated = self._probes.validated(self.ensemble_logits)

        return [keras.callbacks.LambdaCallback(on_epoch_end=add, on_test_begin=fit)]

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
        step = tf.cast(tf.convert_to_tensor(self.optimizer.iterations), tf.int64)
        computed = []
        for node, learner in enumerate(self._learners.values()):
            minibatch = Minibatch(
                tf.cast(tf.gather(self._images, examples[node]), tf.float32),
                labels[node],
                tf.gather(self._contents.value, tf.maximum(consumed[node], 0)),
                consumed[node] >= 0,
                step_seed(self._seed, step, len(self._learners), node),
            )
            computed.append(learner.compute(minibatch))
        gradients = [gradient for each in computed for gradient in each.gradients]
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        if self._contents.shape[-1]:
            for node, each in enumerate(computed):
                self._send(sent[node], each.content)
        self._add([each.cost for each in computed], [each.error for each in computed])

    def _add(self, costs: list[Tensor], errors: list[Tensor]) -> None:
        """Adds a step to the training statistics, from the cost and the error of each node, []."""
        total = tf.add_n(costs)
        if len(costs) > 1:
            costs, errors = ([*each, tf.reduce_mean(each)] for each in (costs, errors))
        self.statistics.update_state(total, costs, errors, self._batch_size)

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
        return self.record(labels, logits, total, costs, further)


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
