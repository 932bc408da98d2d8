"""Learning rates by the epoch, as the papers let them fall."""

import math


def learning_rate(initial: float, epoch: int, epochs: int) -> float:
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


def step(initial: float, epoch: int, epochs: int) -> float:
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


def exponential(initial: float, epoch: int, last_from: int) -> float:
    """Das and Dutta Roy (2022): 1e-5 + initial exp(-0.03 epoch), and 2e-5 from `last_from` on; epochs from 0."""
    return 2e-5 if epoch >= last_from else 1e-5 + initial * math.exp(-0.03 * epoch)


def cosine_cycles(initial: float, epoch: int, epochs: int, cycles: int) -> float:
    """Cosine annealing with restarts: Loshchilov and Hutter (2017), as in Huang et al. (2017), equation 2.

    Each cycle of L epochs, see `cycle_length`, falls from `initial`, at its first epoch, along half a cosine that
    would reach 0 an epoch after its last. The papers change the rate at each iteration, this function at each epoch.

    Args:
      initial: the rate at the beginning of each cycle.
      epoch: counted from 0.
      epochs: the length of the whole training.
      cycles: how many there are, at most `epochs`.
    """
    length = cycle_length(epochs, cycles)
    return initial / 2 * (math.cos(math.pi * (epoch % length) / length) + 1)


def cycle_length(epochs: int, cycles: int) -> int:
    """The epochs of each cycle, rounded up, so that the last may be shorter."""
    return math.ceil(epochs / cycles)
