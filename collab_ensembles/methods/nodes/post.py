"""What nodes send each other, and where it waits, if each has a process of its own. NumPy alone."""

import collections
import dataclasses
import threading
from collections.abc import Iterable

import numpy as np

from collab_ensembles.methods.nodes.schedule import Key

_PATIENCE_SECONDS = 3600.0
"""Longest wait for a message of the schedule."""


@dataclasses.dataclass(frozen=True)
class Message:
    """A minibatch, and what its sender makes of it.

    Attributes:
      key: which message it is.
      examples: the numbers of the examples, int64 [batch].
      images: uint8 [batch, height, width, channels].
      labels: int32 [batch].
      content: float32 [batch, width].
    """

    key: Key
    examples: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    content: np.ndarray


class Inbox:
    """The queue of a node. One thread puts messages in, while another takes them out.

    Attributes:
      dropped: how many messages were pushed out.
    """

    def __init__(self, capacity: int, waiting: Iterable[Message], scheduled: bool) -> None:
        """Begins with some messages, the oldest first.

        Args:
          capacity: the messages that it keeps.
          waiting: see above.
          scheduled: the node takes what a schedule names. Then nothing is pushed out: the schedule has done that, and
            the node may be behind its senders.
        """
        self._messages = collections.deque(waiting)
        self._known = {message.key for message in self._messages}
        self._capacity, self._scheduled = capacity, scheduled
        self._changed = threading.Condition()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._messages)

    def keys(self) -> list[Key]:
        """Which messages wait, the oldest first."""
        with self._changed:
            return [message.key for message in self._messages]

    def put(self, message: Message) -> None:
        """Takes a message in; one that has come before, from a sender that was started again, is ignored."""
        with self._changed:
            if message.key in self._known:
                return
            self._known.add(message.key)
            if len(self._messages) == self._capacity and not self._scheduled:
                self._messages.popleft()
                self.dropped += 1
            self._messages.append(message)
            self._changed.notify()

    def oldest(self) -> Message | None:
        """The next message, if there is one."""
        with self._changed:
            return self._messages.popleft() if self._messages else None

    def take(self, key: Key) -> Message:
        """Waits for a message. Those that its sender sent before it were pushed out by the schedule.

        Raises:
          RuntimeError: it has not come for a very long time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: key in self._known, _PATIENCE_SECONDS):
                raise RuntimeError(f"message {key[1]} of node {key[0] + 1} has not come for {_PATIENCE_SECONDS:g} s")
            (found,) = (message for message in self._messages if message.key == key)
            sender, number = key
            kept = (each for each in self._messages if each.key[0] != sender or each.key[1] > number)
            self._messages = collections.deque(kept)
            return found
