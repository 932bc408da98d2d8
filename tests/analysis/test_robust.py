"""Interquartile means and probabilities of improvement, against their definitions and published behaviour."""

import itertools
import pathlib

import numpy as np
import pytest
from scipy import stats
from table_runs import runs_with

from analysis import robust
from analysis.methods.ensemble import noel_tables


def test_an_interquartile_mean_leaves_out_a_quarter_at_either_end() -> None:
    values = [9.0, 1.0, 2.0, 3.0, 4.0, 100.0, -50.0, 5.0]
    mean, (low, high) = robust.interquartile_mean(values)
    assert mean == (2 + 3 + 4 + 5) / 4
    assert low <= mean <= high
    # Of six values rliable, as SciPy, leaves out one at either end.
    assert robust.interquartile_mean([1, 2, 3, 4, 6, 60])[0] == (2 + 3 + 4 + 6) / 4


def test_a_probability_of_improvement_counts_pairs() -> None:
    own, others = [1.0, 2.0, 4.0], [2.0, 3.0, 1.0, 5.0]
    pairs = [(a < b) + 0.5 * (a == b) for a, b in itertools.product(own, others)]
    received, (low, high) = robust.probability_of_improvement(own, others)
    assert received == sum(pairs) / 12
    assert low <= received <= high
    assert received == pytest.approx(stats.mannwhitneyu(others, own).statistic / 12)
    assert robust.probability_of_improvement([1, 2], [3, 4]) == (1.0, (1.0, 1.0))
    assert robust.probability_of_improvement([1, 1], [1, 1]) == (0.5, (0.5, 0.5))
    # Equal errors in single precision: 218 of 3,649 images, once by a sum and once by a mean.
    assert robust.probability_of_improvement([5.974239856], [5.974240228]) == (0.5, (0.5, 0.5))


def test_intervals_are_those_of_scipys_percentile_bootstrap() -> None:
    random = np.random.default_rng(2)
    own, others = random.normal(1.0, 0.2, 12), random.normal(1.1, 0.2, 9)
    expected = stats.bootstrap(
        (own,), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert robust.interquartile_mean(own.tolist())[1] == pytest.approx(tuple(expected), abs=0.01)

    def share(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return (x[..., :, None] < y[..., None, :]).mean(axis=(-1, -2))

    expected = stats.bootstrap(
        (own, others), share, method="percentile", vectorized=True, rng=np.random.default_rng(1)
    ).confidence_interval
    received = robust.probability_of_improvement(own.tolist(), others.tolist())[1]
    assert received == pytest.approx(tuple(expected), abs=0.02)


def test_a_table_has_them_where_there_are_five_seeds(tmp_path: pathlib.Path) -> None:
    errors = [0.5, 0.6, 0.7, 0.8, 0.9]
    finals = {("plain", 1.0, seed): (error, 1.0, 1.0) for seed, error in enumerate(errors)}
    finals |= {("L2", 0.1, seed): (error - 0.15, 1.0, 2.0) for seed, error in enumerate(errors)}
    runs = runs_with(tmp_path, finals)
    *_, table = noel_tables.text_tables(runs)
    assert list(table.header) == ["method", "weight", "IQM ST", "IQM M", "IQM Ens", "P ST", "P M", "P Ens", "Seeds"]
    rows = {row[0].text: [cell.text for cell in row[2:]] for row in table.rows}
    # Pairs of ST: 0.35, 0.45, 0.55, 0.65, 0.75 against 0.5, 0.6, 0.7, 0.8, 0.9: 5 + 5 + 4 + 3 + 2 of 25.
    assert rows == {
        "L2": ["0.55", "1.00", "2.00", "0.76", "0.50", "0.00", "5"],
        "Single": ["0.70", "1.00", "1.00", "", "", "", "5"],
    }
    # Of fewer seeds a bootstrap says little.
    assert len(noel_tables.text_tables([run for run in runs if run.config.seed < 4])) == len(noel_tables.QUANTITIES)
