"""Team: several processes that compute a run together. Imports nothing heavy."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

Mail = Callable[..., "Future[Any]"]
"""Calls a method of the object of another process; the future ends when the method has."""


class Team(Protocol):
    """Processes, numbered from 0, that each have an object. The driver calls its methods, and they call each other.

    Attributes:
      lost: what the futures of a process raise if it has died.
    """

    lost: tuple[type[Exception], ...]

    def start(self, number: int, maker: str, *arguments: Any) -> "Future[Any]":
        """Starts a process, in place of an earlier one of this number, and makes its object.

        Args:
          number: of the process.
          maker: what is called for the object, as `module:name`.
          arguments: of that call.
        """

    def ask(self, number: int, method: str, *arguments: Any) -> "Future[Any]":
        """Calls a method of the object; a process answers such calls one after another."""

    def mail(self, number: int, method: str) -> Mail:
        """Calls this method beside what is asked, also out of other processes; such calls come one after another.

        They reach the process that has the number now, not one that is started in its place.
        """

    def end(self) -> None:
        """Ends all processes."""
