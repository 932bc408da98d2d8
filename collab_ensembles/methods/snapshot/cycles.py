"""Learning rates that fall towards each snapshot, and the first epochs of the cycles. Imports nothing heavy."""

import math


def cosine_cycles(initial: float, epoch: int, epochs: int, cycles: int) -> float:
    """Cosine annealing with restarts: Loshchilov and Hutter (2017), as in Huang et al. (2017), equation 2.

    Each cycle of L epochs, see `cycle_length`, falls from `initial`, at its first epoch, along half a cosine, which
    would reach 0 one epoch after the last. The papers change the rate at each iteration, this function at each epoch.

    Args:
      initial: the rate at the beginning of each cycle.
      epoch: counted from 0.
      epochs: the length of the whole training.
      cycles: the number of cycles, at most `epochs`.
    """
    length = cycle_length(epochs, cycles)
    return initial / 2 * (math.cos(math.pi * (epoch % length) / length) + 1)


def cycle_length(epochs: int, cycles: int) -> int:
    """The epochs of each cycle, rounded up; the last cycle may be shorter."""
    return math.ceil(epochs / cycles)


def triangular_cycles(
    initial: float, highest: float, lowest: float, epoch: float, epochs: int, cycles: int, length: int
) -> float:
    """The rate of fast geometric ensembles: Garipov et al. (2018), section 5 and algorithm 1.

    Before the first cycle, see `first_triangle`, the rate is that of an ordinary training of `epochs` epochs: `initial`
    in the first half, then on a line to a hundredth of it at 90 %. It changes once an epoch. In each cycle it goes on a
    line from `highest` to `lowest`, in the middle of the cycle, and back. It changes at each step.

    Args:
      initial: the rate of the first epochs.
      highest: the rate at the beginning and at the end of each cycle; alpha 1 of the paper.
      lowest: the rate in the middle of each cycle; alpha 2.
      epoch: the epochs so far, from 0: 10.5 in the middle of the eleventh.
      epochs: the length of the whole training.
      cycles: the number of cycles; the last one ends at its middle.
      length: the epochs of each cycle, an even number.
    """
    begun = epoch - first_triangle(epochs, cycles, length)
    if begun < 0:
        share = (math.floor(epoch) + 1) / epochs
        return initial * (1 - 0.99 * min(max(share - 0.5, 0) / 0.4, 1))
    from_middle = abs(1 - 2 * (begun % length) / length)
    return highest * from_middle + lowest * (1 - from_middle)


def first_triangle(epochs: int, cycles: int, length: int) -> int:
    """The first epoch, from 0, of the triangular cycles; the training ends in the middle of the last cycle."""
    return epochs - cycles * length + length // 2


def triangular_starts(epochs: int, cycles: int, length: int) -> list[int]:
    """The first epoch, from 0, of the training of each snapshot, which ends in the middle of its cycle."""
    return [0, *(epochs - length * later for later in range(cycles - 1, 0, -1))]


def cosine_starts(epochs: int, cycles: int) -> list[int]:
    """The first epoch, from 0, of each cycle of `cosine_cycles`; fewer than `cycles` if there are not enough epochs."""
    return list(range(0, epochs, cycle_length(epochs, cycles)))
