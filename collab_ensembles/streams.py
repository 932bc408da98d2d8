"""Separate streams of random numbers, each a pure function of (seed, stream, indices)."""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """The purposes of random numbers. The values are part of the seeds: never change them."""

    INITIALISATION = 0
    ORDER = 1
    AUGMENTATION = 2
    LABEL_NOISE = 3
    PAIRS = 4
    CHOICE = 5
    MASKS = 6
    SYMBOLS = 7
    PARTS = 8
    COMMUNICATION = 9
    NOISE = 10
    UNLABELLED = 12
    SPLIT = 13


def generator(seed: int, stream: Stream, *indices: int) -> np.random.Generator:
    """A generator that depends only on its arguments.

    Each stream must always be asked for one number of indices: NumPy takes a last 0 as no index.

    Args:
      seed: the run's seed, at least 0.
      stream: the purpose of the numbers.
      *indices: further integers of at least 0, such as the epoch or the member.
    """
    sequence = np.random.SeedSequence([seed, int(stream), *indices])
    return np.random.Generator(np.random.PCG64(sequence))
