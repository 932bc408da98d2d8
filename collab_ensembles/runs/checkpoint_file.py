"""The files of checkpoints: their paths and checksums. Imports nothing heavy, so that an analysis can read them.

A checkpoint is an .npz archive without pickled objects. The archive's comment is the SHA-256 of all bytes before it.
"""

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Mapping

import numpy as np

from collab_ensembles.errors import CollabError, RunDirectoryError

DIRECTORY = "checkpoint"
"""The directory of the checkpoints in a run directory."""

_NAME = re.compile(r"epoch-(\d{5})\.npz")
_SEAL_LENGTH = 64


def path(directory: str, epoch: int) -> str:
    """The path of the checkpoint after the given number of epochs."""
    return os.path.join(directory, f"epoch-{epoch:05d}.npz")


def saved_epochs(directory: str) -> list[int]:
    """The epochs of the checkpoints in a directory, in order; empty if there is no such directory."""
    if not os.path.isdir(directory):
        return []
    matches = map(_NAME.fullmatch, os.listdir(directory))
    return sorted(int(match.group(1)) for match in matches if match)


def sealed(values: Mapping[str, np.ndarray]) -> bytes:
    """The content of a checkpoint's file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **values)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = bytes(_SEAL_LENGTH)
    body = buffer.getvalue()[:-_SEAL_LENGTH]
    return body + hashlib.sha256(body).hexdigest().encode()


def read(path: str) -> dict[str, np.ndarray]:
    """Reads the file of a checkpoint.

    Raises:
      RunDirectoryError: it is missing or damaged.
      CollabError: it cannot be read, which says nothing of its content.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise RunDirectoryError(f"{path}: cannot be read ({error.strerror})") from error
    except OSError as error:
        raise CollabError(
            f"{path}: cannot be read ({error.strerror}); run the command again when it can, or remove it: the "
            "one before is then used"
        ) from error
    body, seal = content[:-_SEAL_LENGTH], content[-_SEAL_LENGTH:]
    if hashlib.sha256(body).hexdigest().encode() != seal:
        raise RunDirectoryError(f"{path}: truncated or changed: its checksum is wrong")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as values:
            return {key: values[key] for key in values.files}
    except ValueError as error:
        raise RunDirectoryError(f"{path}: not a checkpoint ({error})") from error
