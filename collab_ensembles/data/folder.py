"""Reads a user's folder of images: a folder of image files for each class, with or without train/ and test/."""

import dataclasses
import os
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from collab_ensembles.data import picture_files
from collab_ensembles.data.cache import OtherContentError, Part, cache_of
from collab_ensembles.data.digests import content_digest, digest_order, example_digests
from collab_ensembles.data.folder_reading import AS_IT_IS, REFUSE, SKIP, FolderReading
from collab_ensembles.errors import DataError, UnavailableDataError
from collab_ensembles.streams import Stream, generator

_PARTS = ("train", "test")
_LAYOUT = "one folder of images for each class, or train/ and test/ with such folders"
_PROGRESS_SECONDS = 5.0


class Files(NamedTuple):
    """The image files below a folder of class folders.

    Attributes:
      names: of the classes, sorted.
      paths: of the files relative to the folder, sorted within a class; the same on every file system.
      labels: int32 [files], the number of the class of each.
    """

    names: list[str]
    paths: list[str]
    labels: np.ndarray


class Examples(NamedTuple):
    """What a folder holds.

    Attributes:
      train: the training examples.
      test: the test examples.
      names: of the classes.
    """

    train: Part
    test: Part
    names: tuple[str, ...]


def read(path: str, data_dir: str, reading: FolderReading) -> Examples:
    """The examples of a folder, in digest order.

    The digest of the content is recorded in `data_dir` at first use, and checked from then on; see `npz.read`.

    Args:
      path: the folder.
      data_dir: the directory of the record.
      reading: how to read it.

    Raises:
      DataError: the content has changed, or see `examples`.
    """
    train, test, names = examples(path, reading)
    found = [example_digests(*part) for part in (train, test)]
    recorded = {f"{name} {reading}": content_digest(own) for name, own in zip(_PARTS, found, strict=True)}
    # However the images are split, they must be those of the first use.
    recorded[f"whole {reading.of_images}"] = content_digest(np.concatenate(found))
    _hold_to_record(path, data_dir, recorded)
    train, test = (
        Part(part.images[order], part.labels[order])
        for part, order in zip((train, test), map(digest_order, found), strict=True)
    )
    return Examples(train, test, names)


def examples(path: str, reading: FolderReading) -> Examples:
    """The examples of a folder.

    Grey images stay grey if all are; otherwise all become coloured (RGB). Images have one size, or are resized. Without
    train/ and test/, a share of the images of each class is for the test, chosen by the seed and the names of
    the files.

    Raises:
      UnavailableDataError: there is no such folder.
      DataError: the folder has another layout, or an image cannot be read or has another size.
    """
    if not os.path.isdir(path):
        raise UnavailableDataError(f"{path}: no such folder")
    has_parts = _has_parts(path)
    if has_parts:
        if dataclasses.replace(reading, image_size=None, unreadable=REFUSE) != AS_IT_IS:
            raise DataError(f"{path}: has train/ and test/; leave out --test_share and --split_seed")
        train = files_of(os.path.join(path, "train"))
        test = files_of(os.path.join(path, "test"), train.names)
        listed = [
            os.path.join(part, name) for part, own in zip(_PARTS, (train, test), strict=True) for name in own.paths
        ]
        found = Files(train.names, listed, np.concatenate([train.labels, test.labels]))
    else:
        found = files_of(path)
    images, kept = _images(path, found.paths, reading)
    labels = found.labels[kept]
    is_test = kept >= len(train.paths) if has_parts else _chosen(labels, reading)
    _check_parts(path, labels, is_test, found.names)
    train_part, test_part = (Part(images[rows], labels[rows]) for rows in (~is_test, is_test))
    return Examples(train_part, test_part, tuple(found.names))


def read_test(path: str, names: Sequence[str], image_shape: tuple[int, int, int], unreadable: str) -> Part:
    """The test examples alone, fitted to the images and classes of a run: those of test/, or all of the folder.

    Args:
      path: the folder.
      names: of the classes.
      image_shape: (height, width, channels).
      unreadable: see `FolderReading`.

    Raises:
      UnavailableDataError: there is no such folder.
      DataError: there is no image, one cannot be read, or a class has another name.
    """
    if not os.path.isdir(path):
        raise UnavailableDataError(f"{path}: no such folder")
    if _has_parts(path):
        path = os.path.join(path, "test")
    _, listed, labels = files_of(path, names)
    height, width, channels = image_shape
    images, kept = _images(path, listed, FolderReading((height, width), unreadable=unreadable), channels)
    return Part(images, labels[kept])


def files_of(directory: str, names: Sequence[str] | None = None) -> Files:
    """The image files of class folders, also in folders within these.

    They are those of Keras' `image_dataset_from_directory` without hidden ones, whose names begin with a dot: copies,
    previews and the like, which programs leave there.

    Args:
      directory: the folder of the class folders.
      names: of the classes; default: the names of the folders, sorted.

    Raises:
      DataError: there is no class folder, or one without an image; or one has none of the `names`.
    """
    found = _folders(directory)
    if not found:
        raise DataError(f"{directory}: no folder in it; needed: {_LAYOUT}")
    unknown = [name for name in found if names is not None and name not in names]
    if unknown:
        raise DataError(f"{directory}/{unknown[0]}: no such class; the classes are {', '.join(names or ())}")
    classes = list(found if names is None else names)
    paths: list[str] = []
    labels: list[int] = []
    for name in found:
        own = [os.path.relpath(each, directory) for each in _walk(os.path.join(directory, name))]
        if not own:
            endings = ", ".join(picture_files.ENDINGS)
            raise DataError(f"{directory}/{name}: no image in this folder; needed: files that end in {endings}")
        paths += own
        labels += [classes.index(name)] * len(own)
    return Files(classes, paths, np.array(labels, np.int32))


def _folders(directory: str) -> list[str]:
    names = (name for name in os.listdir(directory) if not name.startswith("."))
    return sorted(name for name in names if os.path.isdir(os.path.join(directory, name)))


def _walk(directory: str) -> Iterator[str]:
    found = []
    for parent, folders, names in os.walk(directory):
        # In place: the walk then leaves hidden ones out.
        folders[:] = (name for name in folders if not name.startswith("."))
        found.append((parent, sorted(filter(picture_files.is_picture, names))))
    for parent, names in sorted(found):
        yield from (os.path.join(parent, name) for name in names)


def _has_parts(path: str) -> bool:
    """Whether a folder has train/ and test/; raises DataError if it has one alone, or others beside them."""
    folders = _folders(path)
    there = [part for part in _PARTS if part in folders and _folders(os.path.join(path, part))]
    if not there:
        return False
    others = sorted({*folders} - {*_PARTS})
    if len(there) == 1 or others:
        raise DataError(f"{path}: has the folders {', '.join(folders)}; needed: {_LAYOUT}, and nothing beside these")
    return True


def _images(
    path: str, listed: Sequence[str], reading: FolderReading, channels: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The images, uint8 [images, height, width, channels], and the places in the list of those that can be read."""
    if channels is not None and channels not in picture_files.MODES:
        raise DataError(f"{path}: the run has images of {channels} channels; image files have 1 or 3")
    mode = None if channels is None else picture_files.MODES[channels]
    pictures, kept, unreadable = [], [], []
    said = time.monotonic()
    for place, name in enumerate(listed):
        try:
            picture = picture_files.decoded(os.path.join(path, name), mode, reading.image_size)
        except DataError as error:
            unreadable.append(f"{path}/{name}: {error}")
            if reading.unreadable != SKIP:
                raise DataError(f"{unreadable[0]}; remove it, or add --unreadable=skip") from error
            continue
        pictures.append(picture)
        kept.append(place)
        first = pictures[0].pixels.shape
        if picture.pixels.shape[:2] != first[:2]:
            sizes = [f"{size[0]} x {size[1]}" for size in (first, picture.pixels.shape)]
            raise DataError(
                f"{path}: {listed[kept[0]]} has {sizes[0]} pixels, {name} {sizes[1]}; all must agree, or be resized: "
                f"add --image_size={first[0]}x{first[1]}"
            )
        if time.monotonic() - said > _PROGRESS_SECONDS:
            said = time.monotonic()
            logging.info("%s: read %d of %d images", path, place + 1, len(listed))
    if unreadable:
        others = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
        logging.warning("left out %d of %d files: %s%s", len(unreadable), len(listed), unreadable[0], others)
    if not pictures:
        raise DataError(f"{path}: no readable image")
    _say(path, pictures, channels)
    most = max(picture.pixels.shape[2] for picture in pictures)
    # A grey image among coloured ones has three equal channels.
    images = [np.broadcast_to(each.pixels, (*each.pixels.shape[:2], most)) for each in pictures]
    return np.stack(images), np.array(kept)


def _say(path: str, pictures: Sequence[picture_files.Picture], channels: int | None) -> None:
    """Logs what became of the images."""
    height, width, _ = pictures[0].pixels.shape
    grey = sum(each.pixels.shape[2] == 1 for each in pictures)
    if channels is not None:
        kind = "grey" if channels == 1 else "coloured (RGB)"
        kind += ", as the run has them"
    elif grey == len(pictures):
        kind = "grey, as all files are"
    else:
        kind = f"coloured (RGB), as {len(pictures) - grey} of {len(pictures)} files are"
    resized = sum(each.resized for each in pictures)
    logging.info("%s: images of %d x %d, %s; %d were resized", path, height, width, kind, resized)


def _chosen(labels: np.ndarray, reading: FolderReading) -> np.ndarray:
    """Which examples are for the test, bool [examples]: the share of each class, rounded."""
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        order = generator(reading.split_seed, Stream.SPLIT, int(label)).permutation(places)
        chosen[order[: round(reading.test_share * len(places))]] = True
    return chosen


def _check_parts(path: str, labels: np.ndarray, is_test: np.ndarray, names: Sequence[str]) -> None:
    """Raises DataError if a class has no training example, or there is no test example."""
    missing = [name for number, name in enumerate(names) if number not in labels[~is_test]]
    if missing:
        raise DataError(f"{path}: no readable training image of {', '.join(missing)}; give more images of it")
    if not is_test.any():
        raise DataError(f"{path}: no test image; give more images of a class, or a higher --test_share")


def _hold_to_record(path: str, data_dir: str, digests: dict[str, str]) -> None:
    record = cache_of(path, data_dir)
    try:
        record.hold_to_record(digests, path)
    except OtherContentError as error:
        raise DataError(
            f"{path}: its images have changed since the folder was first used, so results under its name would be of "
            "different data; restore them, or give the changed folder a new name (if you need no earlier results, "
            f"delete {record.record})"
        ) from error
