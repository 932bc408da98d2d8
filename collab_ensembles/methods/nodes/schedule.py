"""Who learns from which examples in each step: algorithm 2 of Lacaille (2018), without what networks compute.

Which minibatch a node takes, and whether it comes out of its queue, depends on random draws alone. So all of it is
known before networks are trained. NumPy alone.
"""

import dataclasses

import numpy as np

from collab_ensembles.methods.nodes import circle
from collab_ensembles.streams import Stream, generator

NONE = -1
"""In place of a message."""

Key = tuple[int, int]
"""Which message it is: its sender, and its number among the sender's, from 0."""


@dataclasses.dataclass
class Queues:
    """What is on its way between steps, and how far the nodes are.

    A message has a place, which its receivers share: place `sender * (capacity + 1) + number % (capacity + 1)` has the
    sender's message of that number. By the time it is needed again, no queue has that message any more.

    Attributes:
      waiting: the places of the messages in each node's queue, the oldest first, then `NONE`; int64 [nodes, capacity].
      sent: how many messages each node has sent; int64 [nodes].
      taken: how many minibatches each node has taken of its own part; int64 [nodes].
      examples: those of the message at each place; int64 [places, batch].
    """

    waiting: np.ndarray
    sent: np.ndarray
    taken: np.ndarray
    examples: np.ndarray

    @classmethod
    def empty(cls, nodes: int, capacity: int, batch_size: int) -> "Queues":
        """Before the first step."""
        return cls(
            np.full((nodes, capacity), NONE, np.int64),
            np.zeros(nodes, np.int64),
            np.zeros(nodes, np.int64),
            np.zeros((nodes * (capacity + 1), batch_size), np.int64),
        )


@dataclasses.dataclass(frozen=True)
class Plan:
    """Some steps of all nodes.

    Attributes:
      examples: the minibatch of each node; int32 [steps, nodes, batch].
      consumed: the place of the message that it is; `NONE` where it is of the node's own part; int32 [steps, nodes].
      sent: the place where the message goes that the node sends; `NONE` where it sends none; int32 [steps, nodes].
      empty: how often a node found its queue empty, and took a minibatch of its own part.
      dropped: how many messages were pushed out of full queues.
      length: the mean length of the queues after a step.
    """

    examples: np.ndarray
    consumed: np.ndarray
    sent: np.ndarray
    empty: int
    dropped: int
    length: float


class Schedule:
    """Plans the steps of nodes that take minibatches of their own part or out of their queue, and send them on.

    Attributes:
      parts: the examples of each node, int64.
      receivers: the nodes to which each one sends.
    """

    def __init__(
        self,
        examples: int,
        *,
        nodes: int,
        neighbours: int,
        consume: float,
        broadcast: float,
        capacity: int,
        batch_size: int,
        seed: int,
    ) -> None:
        """Parts the examples.

        Args:
          examples: how many there are; each node needs a minibatch of them at least.
          nodes: how many there are.
          neighbours: to how many of them each node sends.
          consume: p_c, the probability to take a message out of the queue.
          broadcast: p_b, the probability to send the minibatch.
          capacity: the messages that a queue holds.
          batch_size: the examples of a minibatch.
          seed: of parts, orders and draws.

        Raises:
          ValueError: a part is smaller than a minibatch.
        """
        if examples // nodes < batch_size:
            raise ValueError(f"received {examples} examples for {nodes} nodes; each needs {batch_size}; take more")
        self.parts = circle.parts(examples, nodes, seed)
        self.receivers = [circle.neighbours(node, nodes, neighbours) for node in range(nodes)]
        self._consume, self._broadcast = consume, broadcast
        self._capacity, self._batch_size, self._seed = capacity, batch_size, seed
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def plan(self, queues: Queues, first_step: int, steps: int) -> Plan:
        """Plans steps of all nodes from a step, counted from 0, on, and moves the queues to the end of the last one.

        In a step all nodes first take their minibatches. What they send can be taken from the next step on, and comes
        into a queue in the order of the senders.
        """
        nodes = len(self.parts)
        examples = np.zeros((steps, nodes, self._batch_size), np.int32)
        consumed, sent = (np.full((steps, nodes), NONE, np.int32) for _ in range(2))
        waiting = [[int(place) for place in row if place != NONE] for row in queues.waiting]
        empty = dropped = length = 0
        for step in range(steps):
            consume, broadcast = self.draws(first_step + step)
            for node in range(nodes):
                if consume[node] and waiting[node]:
                    oldest = waiting[node].pop(0)
                    consumed[step, node] = oldest
                    examples[step, node] = queues.examples[oldest]
                else:
                    empty += bool(consume[node])
                    examples[step, node] = self.own(node, int(queues.taken[node]))
                    queues.taken[node] += 1
            for sender in map(int, np.flatnonzero(broadcast)):
                place = self.place(sender, int(queues.sent[sender]))
                sent[step, sender] = place
                queues.examples[place] = examples[step, sender]
                queues.sent[sender] += 1
                for receiver in self.receivers[sender]:
                    if len(waiting[receiver]) == self._capacity:
                        waiting[receiver].pop(0)
                        dropped += 1
                    waiting[receiver].append(place)
            length += sum(map(len, waiting))
        for row, places in zip(queues.waiting, waiting, strict=True):
            row[:] = NONE
            row[: len(places)] = places
        return Plan(examples, consumed, sent, empty, dropped, length / (steps * nodes))

    def consumed(self, plan: Plan, sent: np.ndarray) -> list[list[Key | None]]:
        """For each node, the message that it consumes in each step of a plan; None: it takes one of its own part.

        Args:
          plan: the steps.
          sent: how many messages each node had sent before, int64 [nodes].
        """
        keys: list[list[Key | None]] = [[] for _ in self.parts]
        sent = sent.copy()
        for step, places in enumerate(plan.consumed):
            for own, place in zip(keys, map(int, places), strict=True):
                own.append(None if place == NONE else self.key(place, sent))
            sent += plan.sent[step] != NONE
        return keys

    def key(self, place: int, sent: np.ndarray) -> Key:
        """The last message at a place, where each node has sent so many."""
        sender, slot = divmod(place, self._capacity + 1)
        last = int(sent[sender]) - 1
        return sender, last - (last - slot) % (self._capacity + 1)

    def draws(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Whether each node wants to consume, and whether it broadcasts."""
        consume, broadcast = generator(self._seed, Stream.COMMUNICATION, step).random((2, len(self.parts)))
        return consume < self._consume, broadcast < self._broadcast

    def place(self, node: int, number: int) -> int:
        """Where a node's message of a number goes."""
        return node * (self._capacity + 1) + number % (self._capacity + 1)

    def own(self, node: int, number: int) -> np.ndarray:
        """The minibatch of a number, from 0, of a node's own part: in a new order in each pass.

        Examples that fill no minibatch are left out of a pass.
        """
        part = self.parts[node]
        turn, place = divmod(number, len(part) // self._batch_size)
        if self._orders.get(node, (None,))[0] != turn:
            self._orders[node] = turn, generator(self._seed, Stream.ORDER, turn, node).permutation(part)
        start = place * self._batch_size
        return self._orders[node][1][start : start + self._batch_size]
