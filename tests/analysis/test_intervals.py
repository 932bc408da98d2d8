"""Intervals beside SciPy's."""

import numpy as np
import pytest
from scipy import stats

from analysis import intervals


@pytest.mark.parametrize("seeds", [2, 3, 20])
def test_intervals_are_those_of_scipy(seeds: int, rng: np.random.Generator) -> None:
    values = rng.normal(size=(seeds, 4))
    ends = intervals.band(values)
    assert ends is not None
    for low, high, column in zip(*ends, values.T, strict=True):
        expected = stats.bootstrap(
            (column,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0)
        ).confidence_interval
        # SciPy's draws may change from version to version; what they are drawn for may not.
        assert (low, high) == pytest.approx(tuple(expected), abs=0.03)
        assert intervals.interval(column.tolist()) == pytest.approx((low, high), rel=1e-12)


def test_one_seed_has_no_interval() -> None:
    assert intervals.interval([1.0]) is None
    assert intervals.band(np.ones((1, 3))) is None
