"""Arrays of the user's own, from an .npz file."""

import hashlib
import os

import numpy as np

from collab_ensembles.datasets.cache import ArrayCache, Part, in_digest_order
from collab_ensembles.errors import DataError, one_line

_KEYS = ("x_train", "y_train", "x_test", "y_test")


def read(path: str, data_dir: str) -> tuple[Part, Part]:
    """The training and test examples of a file, in digest order.

    The content is recorded under `data_dir` when the file is first used, and held to from then on:
    the results of a run stand for the data that its configuration names.

    Args:
      path: an .npz file with x_train, x_test (uint8 [examples, height, width] or
        [examples, height, width, channels]) and y_train, y_test (integers 0 to 255).
      data_dir: where the record is kept.

    Raises:
      DataError: the file is missing, lacks an array, holds other types or shapes, or has changed.
    """
    arrays = _arrays(path)
    parts = []
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if images.ndim == 3:
            images = images[..., np.newaxis]
        _check(path, part, images, labels)
        parts.append(Part(images, labels))
    if parts[0].images.shape[1:] != parts[1].images.shape[1:]:
        raise DataError(
            f"{path}: x_train has images of shape {parts[0].images.shape[1:]}, x_test of {parts[1].images.shape[1:]}; "
            "both must be the same"
        )
    (train, train_digest), (test, test_digest) = (in_digest_order([part]) for part in parts)
    location = os.path.abspath(path)
    record = ArrayCache(data_dir, f"{os.path.basename(path)}-{hashlib.sha256(location.encode()).hexdigest()[:12]}")
    try:
        record.hold_to_record({"train": train_digest, "test": test_digest}, path)
    except DataError as error:
        raise DataError(f"{error}; give changed data a new name") from error
    return train, test


def _arrays(path: str) -> dict[str, np.ndarray]:
    try:
        # NumPy leaves a file that it opens itself open where it turns out to be damaged.
        with open(path, "rb") as content, np.load(content, allow_pickle=False) as file:
            missing = [key for key in _KEYS if key not in file]
            if missing:
                raise DataError(f"{path}: lacks {', '.join(missing)}; needed: {', '.join(_KEYS)}")
            return {key: file[key] for key in _KEYS}
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except DataError:
        raise
    except Exception as error:  # what damaged bytes raise has no end
        raise DataError(f"{path}: not a readable .npz file ({one_line(error)})") from error


def _check(path: str, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        raise DataError(
            f"{path}: x_{part} is {images.dtype} {images.shape}; allowed: uint8 (examples, height, width[, channels]), "
            "with at least one example and pixel"
        )
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: y_{part} is {labels.dtype} {labels.shape}; allowed: integers of shape ({len(images)},)"
        )
    if labels.min() < 0 or labels.max() > 255:
        raise DataError(f"{path}: y_{part} holds labels from {labels.min()} to {labels.max()}; allowed: 0 to 255")
