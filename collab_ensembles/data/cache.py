"""Decoded parts of data sets as memory-mapped arrays, shared by the processes that read them."""

import contextlib
import glob
import hashlib
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
"""After this time, an incomplete part belongs to a killed process: writing a part takes minutes."""


class OtherContentError(DataError):
    """Data with another content digest than expected."""


class Part(NamedTuple):
    """The examples of one part of a data set.

    Attributes:
      images: uint8 [examples, height, width, channels].
      labels: int32 [examples].
    """

    images: np.ndarray
    labels: np.ndarray


class ArrayCache:
    """Parts in `<data_dir>/arrays/<data set>/<part>/`; each is written completely or not at all.

    Attributes:
      record: the path of the file with the content digests of the parts.
    """

    def __init__(
        self,
        data_dir: str,
        dataset: str,
        verify: bool = False,
        known: Mapping[str, str] | None = None,
        positions: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Opens the cache of a data set.

        With `verify`, parts are checked against their digests and order when they are read, and incomplete parts of
        killed processes are removed.

        Args:
          data_dir: the directory for data.
          dataset: the name of the data set.
          verify: check what is read.
          known: the digests of its parts that are known beforehand.
          positions: of parts that are not in digest order, the place of each example in it, [examples].
        """
        self._verify = verify
        self._known = known or {}
        self._positions = positions or {}
        self._directory = os.path.join(data_dir, "arrays", dataset.replace("/", "_"))
        self.record = os.path.join(self._directory, "digests.json")

    def read(self, part: str) -> Part | None:
        """The cached part, memory-mapped, or None.

        Raises:
          DataError: the part is damaged; with `verify`, it is removed with a warning instead, but a damaged record of
            the digests is an error.
        """
        directory = os.path.join(self._directory, part)
        if not self._verify:
            return self._load(directory)
        self._remove_abandoned(part)
        recorded = self._recorded().get(part)
        try:
            content = self._load(directory)
            reason = "" if content is None else _difference(content, recorded, self._positions.get(part))
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
        except Exception as error:  # Damaged bytes can raise nearly any error.
            if not os.path.isdir(directory):
                return None
            reason = one_line(error)
            raise DataError(f"{directory}: damaged ({reason}); repair it with experiments.prepare") from error
        return Part(images, labels)

    def write(self, part: str, content: Part, digest: str, source: str) -> Part:
        """Stores a part, unless it is there undamaged, and returns it memory-mapped.

        Raises:
          DataError: the content of this part has changed since it was first used.
          CollabError: the directory cannot be written.
        """
        self.hold_to_record({part: digest}, source)
        # A damaged one would stand in the way; verifying removes it.
        if (present := self.read(part)) is not None:
            return present
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
            os.chmod(temporary, 0o777 & ~files.umask())
            # Another process may have written it first, with the same content.
            with contextlib.suppress(FileExistsError):
                _rename_to_new(temporary, target)
            files.sync_directory(self._directory)
        except OSError as error:
            raise CollabError(
                f"cannot write the data to {self._directory}: {error.strerror or error}; free some space or allow "
                "writing there, or use another --data_dir"
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
            raise DataError(f"{self.record}: damaged ({error}); delete it, then it is written again") from error
        return {**recorded, **self._known}


def _difference(content: Part, expected: str | None, positions: np.ndarray | None) -> str:
    """What is wrong with a cached part, or an empty text; without a digest, only its form and order are checked.

    Without `positions` the order is that of the digests.
    """
    images, labels = content
    if images.dtype != np.uint8 or images.ndim != 4 or labels.dtype != np.int32 or labels.shape != images.shape[:1]:
        return f"it has images {images.dtype} {images.shape} and labels {labels.dtype} {labels.shape}"
    if not len(labels) or labels.min() < 0 or labels.max() > 255:
        return "its labels are out of range"
    ordered, digest = in_digest_order([content])
    if positions is not None:
        if len(positions) != len(labels):
            return f"it has {len(labels)} examples, and its order {len(positions)}"
        ordered = Part(ordered.images[positions], ordered.labels[positions])
    in_order = all(np.array_equal(a, b) for a, b in zip(ordered, content, strict=True))
    return "" if in_order and digest == (expected or digest) else "its digest differs"


def check_digest(what: str, received: str, expected: str | None, source: str) -> None:
    """Raises OtherContentError if a digest is expected and another one was received."""
    if expected is not None and received != expected:
        raise OtherContentError(
            f"{source} delivered unexpected data for the {what}: expected content digest {expected}, received "
            f"{received}; nothing was cached; if the source keeps its own copy, delete it"
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


def cache_of(path: str, data_dir: str) -> ArrayCache:
    """That of a user's own file or folder, told apart by where it lies."""
    location = hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:12]
    return ArrayCache(data_dir, f"{os.path.basename(path)}-{location}")
