"""The statistics of runs after each epoch as one compact CSV, from which final tables can be computed exactly."""

import csv
import io
import math
from collections.abc import Callable, Sequence

from analysis import methods
from analysis.recorded_run import Run

KEYS = ("seed", "model", "epoch")
"""Columns behind those that name a row of tables."""
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
    What only curves are drawn from, FURTHER, has five, for the size. Both are empty where nothing was recorded.

    Args:
      runs: finished runs of one data set in one setting.
    """
    analysis = methods.of(runs[0].config)
    further = {**FURTHER, **analysis.statistics}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*analysis.row_columns, *KEYS, *TEST, *further])
    for row, run in ((row, run) for row, own in analysis.rows_of(runs).items() for run in own):
        name = [part if isinstance(part, str) else repr(part).removesuffix(".0") for part in row]
        for model, statistics in run.statistics.items():
            for epoch, values in zip(statistics.index, statistics.to_dict("records"), strict=True):
                keys = [*name, run.config.seed, model, epoch]
                exact = [_text(values[data], repr) for data in TEST.values()]
                rounded = [_text(values.get(data, math.nan), f"{{:.{_DIGITS}g}}".format) for data in further.values()]
                writer.writerow([*keys, *exact, *rounded])
    return buffer.getvalue()


def _text(value: float, written: Callable[[float], str]) -> str:
    return "" if math.isnan(value) else written(float(value))
