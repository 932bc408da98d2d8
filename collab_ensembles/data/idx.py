"""Reads images and labels from IDX files, the format of MNIST's own files."""

import gzip
import os

import numpy as np

from collab_ensembles.data.cache import Part

_UNSIGNED_BYTES = 0x08
"""The only type of numbers that these data sets have."""


def read(data: bytes) -> np.ndarray:
    """The array of an uncompressed IDX file of unsigned bytes, uint8.

    Raises:
      ValueError: it is no such file, or has another length than its header says.
    """
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UNSIGNED_BYTES:
        raise ValueError("no IDX file of unsigned bytes")
    dimensions = data[3]
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ValueError("an IDX file that ends in its header")
    shape = np.frombuffer(data[4:start], ">u4").astype(int).tolist()
    if len(data) - start != int(np.prod(shape)):
        raise ValueError(f"an IDX file of shape {shape} has {len(data) - start} bytes of content")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def parts(directory: str) -> dict[str, Part]:
    """The parts `train` and `test` of a data set in the four compressed files of MNIST in a directory.

    Raises:
      ValueError: a file is no IDX file.
      OSError: a file cannot be read or decompressed.
    """
    found = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        arrays = []
        for kind in ("images-idx3", "labels-idx1"):
            with gzip.open(os.path.join(directory, f"{prefix}-{kind}-ubyte.gz")) as file:
                arrays.append(read(file.read()))
        images, labels = arrays
        found[part] = Part(images[..., None], labels)
    return found
