"""Tables of multi-head, feature-difference and snapshot runs: the comparison, and those of the system's paper."""

import math
from collections.abc import Sequence

import pandas as pd

from analysis import comparison, feature_difference, setting_curves, song_chai, song_chai_top5
from analysis.recorded_run import Run
from analysis.table_text import Table
from collab_ensembles.settings.config import RunConfig


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """The comparison of all arrangements, then the tables of the paper that the runs have something for.

    Arguments and errors are those of `analysis.tables.text_tables`.
    """
    of_paper = (
        (song_chai, song_chai_top5, setting_curves) if runs[0].config.system == "multihead" else (feature_difference,)
    )
    own = [table for module in of_paper for table in module.text_tables(runs)]
    return [*comparison.text_tables(runs, unfinished), *own]


def long_table(runs: Sequence[Run]) -> pd.DataFrame:
    """`comparison.long_table` with the published numbers, for runs of one data set in one setting.

    Further columns: paper_test_error_percent and paper_test_error_percent_sd (Song and Chai 2018, tables 1 to 3),
    and paper_best_test_error_percent (Das and Dutta Roy 2022); empty where there is nothing to compare.

    Raises:
      DataError: the runs differ in data set or setting, or a run is there twice.
    """
    table = comparison.long_table(runs)
    configs = {name: row[0].config for name, row in comparison.rows_of(runs).items()}
    keys = [(configs[name], model) for name, model in zip(table["arrangement"], table["model"], strict=True)]
    paper = [song_chai.published_error(*key) or (math.nan, math.nan) for key in keys]
    table["paper_test_error_percent"], table["paper_test_error_percent_sd"] = zip(*paper, strict=True)
    table["paper_best_test_error_percent"] = [_published_best_error(*key) for key in keys]
    return table


def _published_best_error(config: RunConfig, output: str) -> float:
    return math.nan if config.system == "multihead" else feature_difference.published_best_error(config, output)
