"""Learning rates of the papers by epoch. Imports nothing heavy."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Rate:
    """A learning rate over a training.

    Attributes:
      of: the rate as a function of the epochs so far, from 0: 1.5 in the middle of the second.
      by_step: whether the rate changes at each step; otherwise it is constant in an epoch.
    """

    of: Callable[[float], float]
    by_step: bool = False


def halving(initial: float, epoch: float, epochs: int) -> float:
    """Halved after 50, 75 and 90 % of the epochs: Noel (2017), section 5.2.

    The comparisons are the reference code's: halved from epoch E/2 and 3E/4 on, and after 9E/10.
    For 30 epochs the drops come at epochs 15, 23 and 28.

    Args:
      initial: the rate of the first epochs.
      epoch: counted from 1.
      epochs: E, the length of the whole training.
    """
    if 10 * epoch > 9 * epochs:
        return initial / 8
    if 4 * epoch >= 3 * epochs:
        return initial / 4
    if 2 * epoch >= epochs:
        return initial / 2
    return initial


def step(initial: float, epoch: float, epochs: int) -> float:
    """Divided by 10 at 50 % and again at 75 % of the epochs.

    The exact epoch is our reading: the first one after at least half, or three quarters, of the epochs.

    Args:
      initial: the rate of the first epochs.
      epoch: counted from 0.
      epochs: the length of the whole training.
    """
    if 4 * epoch >= 3 * epochs:
        return initial / 100
    if 2 * epoch >= epochs:
        return initial / 10
    return initial
