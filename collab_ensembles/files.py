"""Files that are either whole or absent: temporary file, fsync, rename."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from collab_ensembles.errors import CollabError, RunDirectoryError, one_line

_TEMPORARY = ".tmp"


def sync_directory(directory: str) -> None:
    """Makes renames in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_write(path: str) -> Iterator[BinaryIO]:
    """Opens a binary file that replaces `path` when it is complete and on the disk.

    If the block raises an error, `path` does not change and no temporary file is left.

    Raises:
      CollabError: the directory cannot be written, or its disk is full.
    """
    directory = os.path.dirname(os.path.abspath(path))
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=os.path.basename(path), suffix=_TEMPORARY)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~umask())
        os.replace(temporary, path)
        temporary = None
        sync_directory(directory)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


@contextlib.contextmanager
def reading(path: str, mend: str) -> Iterator[None]:
    """Says in one line why the block cannot read `path`, a file of a run.

    A missing file stays FileNotFoundError: some of these files need not be there.

    Args:
      path: of the file.
      mend: what to do if it is damaged.

    Raises:
      CollabError: it cannot be read, which says nothing of its content.
      RunDirectoryError: it is damaged.
    """
    try:
        yield
    except (FileNotFoundError, CollabError):
        raise
    except OSError as error:
        raise CollabError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # Damaged bytes can raise nearly any error.
        raise RunDirectoryError(f"{path}: damaged ({type(error).__name__}: {one_line(error)}); {mend}") from error


def remove(path: str) -> None:
    """Removes a file or directory if it exists.

    Raises:
      CollabError: the permission is missing.
    """
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
    except OSError as error:
        raise CollabError(
            f"cannot remove {path}: {error.strerror or error}; change its permissions, or remove it yourself"
        ) from error


def remove_temporaries(directory: str) -> None:
    """Removes the temporary files that a killed `atomic_write` has left; the directory may be missing."""
    if os.path.isdir(directory):
        for name in os.listdir(directory):
            if name.endswith(_TEMPORARY):
                remove(os.path.join(directory, name))


def write_bytes(path: str, content: bytes) -> None:
    """Writes `content` to `path` atomically."""
    with atomic_write(path) as file:
        file.write(content)


def write_json(path: str, value: Any) -> None:
    """Writes `value` as indented JSON to `path` atomically."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def make_directory(path: str) -> None:
    """Creates `path` and its parents.

    Raises:
      CollabError: the permission is missing, or there is a file with this name.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def check_can_make(path: str) -> None:
    """Raises CollabError if `path` cannot be made a directory; checks this without making it."""
    existing = os.path.abspath(path)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise unwritable(existing, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise unwritable(existing, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def check_can_write(path: str) -> None:
    """Raises CollabError if there can be no file at `path`; checks this without writing it."""
    if os.path.isdir(path):
        raise unwritable(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        raise unwritable(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    check_can_make(directory)


_ADVICE = {
    errno.ENOENT: "make its directory first",
    errno.ENOTDIR: "a file is in the place of a directory; choose another directory",
    errno.EEXIST: "a file is in the place of a directory; choose another directory",
    errno.EISDIR: "a directory is in the place of this file; move it away, or choose another name",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "allow writing there, or choose another directory"),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space, or choose another directory"),
}
"""What to do, by what went wrong."""


def unwritable(path: str, error: OSError) -> CollabError:
    """An error that says why `path` cannot be written and what to do."""
    advice = _ADVICE.get(error.errno or 0, "free some space or allow writing there, or choose another directory")
    return CollabError(f"cannot write {path}: {error.strerror or error}; {advice}")


def umask() -> int:
    """Which permissions new files lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
