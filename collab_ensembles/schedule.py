"""The learning-rate schedule of Noel (2017), section 5.2: halved after 50, 75 and 90 % of the epochs."""


def learning_rate(initial: float, epoch: int, epochs: int) -> float:
    """The learning rate of an epoch.

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
