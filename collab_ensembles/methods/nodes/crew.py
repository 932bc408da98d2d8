"""Crew: has nodes take the steps of an epoch in processes of their own, also if some of these die."""

import collections
import concurrent.futures
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from absl import logging

from collab_ensembles.errors import CollabError
from collab_ensembles.methods.nodes import node
from collab_ensembles.methods.nodes.node import State, Trained
from collab_ensembles.methods.nodes.post import Message
from collab_ensembles.methods.nodes.schedule import Key
from collab_ensembles.settings.team import Team

_MOST_LOSSES = 3
"""Most deaths of a node in an epoch: what kills it more often would do so again."""


class Crew:
    """The processes of all nodes.

    In an epoch all nodes begin, then train; when the last one has done so, all end. A node that dies is started again,
    and takes all steps of the epoch again from the state that it began with. It sends its messages again, too, and
    those who had them ignore them. The others go on; they send it again what they have sent in this epoch.
    """

    def __init__(self, team: Team, arguments: Sequence[tuple[Any, ...]], receivers: Sequence[Sequence[int]]) -> None:
        """Starts the processes.

        Args:
          team: makes processes.
          arguments: those of each node, see `node.Node`.
          receivers: the nodes to which each one sends.
        """
        self._team, self._arguments, self._receivers = team, list(arguments), receivers
        self._numbers = range(len(self._arguments))
        self._losses: collections.Counter[int] = collections.Counter()
        for number, started in enumerate([self._start(number) for number in self._numbers]):
            if self._is_lost(started):
                self._start_again(number)

    def train(
        self,
        states: Sequence[State],
        waiting: Sequence[Sequence[Message]],
        first_step: int,
        steps: int,
        consumed: Sequence[Sequence[Key | None]] | None,
    ) -> list[Trained]:
        """Has all nodes take the steps of an epoch.

        Args:
          states: of each node before it.
          waiting: the messages in each queue.
          first_step: from 0.
          steps: how many.
          consumed: what each node consumes in each step; None: what its queue has when it wants a message.

        Raises:
          CollabError: a node has died again and again.
        """
        self._states, self._waiting = states, waiting
        self._losses.clear()

        def trains(number: int) -> "Future[Any]":
            return self._team.ask(number, "train", first_step, steps, consumed and consumed[number])

        self._begin()
        training = {trains(number): number for number in self._numbers}
        while True:
            while training:
                for future in concurrent.futures.wait(training, return_when=concurrent.futures.FIRST_COMPLETED).done:
                    number = training.pop(future)
                    if self._is_lost(future):
                        self._revive(number)
                        training[trains(number)] = number
            ends: list[Future[Trained]] = [self._team.ask(number, "end") for number in self._numbers]
            for number in [number for number, end in enumerate(ends) if self._is_lost(end)]:
                self._revive(number)
                training[trains(number)] = number
            if not training:
                return [end.result() for end in ends]

    def _start(self, number: int) -> "Future[Any]":
        return self._team.start(number, node.MAKER, *self._arguments[number])

    def _begin(self) -> None:
        """All nodes go to the beginning of the epoch; no message comes before."""
        while True:
            lost = [number for number, begun in enumerate(map(self._begins, self._numbers)) if self._is_lost(begun)]
            if not lost:
                return
            for number in lost:
                self._start_again(number)

    def _begins(self, number: int) -> "Future[Any]":
        peers = {receiver: self._team.mail(receiver, "deliver") for receiver in self._receivers[number]}
        return self._team.ask(number, "begin", self._states[number], self._waiting[number], peers)

    def _revive(self, number: int) -> None:
        """Starts a node again at the beginning of the epoch, and lets those know that send to it."""
        self._start_again(number)
        while self._is_lost(self._begins(number)):
            self._start_again(number)
        mail = self._team.mail(number, "deliver")
        senders = [sender for sender in self._numbers if number in self._receivers[sender]]
        # One that has died, too, sends all of its messages again when it trains again.
        concurrent.futures.wait([self._team.mail(sender, "meet")(number, mail) for sender in senders])

    def _start_again(self, number: int) -> None:
        while True:
            self._losses[number] += 1
            if self._losses[number] > _MOST_LOSSES:
                raise CollabError(f"node {number + 1}: its process died {self._losses[number]} times in an epoch")
            logging.warning("node %d: its process died; it is started again at the beginning of the epoch", number + 1)
            if not self._is_lost(self._start(number)):
                return

    def _is_lost(self, future: "Future[Any]") -> bool:
        """Waits; other errors are raised here."""
        try:
            future.result()
        except self._team.lost:
            return True
        return False
