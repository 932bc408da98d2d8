"""Digests of the content of a data set; they do not depend on its source or order."""

import hashlib

import numpy as np

Digests = np.ndarray
"""uint8 [examples, 32]: one SHA-256 for each example."""


def example_digests(images: np.ndarray, labels: np.ndarray) -> Digests:
    """SHA-256 of each example: its label, then its pixels in row-major HWC order.

    A label up to 255 is one byte; a larger label is four, the least significant first. For images of one shape,
    different examples give different bytes: those with a larger label are three bytes longer.

    Args:
      images: uint8 [examples, height, width, channels].
      labels: integers [examples], 0 to 2^31 - 1.
    """
    digests = np.empty((len(images), 32), np.uint8)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        content = int(label).to_bytes(1 if label <= 255 else 4, "little") + image.tobytes()
        digests[index] = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
    return digests


def digest_order(digests: Digests) -> np.ndarray:
    """The permutation, int64 [examples], that sorts digests as byte strings."""
    words = digests.view(">u8")
    return np.lexsort(tuple(words[:, column] for column in reversed(range(4))))


def content_digest(digests: Digests) -> str:
    """SHA-256, in hexadecimal, of the sorted digests: equal for equal sets of examples."""
    return hashlib.sha256(digests[digest_order(digests)].tobytes()).hexdigest()
