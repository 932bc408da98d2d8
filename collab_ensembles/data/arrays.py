"""Checks arrays from users and converts them to one form; all entry points use these functions."""

from typing import Any

import numpy as np
from absl import logging

from collab_ensembles.errors import DataError

LARGEST_LABEL = 2**31 - 1
"""Labels are int32."""


def checked(images: Any, labels: Any, names: tuple[str, str] = ("images", "labels")) -> tuple[np.ndarray, np.ndarray]:
    """Images and their labels; see `checked_images` and `checked_labels`."""
    images = checked_images(images, names[0])
    return images, checked_labels(labels, names[1], len(images))


def checked_images(images: Any, name: str = "images") -> np.ndarray:
    """Returns images as raw pixels, uint8 [examples, height, width, channels], without a copy.

    Args:
      images: images in this form, or [examples, height, width] with one channel.
      name: their name in messages.

    Raises:
      DataError: another type or shape, no example or pixel, or the channels are the first axis.
    """
    images = np.asarray(images)
    received = f"{name} is {images.dtype} {images.shape}"
    allowed = "allowed: uint8 (examples, height, width[, channels]), with at least one example and pixel"
    if images.dtype.kind not in "biuf":
        raise DataError(f'{received}; {allowed}; of images of one size, np.stack(x).astype("uint8")')
    if images.ndim not in (3, 4):
        raise DataError(f"{received}; {allowed}; x.reshape(len(x), height, width, channels)")
    if images.size == 0:
        raise DataError(f"{received}; {allowed}; give at least one example")
    images = images.reshape(*images.shape, 1) if images.ndim == 3 else images
    first, middle, last = images.shape[1:]
    if first in (1, 3, 4) and last > first and last >= middle:
        raise DataError(
            f"{received}, with the channels first; {allowed}, with the channels last; np.moveaxis(x, 1, -1)"
        )
    if images.dtype != np.uint8:
        raise DataError(f"{received} with pixels {_pixels(images)}")
    return images


def _pixels(images: np.ndarray) -> str:
    """The range of pixels that are not uint8, and how to convert them."""
    finite, x = images[np.isfinite(images)], "x"
    span = f"from {finite.min():.6g} to {finite.max():.6g}" if finite.size else ""
    allowed = "allowed: uint8, from 0 to 255; "
    if finite.size < images.size:
        span, x = f"{span} and {images.size - finite.size} that are not finite", "np.nan_to_num(x, posinf=0, neginf=0)"
    if finite.size and (finite.min() < 0 or finite.max() > 255):
        return f'{span}; {allowed}bring all parts to that range by one formula, then x.astype("uint8")'
    if finite.size and finite.max() <= 1:
        return f'{span}; {allowed}(255 * {x}).astype("uint8")'
    return f'{span}; {allowed}{x}.astype("uint8")'


def checked_labels(labels: Any, name: str = "labels", examples: int | None = None) -> np.ndarray:
    """Returns labels as class numbers, int32 [examples].

    Args:
      labels: integers of any type, from 0, [examples] or [examples, 1]; or one-hot, [examples, classes], of any type of
        numbers. The last two forms are converted, with a line in the log.
      name: their name in messages.
      examples: the expected number; None: any number above 0.

    Raises:
      DataError: anything else.
    """
    labels = np.asarray(labels)
    received = f"{name} is {labels.dtype} {labels.shape}"
    count = "examples" if examples is None else examples
    allowed = f"allowed: integers of shape ({count},) or ({count}, 1), or one-hot ({count}, classes)"
    if labels.dtype.kind not in "biuf":
        is_text = labels.dtype.kind in "US" or (labels.size and isinstance(labels.flat[0], str | bytes))
        remedy = "np.searchsorted(np.unique(y_train), y)" if is_text else 'y.astype("int32")'
        raise DataError(f"{received}; {allowed}; {remedy}")
    if labels.size == 0:
        raise DataError(f"{received}; {allowed}; give at least one example")
    if labels.ndim == 2 and labels.shape[1] == 1:
        logging.info("%s: labels of shape %s are taken as %s", name, labels.shape, labels.shape[:1])
        labels = labels[:, 0]
    elif labels.ndim == 2 and _is_one_hot(labels):
        logging.info("%s: one-hot labels of shape %s are taken as the numbers of classes", name, labels.shape)
        labels = labels.argmax(axis=1)
    if labels.ndim != 1 or len(labels) != (examples or len(labels)):
        raise DataError(f"{received}; {allowed}; {_reshaped(labels, examples)}")
    if labels.dtype.kind == "f":
        whole = np.array_equal(labels, np.round(labels))
        remedy = 'y.astype("int32")' if whole else "give the number of each example's class, from 0"
        raise DataError(f"{received}; {allowed}; {remedy}")
    if labels.min() < 0 or labels.max() > LARGEST_LABEL:
        raise DataError(
            f"{name} holds labels from {labels.min()} to {labels.max()}; allowed: 0 to {LARGEST_LABEL}; "
            "np.searchsorted(np.unique(y_train), y)"
        )
    return labels.astype(np.int32, copy=False)


def _is_one_hot(labels: np.ndarray) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def _reshaped(labels: np.ndarray, examples: int | None) -> str:
    """The advice for labels of another shape."""
    if labels.size == max(labels.shape, default=1) == (examples or labels.size):
        return "y.ravel()"
    if labels.ndim == 2 and len(labels) == (examples or len(labels)):
        return "of probabilities, y.argmax(axis=1)"
    return "give one label for each image"
