"""Decoded parts of data sets as memory-mapped arrays, shared by the processes that read them."""

import contextlib
import glob
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from absl import logging

from collab_ensembles import files
from collab_ensembles.data import digests as digests_lib
from collab_ensembles.errors import CollabError, DataError, one_line

_ABANDONED_SECONDS = 86400.0
"""After this, what was half-written belongs to a process that was killed: a part takes minutes."""


class OtherContentError(DataError):
    """Data with another content digest than expected."""


class Part(NamedTuple):
    """Examples that belong together.

    Attributes:
      images: uint8 [examples, height, width, channels].
      labels: int32 [examples].
    """

    images: np.ndarray
    labels: np.ndarray


class ArrayCache:
    """Parts below `<data_dir>/arrays/<data set>/<part>/`, each written whole or not at all.

    Attributes:
      record: the path of the file that has the content digests of the parts.
    """

    def __init__(
        self, data_dir: str, dataset: str, verify: bool = False, known: Mapping[str, str] | None = None
    ) -> None:
        """Opens the cache of a data set, with the digests of its parts that are known beforehand.

        With `verify`, parts are held to their digests as they are read, and what killed processes have left of them
        half-written is removed.
        """
        self._verify = verify
        self._known = known or {}
        self._directory = os.path.join(data_dir, "arrays", dataset.replace("/", "_"))
        self.record = os.path.join(self._directory, "digests.json")

    def read(self, part: str) -> Part | None:
        """The cached part, memory-mapped, or None.

        Raises:
          DataError: the part is damaged (with `verify` it is removed instead, with a warning), or with
            `verify` the record of the digests is.
        """
        directory = os.path.join(self._directory, part)
        if not self._verify:
            return self._load(directory)
        self._remove_abandoned(part)
        recorded = self._recorded().get(part)
        try:
            content = self._load(directory)
            reason = "" if content is None else _difference(content, recorded)
        except DataError as error:
            content, reason = None, str(error)
        if not reason:
            if content is not None and recorded is None:
                self.hold_to_record({part: in_digest_order([content])[1]}, "the cache")
            return content
        logging.warning("%s: damaged (%s); it is made again", directory, reason)
        files.remove(directory)
        return None

    def _load(self, directory: str) -> Part | None:
        try:
            images = np.load(os.path.join(directory, "images.npy"), mmap_mode="r", allow_pickle=False)
            labels = np.load(os.path.join(directory, "labels.npy"), mmap_mode="r", allow_pickle=False)
        except Exception as error:  # what damaged bytes raise has no end
            if not os.path.isdir(directory):
                return None
            reason = one_line(error)
            raise DataError(f"{directory}: damaged ({reason}); experiments.prepare makes it again") from error
        return Part(images, labels)

    def write(self, part: str, content: Part, digest: str, source: str) -> Part:
        """Stores a part and gives it back memory-mapped.

        Raises:
          DataError: the content differs from what this part held when it was first used.
          CollabError: the directory cannot be written.
        """
        self.hold_to_record({part: digest}, source)
        target = os.path.join(self._directory, part)
        temporary = None
        try:
            temporary = tempfile.mkdtemp(dir=self._directory, prefix=f".{part}-")
            for name, array in (("images", content.images), ("labels", content.labels)):
                with open(os.path.join(temporary, f"{name}.npy"), "wb") as file:
                    np.save(file, array, allow_pickle=False)
                    file.flush()
                    os.fsync(file.fileno())
            files.sync_directory(temporary)
            os.chmod(temporary, 0o755)
            # Another process may have been faster: its directory holds the same content.
            with contextlib.suppress(FileExistsError):
                _rename_to_new(temporary, target)
            files.sync_directory(self._directory)
        except OSError as error:
            raise CollabError(
                f"cannot write the data to {self._directory}: {error.strerror or error}; make room or permit writing "
                "there, or give another --data_dir"
            ) from error
        finally:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)
        stored = self.read(part)
        assert stored is not None
        return stored

    def _remove_abandoned(self, part: str) -> None:
        for path in glob.glob(os.path.join(glob.escape(self._directory), f".{part}-*")):
            with contextlib.suppress(OSError):
                if time.time() - os.stat(path).st_mtime > _ABANDONED_SECONDS:
                    shutil.rmtree(path)

    def hold_to_record(self, digests: Mapping[str, str], source: str) -> None:
        """Records the content digests of parts at their first use.

        Raises:
          DataError: a part was recorded before, with another digest.
        """
        files.make_directory(self._directory)
        recorded = self._recorded()
        for part, digest in digests.items():
            check_digest(f"{part} part recorded in {self.record}", digest, recorded.get(part), source)
        if not digests.items() <= recorded.items():
            files.write_json(self.record, {**recorded, **digests})

    def _recorded(self) -> dict[str, str]:
        try:
            with open(self.record, encoding="utf-8") as file:
                recorded: dict[str, str] = json.load(file)
            if not isinstance(recorded, dict):
                raise ValueError("no JSON object")
        except FileNotFoundError:
            recorded = {}
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{self.record}: damaged ({error}); delete it, and it is written anew") from error
        return {**recorded, **self._known}


def _difference(content: Part, expected: str | None) -> str:
    """How an array cache's part differs from what it should be, or nothing; without a digest only its form counts."""
    images, labels = content
    if images.dtype != np.uint8 or images.ndim != 4 or labels.dtype != np.int32 or labels.shape != images.shape[:1]:
        return f"it has images {images.dtype} {images.shape} and labels {labels.dtype} {labels.shape}"
    if not len(labels) or labels.min() < 0 or labels.max() > 255:
        return "it has labels that no data set has"
    ordered, digest = in_digest_order([content])
    in_order = all(np.array_equal(a, b) for a, b in zip(ordered, content, strict=True))
    return "" if in_order and digest == (expected or digest) else "its digest differs"


def check_digest(what: str, received: str, expected: str | None, source: str) -> None:
    """Raises OtherContentError if a digest is expected and another one was received."""
    if expected is not None and received != expected:
        raise OtherContentError(
            f"{source} delivered other data than expected for the {what}: content digest expected {expected}, "
            f"received {received}; nothing was cached; if the source keeps a copy of its own, delete that"
        )


def in_digest_order(parts: list[Part]) -> tuple[Part, str]:
    """The examples of all parts in the order of their digests, and their content digest."""
    images = np.concatenate([part.images for part in parts])
    labels = np.concatenate([part.labels for part in parts]).astype(np.int32)
    digests = digests_lib.example_digests(images, labels)
    order = digests_lib.digest_order(digests)
    return Part(images[order], labels[order]), digests_lib.content_digest(digests)


def _rename_to_new(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        if os.path.isdir(target):
            raise FileExistsError(target) from error
        raise
