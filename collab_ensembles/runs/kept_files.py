"""Keras files that settings name, such as teachers, kept in the run directory.

So a run that is resumed or evaluated later has the files that it began with, even if the originals were moved or
changed.
"""

import dataclasses
import glob
import hashlib
import os
import zipfile
from collections.abc import Iterator
from typing import Any

from collab_ensembles import files
from collab_ensembles.errors import ConfigError, RunDirectoryError
from collab_ensembles.settings.config import RunConfig

_NEEDED = ".keras files, such as those that experiments.export writes"


def check(config: RunConfig, directory: str) -> None:
    """Raises ConfigError if a file is missing, is not a Keras file, or is not the one that a run began with."""
    for field, folder, number, path in _named(config):
        copy = _copy(directory, folder, number, field)
        if copy is not None and not os.path.exists(path):
            continue
        content = _read(path, field)
        if copy is not None and os.path.basename(copy) != _name(number, content):
            raise ConfigError(
                f"--{field}={path}: {directory} began with another file of this name; rename the new file"
            )
        if not zipfile.is_zipfile(path):
            raise ConfigError(f"--{field}={path}: not a Keras file; needed: {_NEEDED}")


def keep(config: RunConfig, directory: str) -> None:
    """Copies the files into a run directory, except those that are already there.

    Raises:
      CollabError: the copy cannot be written.
      ConfigError: there is no such file.
    """
    for field, folder, number, path in _named(config):
        if _copy(directory, folder, number, field) is None:
            _write(directory, folder, number, _read(path, field))


def has(config: RunConfig, directory: str, field: str) -> bool:
    """Whether a run directory has the file of a run that was trained first, see `RunConfig.needed_runs`."""
    return _copy(directory, config.kept_files()[field], 1, field) is not None


def add(config: RunConfig, directory: str, field: str, content: bytes) -> None:
    """Keeps such a file."""
    _write(directory, config.kept_files()[field], 1, content)


def located(config: RunConfig, directory: str) -> RunConfig:
    """The settings with the paths of the verified copies in a run directory, for all files that have one.

    These include the files of runs that were trained first.

    Raises:
      RunDirectoryError: a copy is damaged.
    """
    changes: dict[str, Any] = {}
    for field, folder, number, path in _named(config):
        changes[field] = (*changes.get(field, ()), _copy(directory, folder, number, field) or path)
    for field in config.needed_runs():
        copy = _copy(directory, config.kept_files()[field], 1, field)
        changes |= {field: (copy,)} if copy else {}
    return dataclasses.replace(config, **changes)


def _write(directory: str, folder: str, number: int, content: bytes) -> None:
    files.make_directory(os.path.join(directory, folder))
    files.write_bytes(os.path.join(directory, folder, _name(number, content)), content)


def _named(config: RunConfig) -> Iterator[tuple[str, str, int, str]]:
    """Field, folder of the copies, number from 1, and path of each file."""
    for field, folder in config.kept_files().items():
        for number, path in enumerate(getattr(config, field), start=1):
            yield field, folder, number, path


def _copy(directory: str, folder: str, number: int, field: str) -> str | None:
    """The path of a copy; its name contains the SHA-256 of its content."""
    for path in glob.glob(os.path.join(glob.escape(directory), folder, f"{number}-*.keras")):
        if os.path.basename(path) != _name(number, _read(path, field)):
            raise RunDirectoryError(
                f"{path}: changed, since its name is not the SHA-256 of its content; remove it, then the run copies "
                f"the --{field} file again"
            )
        return path
    return None


def _name(number: int, content: bytes) -> str:
    return f"{number}-{hashlib.sha256(content).hexdigest()}.keras"


def _read(path: str, field: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"--{field}={path}: {(error.strerror or str(error)).lower()}; needed: {_NEEDED}") from error
