"""Reads a user's images, for training or prediction: a folder of image files, one file, or an array in .npz or .npy."""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from collab_ensembles.data.arrays import checked_images
from collab_ensembles.errors import ConfigError, DataError, one_line

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Of image files, in lower case."""

_KEYS = ("x", "x_test")
"""The array of an .npz file that holds the images; the first that is there."""


MODES: Mapping[int, str] = {1: "L", 3: "RGB"}
"""Pillow's modes by the channels of a run's images."""

_GREY_MODES = ("1", "L", "LA")
"""Pillow's modes of grey images; `1` is black and white, `A` transparency, which is left out."""


class Picture(NamedTuple):
    """An image and what was done to it.

    Attributes:
      pixels: uint8 [height, width, channels].
      resized: whether its size was another one.
      recoloured: whether it was made grey or coloured, or lost its transparency.
    """

    pixels: np.ndarray
    resized: bool
    recoloured: bool


class Pictures(NamedTuple):
    """Images with their names.

    Attributes:
      names: of files, without the folder; or the places in an array, from 0.
      images: uint8 [examples, height, width, channels].
      changed: what was done to them, in words; empty if nothing.
      unreadable: files that cannot be read, with the reason.
    """

    names: list[str]
    images: np.ndarray
    changed: list[str]
    unreadable: list[str]


def is_picture(name: str) -> bool:
    """Whether a file is taken as an image, by its name alone; hidden ones, which begin with a dot, are not."""
    return not name.startswith(".") and name.lower().endswith(ENDINGS)


def read(path: str, shape: tuple[int, int, int]) -> Pictures:
    """The images of a folder (its image files, by name), of one file, or of an array.

    Image files are resized (bilinear) and made grey or coloured to fit; arrays must fit already.

    Args:
      path: the folder or file.
      shape: (height, width, channels), with one or three channels for image files.

    Raises:
      ConfigError: there is no such path, or no image in it, or its images cannot have this shape.
      DataError: an array has another form.
    """
    path = os.path.expanduser(path)
    if not os.path.exists(path):
        raise ConfigError(f"{path}: no such file or folder; give a folder of images, an image, or .npz or .npy")
    if path.endswith((".npz", ".npy")):
        return _of_array(path, shape)
    if os.path.isdir(path):
        files = sorted(filter(is_picture, os.listdir(path)))
        if not files:
            raise ConfigError(f"{path}: no image in this folder; needed: files that end in {', '.join(ENDINGS)}")
        return _of_files(path, files, shape)
    return _of_files(os.path.dirname(path), [os.path.basename(path)], shape)


def _of_files(directory: str, names: Sequence[str], shape: tuple[int, int, int]) -> Pictures:
    height, width, channels = shape
    if channels not in MODES:
        raise ConfigError(f"{directory}: the run has images of {channels} channels; give them as an array, in .npz")
    kept, images, unreadable, resized, recoloured = [], [], [], 0, 0
    for name in names:
        try:
            image = decoded(os.path.join(directory, name), MODES[channels], (height, width))
        except DataError as error:
            unreadable.append(f"{name}: {error}")
            continue
        images.append(image.pixels)
        resized, recoloured = resized + image.resized, recoloured + image.recoloured
        kept.append(name)
    kind = "grey" if channels == 1 else "coloured (RGB)"
    changed = [f"{resized} of {len(kept)} images were resized to {height} x {width} pixels"] * (resized > 0)
    changed += [f"{recoloured} were made {kind}"] * (recoloured > 0)
    return Pictures(kept, np.stack(images) if images else np.zeros((0, *shape), np.uint8), changed, unreadable)


def decoded(path: str, mode: str | None = None, size: tuple[int, int] | None = None) -> Picture:
    """One image file.

    Args:
      path: of the file.
      mode: `L` (grey) or `RGB`; None: as the file is.
      size: height and width, to which it is resized (bilinear); None: its own.

    Raises:
      DataError: the file is not a readable image of 8 bits a channel; the message does not name it.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")):
                raise DataError(f"pixels of more than 8 bits (mode {picture.mode}); save it with 8 bits")
            wanted = mode or ("L" if picture.mode in _GREY_MODES else "RGB")
            height, width = size or (picture.height, picture.width)
            changes = picture.size != (width, height), picture.mode != wanted
            fitting = picture.convert(wanted).resize((width, height), Image.Resampling.BILINEAR)
            pixels = np.asarray(fitting, np.uint8)
    except DataError:
        raise
    except Exception as error:  # Damaged bytes can raise nearly any error.
        reason = one_line(error).replace(f" {path!r}", "")
        raise DataError(f"not a readable image ({reason})") from error
    return Picture(pixels.reshape(*pixels.shape[:2], -1), *changes)


def _of_array(path: str, shape: tuple[int, int, int]) -> Pictures:
    try:
        with open(path, "rb") as content:
            loaded = np.load(content, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                images, name = loaded, os.path.basename(path)
            else:
                name = next((key for key in _KEYS if key in loaded), "")
                if not name:
                    raise DataError(f"{path}: lacks {' or '.join(_KEYS)}; it has {', '.join(loaded) or 'nothing'}")
                images = loaded[name]
    except DataError:
        raise
    except Exception as error:  # Damaged bytes can raise nearly any error.
        raise DataError(f"{path}: not a readable array ({one_line(error)})") from error
    try:
        images = checked_images(images, name)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if images.shape[1:] != shape:
        raise ConfigError(f"{path}: {name} has images of shape {images.shape[1:]}; needed: {shape}, as the run has")
    return Pictures([str(place) for place in range(len(images))], images, [], [])
