"""Errors whose message is one line for the person at the terminal."""


def one_line(error: BaseException) -> str:
    """What an error says, without line breaks."""
    return " ".join(str(error).split())


class CollabError(Exception):
    """A failure that a person can act on: the message says what was received and what to do.

    Attributes:
      exit_status: of a command that ends with it.
    """

    exit_status = 1


class ConfigError(CollabError, ValueError):
    """A setting that cannot be run; found before any work starts."""

    exit_status = 2


class DataError(CollabError):
    """Data that are missing, unreadable, or not what they should be."""

    exit_status = 2


class UnavailableDataError(DataError):
    """Data that are not at hand: not fetched, out of reach, or a file that is not there."""


class RunDirectoryError(CollabError):
    """A run directory that cannot be used as it is."""


class OtherDataError(RunDirectoryError):
    """Data that are not those that a run began with."""

    exit_status = 2


class DivergenceError(CollabError):
    """A training whose numbers are no longer finite."""
