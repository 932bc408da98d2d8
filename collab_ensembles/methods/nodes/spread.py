"""Trains nodes in processes of their own, one for each; see `settings.method.Spread`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.methods.nodes import training
from collab_ensembles.methods.nodes.crew import Crew
from collab_ensembles.methods.nodes.learners import state
from collab_ensembles.methods.nodes.model import NodesModel
from collab_ensembles.methods.nodes.node import State, Trained
from collab_ensembles.methods.nodes.options import NodesConfig
from collab_ensembles.methods.nodes.post import Message
from collab_ensembles.methods.nodes.schedule import NONE, Plan
from collab_ensembles.models.model import Model
from collab_ensembles.models.steps import loop
from collab_ensembles.settings.method import Shape
from collab_ensembles.settings.team import Team
from collab_ensembles.tensor import Tensor


def build(config: NodesConfig, image_shape: Shape, num_classes: int, team: Team) -> Model:
    """See `settings.method.Spread`."""
    return SpreadNodesModel(config, image_shape, num_classes, team)


class SpreadNodesModel(NodesModel):
    """Nodes in processes of their own.

    This model has the nodes between the epochs: it gives each process its node at the beginning of an epoch, and takes
    it back at the end. So tests, checkpoints and their form are those of `NodesModel`.

    By default messages are consumed as the schedule says, and all numbers are those of `NodesModel`. With
    `free_running` a node takes what its queue has at the moment; nodes wait for each other at the end of an epoch.
    """

    def __init__(self, config: NodesConfig, image_shape: Shape, num_classes: int, team: Team) -> None:
        """Builds all networks; `feed` starts the processes."""
        super().__init__(training.learners(config, image_shape, num_classes), **training.model_settings(config))
        self._config, self._data, self._team = config, (image_shape, num_classes), team

    def feed(self, batches: BatchManager, validation: tuple[np.ndarray, np.ndarray] | None = None) -> tf.data.Dataset:
        """Parts the examples, starts a process for each part, and gives one empty batch for each epoch.

        Raises:
          ValueError: see `NodesModel.feed`.
        """
        self._part(batches, validation)
        self._examples = images, labels = batches.examples
        arguments = [
            (self._config, number, *self._data, len(labels), images[part], labels[part])
            for number, part in enumerate(self._schedule.parts)
        ]
        self._crew = Crew(self._team, arguments, self._schedule.receivers)
        return tf.data.Dataset.range(1)

    def begin_epoch(self, epoch: int) -> None:
        """As `NodesModel.begin_epoch`, unless nodes run free."""
        self._first_step, self._before = epoch * self._epoch_steps, self._present_queues()
        if not self._config.free_running:
            super().begin_epoch(epoch)

    def make_train_function(self, force: bool = False) -> None:
        """What `fit` calls for each batch: here for each epoch."""

        def train(batches: Iterator[Any]) -> dict[str, Tensor]:
            next(batches)
            self._train_epoch()
            return self.get_metrics_result()

        self.train_function = train

    def _train_epoch(self) -> None:
        states = list(map(self._state, range(len(self.members))))
        waiting = [[self._message(int(place)) for place in row if place != NONE] for row in self._before.waiting]
        consumed = None if self._config.free_running else self._schedule.consumed(self._plan, self._before.sent)
        trained = self._crew.train(states, waiting, self._first_step, self._epoch_steps, consumed)
        for number, each in enumerate(trained):
            for variable, value in zip(self._variables(number), each.state.values, strict=True):
                variable.assign(value)
        self._contents.assign(np.concatenate([each.state.contents for each in trained]))
        self.optimizer.iterations.assign(self._first_step + self._epoch_steps)
        if self._config.free_running:
            self._take_queues(trained)
        self._add_all(*(np.stack([getattr(each, kind) for each in trained], axis=1) for kind in ("costs", "errors")))

    def _state(self, number: int) -> State:
        """A node before the epoch."""
        rows = np.split(np.arange(len(self._before.examples)), len(self.members))[number]
        return State(
            [variable.numpy() for variable in self._variables(number)],
            int(self._before.taken[number]),
            int(self._before.sent[number]),
            self._before.examples[rows],
            self._contents.numpy()[rows],
        )

    def _variables(self, number: int) -> list[Any]:
        return state(list(self._learners.values())[number], self.optimizer)

    def _message(self, place: int) -> Message:
        """A message that waits between two epochs."""
        images, labels = self._examples
        examples = self._before.examples[place]
        key = self._schedule.key(place, self._before.sent)
        return Message(key, examples, images[examples], labels[examples], self._contents.numpy()[place])

    def _take_queues(self, trained: list[Trained]) -> None:
        """Takes the queues of nodes that run free, and what is recorded of them."""
        queues = self._before
        queues.waiting[:] = NONE
        for row, each in zip(queues.waiting, trained, strict=True):
            row[: len(each.waiting)] = [self._schedule.place(*key) for key in each.waiting]
        queues.sent[:] = [each.state.sent for each in trained]
        queues.taken[:] = [each.state.taken for each in trained]
        queues.examples[:] = np.concatenate([each.state.examples for each in trained])
        self._assign(queues)
        consumed = np.stack([each.consumed for each in trained], axis=1)
        self._plan = Plan(
            examples=np.empty(0),
            consumed=np.where(consumed, 0, NONE),
            sent=np.empty(0),
            empty=sum(each.empty for each in trained),
            dropped=sum(each.dropped for each in trained),
            length=sum(each.length for each in trained) / consumed.size,
        )

    @tf.function(autograph=False, reduce_retracing=True)
    def _add_all(self, costs: Tensor, errors: Tensor) -> None:
        """Adds all steps to the training statistics, from costs and errors, float32 [steps, nodes]."""
        loop(
            tf.stack([0, tf.shape(costs)[0]]),
            lambda step: self._add(tf.unstack(costs[step]), tf.unstack(errors[step])),
        )
