"""Finds examples that are in two parts of a data set."""

from collections.abc import Iterator

import numpy as np

from collab_ensembles.data.digests import example_digests

_CHUNK = 4096
"""Number of examples at a time: their pixels as 64-bit words then need a few megabytes."""
_LARGEST_WORD = 2**64


def count_shared(images: np.ndarray, labels: np.ndarray, other_images: np.ndarray, other_labels: np.ndarray) -> int:
    """The number of the other examples, image and label, that are also among the first ones.

    Candidates are found by a fast hash and then compared by their digests: the digests of all 70,000 examples of MNIST
    would take half a second at the start of every run.

    Args:
      images: uint8 [examples, height, width, channels].
      labels: integers [examples], from 0.
      other_images: uint8 [other examples, height, width, channels], of the same shape otherwise.
      other_labels: integers [other examples], from 0.
    """
    if images.shape[1:] != other_images.shape[1:]:
        return 0
    hashes, other_hashes = _hashes(images, labels), _hashes(other_images, other_labels)
    candidates = np.flatnonzero(np.isin(hashes, other_hashes))
    other_candidates = np.flatnonzero(np.isin(other_hashes, hashes))
    known = set(map(bytes, example_digests(images[candidates], labels[candidates])))
    digests = example_digests(other_images[other_candidates], other_labels[other_candidates])
    return sum(bytes(digest) in known for digest in digests)


def count_shared_images(images: np.ndarray, other_images: np.ndarray) -> int:
    """The number of the other images, uint8 [other examples, ...], that are also among the first ones."""
    none, other_none = (np.zeros(len(each), np.int32) for each in (images, other_images))
    return count_shared(images, none, other_images, other_none)


def _hashes(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A uint64 an example: its words times odd numbers drawn at random, summed modulo 2 to the power 64."""
    words = -(-int(np.prod(images.shape[1:])) // 8)
    random = np.random.default_rng(0)
    factors = random.integers(_LARGEST_WORD, size=words, dtype=np.uint64) | np.uint64(1)
    hashes = labels.astype(np.uint64) * (random.integers(_LARGEST_WORD, dtype=np.uint64) | np.uint64(1))
    for start, chunk in _chunks(images):
        padded = np.zeros((len(chunk), 8 * words), np.uint8)
        padded[:, : chunk[0].size] = chunk.reshape(len(chunk), -1)
        hashes[start : start + len(chunk)] += padded.view(np.uint64) @ factors
    return hashes


def _chunks(images: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(images), _CHUNK):
        yield start, images[start : start + _CHUNK]
