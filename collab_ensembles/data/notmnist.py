"""notMNIST as a tensorflow-datasets builder: letters A to J in many fonts, 28 x 28 grey pixels.

The archives were published by Yaroslav Bulatov in 2011. Copies that others have repacked differ in their bytes, so only
the decoded content is checked.
"""

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from etils import epath

from collab_ensembles.data.cache import Part, check_digest, in_digest_order
from collab_ensembles.data.catalogue import NOTMNIST_URL
from collab_ensembles.errors import DataError

_LETTERS = "ABCDEFGHIJ"
_SHAPE = (28, 28, 1)


class NotMNIST(tfds.core.GeneratorBasedBuilder):
    """notMNIST.

    Configurations:

    * `full`: `train` has the first 50,000 of each class of notMNIST_large in digest order, `test`
      the first 1,000 of each class of notMNIST_small (the split of Noel 2017); `train_rest` and `test_rest` have the
      rest.
    * `small`: notMNIST_small only. Of images with equal pixels one is kept, or none if their labels differ; `train`
      has the first 80 % of each class.
    """

    name = "notmnist"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="full", description="large for training, small for test"),
        tfds.core.BuilderConfig(name="small", description="notMNIST_small alone, without duplicates"),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put notMNIST_small.tar.gz and, for `full`, notMNIST_large.tar.gz here."

    SMALL_DIGEST = "efaff5ed43131789b4df845bd4f89b583902d6abf597159e5352091dd2469239"
    TRAIN_PER_CLASS = 50_000
    TEST_PER_CLASS = 1_000

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Letters A to J in many fonts.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=_SHAPE),
                    "label": tfds.features.ClassLabel(names=list(_LETTERS)),
                }
            ),
            supervised_keys=("image", "label"),
            homepage=NOTMNIST_URL,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        small = self._read(dl_manager, "notMNIST_small.tar.gz", self.SMALL_DIGEST)
        if self.builder_config.name == "small":
            distinct = without_duplicates(small)
            train, test = _first_of_each_class(distinct, lambda count: count * 4 // 5)
            splits = {"train": train, "test": test}
        else:
            large = self._read(dl_manager, "notMNIST_large.tar.gz", None)
            train, train_rest = _first_of_each_class(large, lambda count: self.TRAIN_PER_CLASS)
            test, test_rest = _first_of_each_class(small, lambda count: self.TEST_PER_CLASS)
            splits = {"train": train, "train_rest": train_rest, "test": test, "test_rest": test_rest}
        return {name: self._generate_examples(part) for name, part in splits.items()}

    def _generate_examples(self, part: Part) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, (image, label) in enumerate(zip(part.images, part.labels, strict=True)):
            yield index, {"image": image, "label": int(label)}

    def _read(self, dl_manager: tfds.download.DownloadManager, name: str, digest: str | None) -> Part:
        path = _manual_archive(dl_manager, name) or epath.Path(dl_manager.download(NOTMNIST_URL + name))
        content, unreadable = read_archive(path)
        ordered, received = in_digest_order([content])
        check_digest(name, received, digest, str(path))
        if unreadable:
            logging.warning("%s: skipped %d unreadable images, kept %d", name, unreadable, len(ordered.labels))
        self.info.metadata[f"unreadable images in {name}"] = unreadable
        return ordered


def read_archive(path: epath.Path) -> tuple[Part, int]:
    """The readable images of an archive, labelled by their directories, and the count of the others.

    Nothing is extracted to the disk; links and everything else that is not a regular file are skipped.

    Raises:
      DataError: the archive is truncated, or holds no readable image.
    """
    images, labels, unreadable = [], [], 0
    try:
        with (
            path.open("rb") as file,
            gzip.GzipFile(fileobj=file) as plain,
            tarfile.open(fileobj=plain, mode="r|") as archive,
        ):
            for member in archive:
                letter = member.name.split("/")[-2] if "/" in member.name else ""
                if not member.isreg() or letter not in tuple(_LETTERS):
                    continue
                content = archive.extractfile(member)
                image = _decode(content.read()) if content is not None else None
                if image is None:
                    unreadable += 1
                else:
                    images.append(image)
                    labels.append(_LETTERS.index(letter))
            # Only the end of the stream shows whether it was complete and undamaged.
            while plain.read(2**20):
                pass
    except Exception as error:  # Damaged bytes can raise nearly any error.
        raise DataError(f"{path}: truncated or not a .tar.gz archive ({error}); fetch it again") from error
    if not images:
        raise DataError(f"{path}: no readable image in directories named A to J")
    return Part(np.stack(images), np.array(labels, np.int32)), unreadable


def without_duplicates(part: Part) -> Part:
    """Keeps the first of the examples with equal pixels, or none of them if their labels differ."""
    pixels = part.images.reshape(len(part.images), -1)
    _, first, group = np.unique(pixels, axis=0, return_index=True, return_inverse=True)
    lowest = np.full(len(first), 255)
    highest = np.zeros(len(first), int)
    np.minimum.at(lowest, group.ravel(), part.labels)
    np.maximum.at(highest, group.ravel(), part.labels)
    kept = np.sort(first[lowest == highest])
    return Part(part.images[kept], part.labels[kept])


def _first_of_each_class(part: Part, how_many: Callable[[int], int]) -> tuple[Part, Part]:
    """The first `how_many(count)` examples of each class, in the order of `part`, and the rest."""
    chosen = np.zeros(len(part.labels), bool)
    for label in range(len(_LETTERS)):
        members = np.flatnonzero(part.labels == label)
        chosen[members[: how_many(len(members))]] = True
    return Part(part.images[chosen], part.labels[chosen]), Part(part.images[~chosen], part.labels[~chosen])


def _manual_archive(dl_manager: tfds.download.DownloadManager, name: str) -> epath.Path | None:
    try:
        path = epath.Path(dl_manager.manual_dir) / name
    except AssertionError:  # tensorflow-datasets raises this if the directory is missing or empty
        return None
    return path if path.exists() else None


def _decode(content: bytes) -> np.ndarray | None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError):
        return None
    return pixels.reshape(_SHAPE) if pixels.shape == _SHAPE[:2] and pixels.dtype == np.uint8 else None
