"""Summaries over seeds that single bad ones do not move, as rliable defines them.

R. Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021, section 4, here
for errors, of which lower ones are better. Intervals are 95 % percentile bootstrap intervals, as there; the resampling
is seeded.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from analysis.claim import NOISE

_TRIMMED = 0.25
"""The share that an interquartile mean leaves out at either end."""
_RESAMPLES = 10_000
_TAILS = (0.025, 0.975)

Interval = tuple[float, float]


def interquartile_mean(values: Sequence[float]) -> tuple[float, Interval]:
    """The mean of the middle half of the values, and its interval."""
    array = np.asarray(values, float)
    drawn = array[np.random.default_rng(0).integers(len(array), size=(_RESAMPLES, len(array)))]
    return float(stats.trim_mean(array, _TRIMMED)), _interval(stats.trim_mean(drawn, _TRIMMED, axis=1))


def probability_of_improvement(errors: Sequence[float], others: Sequence[float]) -> tuple[float, Interval]:
    """The probability that an error lies below one of the others, and its interval; those within NOISE count half.

    This is the statistic of Mann and Whitney's test by the number of pairs. Both groups are resampled apart.
    """
    own, other = np.asarray(errors, float)[:, None], np.asarray(others, float)
    wins = (own < other - NOISE) + (np.abs(own - other) <= NOISE) / 2
    random = np.random.default_rng(0)
    shares = [_shares(random, size) for size in wins.shape]
    return float(wins.mean()), _interval(((shares[0] @ wins) * shares[1]).sum(axis=1))


def _shares(random: np.random.Generator, size: int) -> np.ndarray:
    """How often each of so many values is drawn in each resample, [resamples, values], as a share."""
    drawn = random.integers(size, size=(_RESAMPLES, size))
    return np.stack([(drawn == place).mean(axis=1) for place in range(size)], axis=1)


def _interval(resampled: np.ndarray) -> Interval:
    low, high = np.quantile(resampled, _TAILS)
    return float(low), float(high)
