"""Files that settings name, such as teachers and networks of one's own, kept in the run directory.

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
from collab_ensembles.networks import own_files
from collab_ensembles.networks.own_files import OwnNetwork
from collab_ensembles.settings.config import RunConfig

_NEEDED = ".keras files, such as those that experiments.export writes"
_MEMBERS = "members"


@dataclasses.dataclass(frozen=True)
class _Named:
    """A file that a setting names.

    Attributes:
      field: the setting.
      folder: of its copies.
      number: in the setting, from 1.
      path: of the file.
      own: the network that it gives, if it is a member.
    """

    field: str
    folder: str
    number: int
    path: str
    own: OwnNetwork | None = None

    def copy_name(self, content: bytes) -> str:
        """The name of a copy: the digest of its content; or for a member, whose digest is in the settings, its own."""
        return os.path.basename(self.path) if self.own else f"{self.number}-{hashlib.sha256(content).hexdigest()}.keras"

    def copies(self, directory: str) -> list[str]:
        """The paths of copies in a run directory, good or damaged; at most one."""
        name = glob.escape(os.path.basename(self.path)) if self.own else f"{self.number}-*.keras"
        return glob.glob(os.path.join(glob.escape(directory), self.folder, name))

    def read(self) -> bytes:
        """The content; raises ConfigError if there is no such file, or it is not the one that the setting means."""
        return self.own.content() if self.own else _read(self.path, self.field)


def check(config: RunConfig, directory: str) -> None:
    """Raises ConfigError if a file is missing, is not a Keras file, or is not the one that a run began with."""
    for named in _named(config):
        copy = _copy(directory, named)
        # The digest of a member's file is a part of the settings: another content is another run.
        if copy is not None and (named.own or not os.path.exists(named.path)):
            continue
        content = named.read()
        if copy is not None and os.path.basename(copy) != named.copy_name(content):
            raise ConfigError(
                f"--{named.field}={named.path}: {directory} began with another file of this name; rename the new file"
            )
        if not (named.own and named.own.function) and not zipfile.is_zipfile(named.path):
            raise ConfigError(f"--{named.field}={named.path}: not a Keras file; needed: {_NEEDED}")


def keep(config: RunConfig, directory: str) -> None:
    """Copies the files into a run directory, except those that are already there.

    Raises:
      CollabError: the copy cannot be written.
      ConfigError: there is no such file.
    """
    for named in _named(config):
        if _copy(directory, named) is None:
            content = named.read()
            _write(directory, named.folder, named.copy_name(content), content)


def folders(config: RunConfig) -> list[str]:
    """The directories in a run directory for the files that the settings can name; empty if they can name none."""
    return [*config.kept_files().values(), *map(_folder, own_files.in_files(config.members))]


def has(config: RunConfig, directory: str, field: str) -> bool:
    """Whether a run directory has the file of a run that was trained first, see `RunConfig.needed_runs`."""
    return _copy(directory, _first(config, field)) is not None


def add(config: RunConfig, directory: str, field: str, content: bytes) -> None:
    """Keeps such a file."""
    _write(directory, config.kept_files()[field], _first(config, field).copy_name(content), content)


def located(config: RunConfig, directory: str) -> RunConfig:
    """The settings with the paths of the verified copies in a run directory, for all files that have one.

    These include the files of runs that were trained first.

    Raises:
      RunDirectoryError: a copy is damaged.
    """
    changes: dict[str, Any] = {}
    for named in _named(config):
        changes[named.field] = (*changes.get(named.field, ()), _copy(directory, named) or named.path)
    if _MEMBERS in changes:
        changes[_MEMBERS] = own_files.with_paths(config.members, changes[_MEMBERS])
    for field in config.needed_runs():
        copy = _copy(directory, _first(config, field))
        changes |= config.after_needed_run(field, copy) if copy else {}
    return dataclasses.replace(config, **changes)


def _first(config: RunConfig, field: str) -> _Named:
    return _Named(field, config.kept_files()[field], 1, "")


def _write(directory: str, folder: str, name: str, content: bytes) -> None:
    files.make_directory(os.path.join(directory, folder))
    files.write_bytes(os.path.join(directory, folder, name), content)


def _named(config: RunConfig) -> Iterator[_Named]:
    for field, folder in config.kept_files().items():
        for number, path in enumerate(getattr(config, field), start=1):
            yield _Named(field, folder, number, path)
    for place, own in own_files.in_files(config.members).items():
        yield _Named(_MEMBERS, _folder(place), place + 1, own.path, own)


def _folder(place: int) -> str:
    """Of the copy of a member's file, by the member's place."""
    return os.path.join("members", str(place + 1))


def _copy(directory: str, named: _Named) -> str | None:
    """The path of a verified copy, if there is one."""
    for path in named.copies(directory):
        content = _read(path, named.field)
        good = named.own.is_of(content) if named.own else os.path.basename(path) == named.copy_name(content)
        if not good:
            raise RunDirectoryError(
                f"{path}: changed, since its SHA-256 is not the recorded one; remove it, then the run copies the "
                f"--{named.field} file again"
            )
        return path
    return None


def _read(path: str, field: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"--{field}={path}: {(error.strerror or str(error)).lower()}; needed: {_NEEDED}") from error
