"""Learning rates by the epoch, as the papers let them fall. Imports nothing heavy."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Rate:
    """A learning rate over a training.

    Attributes:
      of: the rate by the epochs that are over, from 0: 1.5 in the middle of the second.
      by_step: whether it changes with each step; otherwise it is that of the epoch's beginning.
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

    Where exactly is our reading: from the first epoch on before which half, or three quarters, of the epochs are over.

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
