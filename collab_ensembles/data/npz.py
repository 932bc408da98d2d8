"""Reads the user's own arrays from an .npz file."""

import zipfile
from typing import Any

import numpy as np

from collab_ensembles.data.arrays import checked
from collab_ensembles.data.cache import OtherContentError, Part, cache_of, in_digest_order
from collab_ensembles.errors import DataError, UnavailableDataError, one_line

_KEYS = ("x_train", "y_train", "x_test", "y_test")

_MOST_CLASSES = 1_000_000
"""The largest label sets the number of classes, which is the number of logits. Larger labels are identifiers."""


def read(path: str, data_dir: str) -> tuple[Part, Part]:
    """The training and test examples of a file, in digest order.

    The digest of the content is recorded in `data_dir` when the file is first used, and checked from then on: a
    configuration names the file, so its content must stay the same.

    Args:
      path: an .npz file with x_train, x_test (uint8 [examples, height, width] or
        [examples, height, width, channels]) and y_train, y_test (class numbers from 0, or one-hot); see
        `arrays.checked`.
      data_dir: the directory of the record.

    Raises:
      DataError: the file is missing or has changed, an array is missing, or types or shapes are not allowed.
    """
    arrays = _arrays(path, _KEYS)
    parts = [_part(path, arrays, part) for part in ("train", "test")]
    if parts[0].images.shape[1:] != parts[1].images.shape[1:]:
        raise DataError(
            f"{path}: x_train has images of shape {parts[0].images.shape[1:]}, x_test of {parts[1].images.shape[1:]}; "
            "both must be the same"
        )
    (train, train_digest), (test, test_digest) = (in_digest_order([part]) for part in parts)
    record = cache_of(path, data_dir)
    try:
        record.hold_to_record({"train": train_digest, "test": test_digest}, path)
    except OtherContentError as error:
        raise DataError(
            f"{path}: the file has changed since it was first used, so results under its name would be of different "
            "data; restore it, or give the changed file a new name (if you need no earlier results, delete "
            f"{record.record})"
        ) from error
    return train, test


def read_test(path: str) -> Part:
    """The test examples of a file alone, in its own order; it needs x_test and y_test. Errors: as `read`."""
    return _part(path, _arrays(path, _KEYS[2:]), "test")


def _part(path: str, arrays: dict[str, np.ndarray], part: str) -> Part:
    names = f"x_{part}", f"y_{part}"
    try:
        result = Part(*checked(arrays[names[0]], arrays[names[1]], names))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if result.labels.max() >= _MOST_CLASSES:
        raise DataError(
            f"{path}: {names[1]} has labels up to {result.labels.max()}, which is too many classes; "
            f"allowed: 0 to {_MOST_CLASSES - 1}; np.searchsorted(np.unique(y_train), y)"
        )
    return result


def _arrays(path: str, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        # If a file is damaged, NumPy does not close it unless the file was opened here.
        with open(path, "rb") as content, np.load(content, allow_pickle=False) as file:
            missing = [key for key in keys if key not in file]
            if missing:
                raise DataError(f"{path}: lacks {', '.join(missing)}; needed: {', '.join(keys)}")
            for key in keys:
                if header(file.zip, key)[1].hasobject:
                    remedy = 'x.astype("uint8")' if key[0] == "x" else "np.unique(y, return_inverse=True)[1]"
                    raise DataError(f"{path}: {key} contains Python objects, which are not read; {remedy}")
            return {key: file[key] for key in keys}
    except FileNotFoundError as error:
        raise UnavailableDataError(f"{path}: no such file") from error
    except DataError:
        raise
    except ValueError as error:  # NumPy's text speaks of pickles.
        raise DataError(f"{path}: not a readable .npz file") from error
    except Exception as error:  # Damaged bytes can raise nearly any error.
        raise DataError(f"{path}: not a readable .npz file ({one_line(error)})") from error


def header(archive: zipfile.ZipFile, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array in an .npz file, without reading the array."""
    with archive.open(f"{key}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, kind = read(member)
    return shape, kind
