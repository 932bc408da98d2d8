"""Intervals beside SciPy's."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis import intervals


@pytest.mark.parametrize("seeds", [2, 3, 20])
def test_intervals_are_those_of_scipy_at_a_level_that_makes_up_for_small_samples(
    seeds: int, rng: np.random.Generator
) -> None:
    # Hesterberg (2015): where a percentile interval ends at a normal quantile, one of Student's takes its place.
    level = 1 - 2 * stats.norm.sf(stats.t.isf(0.025, seeds - 1) * math.sqrt(seeds / (seeds - 1)))
    values = rng.normal(size=(seeds, 4))
    ends = intervals.band(values)
    assert ends is not None
    for low, high, column in zip(*ends, values.T, strict=True):
        expected = stats.bootstrap(
            (column,), np.mean, confidence_level=level, n_resamples=10_000, method="percentile", rng=rng
        ).confidence_interval
        assert (low, high) == pytest.approx(tuple(expected), abs=0.03)
        assert intervals.interval(column.tolist()) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize("seeds", [8, 20])
def test_they_miss_the_mean_in_about_5_of_100_cases(seeds: int, rng: np.random.Generator) -> None:
    ends = intervals.band(rng.normal(size=(seeds, 1000)))
    assert ends is not None
    assert 30 < np.sum((ends[0] > 0) | (ends[1] < 0)) < 75


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_of_fewer_than_five_seeds_they_are_the_range_and_miss_the_mean_when_all_lie_on_one_side(
    seeds: int, rng: np.random.Generator
) -> None:
    values = rng.normal(size=(seeds, 2000))
    ends = intervals.band(values)
    assert ends is not None
    assert np.allclose(ends, (values.min(axis=0), values.max(axis=0)))
    missed = np.mean((ends[0] > 0) | (ends[1] < 0))
    assert missed == pytest.approx(2 * 0.5**seeds, abs=0.04)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([1, 1], ""),
        ([1, 4], "ranges over seeds"),
        ([5, 20], "95 % bootstrap intervals"),
        ([1, 3, 5], "95 % bootstrap intervals (ranges where seeds are 2 to 4)"),
    ],
)
def test_they_are_called_what_they_are(seeds: list[int], words: str) -> None:
    assert intervals.describe(seeds) == words


def test_one_seed_has_no_interval() -> None:
    assert intervals.interval([1.0]) is None
    assert intervals.band(np.ones((1, 3))) is None
