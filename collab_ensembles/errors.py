"""Errors whose message is one line for the user."""

import difflib
from collections.abc import Iterable


def one_line(error: BaseException) -> str:
    """The message of an error, without line breaks."""
    return " ".join(str(error).split())


def did_you_mean(received: object, allowed: Iterable[str]) -> str:
    """The end of a message on a name that is not allowed: the allowed one that is most alike, if one is."""
    known = {name.lower(): name for name in allowed}
    alike = difflib.get_close_matches(str(received).lower(), known, n=1)
    return f"; did you mean {known[alike[0]]}?" if alike else ""


class CollabError(Exception):
    """An error that the user can correct: the message says what was received and what to do.

    Attributes:
      exit_status: the exit status of a command that ends with this error.
    """

    exit_status = 1


class ConfigError(CollabError, ValueError):
    """A setting that is not allowed; found before any work starts."""

    exit_status = 2


class DataError(CollabError):
    """Data that are missing, unreadable, or not as expected."""

    exit_status = 2


class UnavailableDataError(DataError):
    """Data that are not available: not fetched, from a host that cannot be reached, or in a missing file."""


class RunDirectoryError(CollabError):
    """A run directory that cannot be used."""


class NoRunError(RunDirectoryError):
    """A directory without a run."""

    exit_status = 2


class OtherSystemError(RunDirectoryError):
    """A run directory of a system that is not here."""


class OtherDataError(RunDirectoryError):
    """Data that differ from those that a run began with."""

    exit_status = 2


class OtherBackendError(RunDirectoryError):
    """A run that began with another of Keras' backends than the given one."""

    exit_status = 2


class DivergenceError(CollabError):
    """A training whose costs are not finite any more."""
