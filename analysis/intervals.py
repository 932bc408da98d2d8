"""Bootstrap intervals over seeds."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEVEL = 0.95
_RESAMPLES = 10_000


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % percentile-bootstrap interval of the mean, or None for fewer than two values.

    Resampling is seeded: the same values have the same interval.
    """
    sample = np.asarray(values, float)
    if len(sample) < 2:
        return None
    result = stats.bootstrap(
        (sample,),
        np.mean,
        confidence_level=LEVEL,
        n_resamples=_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
