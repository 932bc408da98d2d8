"""The statistics of runs after each epoch as one compact CSV, from which final tables can be computed exactly."""

import csv
import io
import math
from collections.abc import Sequence

from analysis import recorded_run, tables
from analysis.recorded_run import Run

KEYS = ("method", "weight", "seed", "model", "epoch")
TEST = {"test_error_percent": "TestError", "test_cost": "TestCost"}
FURTHER = {
    "train_error_percent": "TrainError",
    "train_cost": "TrainCost",
    "train_error_mean_percent": "TrainErrorMean",
    "train_cost_mean": "TrainCostMean",
    "disagreement_percent": "Disagreement",
    "logit_distance": "LogitDistance",
}
"""Columns and the names of Data in `frame.to_frame`."""

_DIGITS = 5


def text(runs: Sequence[Run]) -> str:
    """One row an epoch of an output of a run: in the order of the tables, then by seed, output and epoch.

    What final tables are made of, TEST, has all its digits: a mean of rounded numbers can show another last digit.
    What only curves are drawn from, FURTHER, has five, for the size; it is empty where it was not recorded.

    Args:
      runs: finished collaborative ensembles of one data set in one setting.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*KEYS, *TEST, *FURTHER])
    for run in (run for row in tables.rows_of(runs).values() for run in row):
        weight = f"{recorded_run.without_rounding(run.config.weight)!r}".removesuffix(".0")
        for model, statistics in run.statistics.items():
            for epoch, row in zip(statistics.index, statistics.to_dict("records"), strict=True):
                keys = [run.method, weight, run.config.seed, model, epoch]
                exact = [repr(float(row[data])) for data in TEST.values()]
                writer.writerow([*keys, *exact, *(_rounded(row.get(data, math.nan)) for data in FURTHER.values())])
    return buffer.getvalue()


def _rounded(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.{_DIGITS}g}"
