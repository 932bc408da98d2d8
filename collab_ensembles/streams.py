"""Separate streams of random numbers, each a pure function of (seed, stream, indices)."""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """What the random numbers are for. The values enter the seeds: never renumber them."""

    INITIALISATION = 0
    ORDER = 1
    AUGMENTATION = 2
    LABEL_NOISE = 3
    PAIRS = 4


def generator(seed: int, stream: Stream, *indices: int) -> np.random.Generator:
    """A generator that depends on its arguments alone.

    Args:
      seed: the run's seed, at least 0.
      stream: what the numbers are for.
      *indices: further integers of at least 0, such as the epoch or the member.
    """
    sequence = np.random.SeedSequence([seed, int(stream), *indices])
    return np.random.Generator(np.random.PCG64(sequence))
