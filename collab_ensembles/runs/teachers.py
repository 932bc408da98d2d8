"""The teachers of a distilled network, kept in its run directory.

A run that is taken up again, or evaluated later, has the teachers that it began with, even if their files have been
moved or written anew since.
"""

import glob
import hashlib
import os
import zipfile

from collab_ensembles import files
from collab_ensembles.errors import ConfigError, RunDirectoryError

DIRECTORY = "teachers"
"""The directory of the copies in a run directory."""

_NEEDED = ".keras files such as experiments.export writes"


def check(paths: tuple[str, ...], directory: str) -> None:
    """Raises ConfigError for a file that is missing, is no Keras file, or not the one that a run began with."""
    for number, path in enumerate(paths, start=1):
        copy = _copy(directory, number)
        if copy is not None and not os.path.exists(path):
            continue
        content = _read(path)
        if copy is not None and os.path.basename(copy) != _name(number, content):
            raise ConfigError(f"--teacher={path}: another file than {directory} began with; give it a name of its own")
        if not zipfile.is_zipfile(path):
            raise ConfigError(f"--teacher={path}: not a Keras file; needed: {_NEEDED}")


def keep(paths: tuple[str, ...], directory: str) -> None:
    """Copies the files into a run directory, but for those whose copies are there.

    Raises:
      CollabError: the copy cannot be written.
      ConfigError: there is no such file.
    """
    for number, path in enumerate(paths, start=1):
        if _copy(directory, number) is None:
            content = _read(path)
            files.make_directory(os.path.join(directory, DIRECTORY))
            files.write_bytes(os.path.join(directory, DIRECTORY, _name(number, content)), content)


def located(paths: tuple[str, ...], directory: str) -> tuple[str, ...]:
    """The copies in a run directory, verified, in place of those files that have one.

    Raises:
      RunDirectoryError: a copy is damaged.
    """
    return tuple(_copy(directory, number) or path for number, path in enumerate(paths, start=1))


def _copy(directory: str, number: int) -> str | None:
    """The path of a copy, whose name has the SHA-256 of what it holds."""
    for path in glob.glob(os.path.join(glob.escape(directory), DIRECTORY, f"{number}-*.keras")):
        if os.path.basename(path) != _name(number, _read(path)):
            raise RunDirectoryError(
                f"{path}: altered, its name is not the SHA-256 of what it holds; remove it, and the run takes the "
                "--teacher file again"
            )
        return path
    return None


def _name(number: int, content: bytes) -> str:
    return f"{number}-{hashlib.sha256(content).hexdigest()}.keras"


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"--teacher={path}: {(error.strerror or str(error)).lower()}; needed: {_NEEDED}") from error
