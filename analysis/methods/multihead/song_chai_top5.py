"""Table 4 of Song and Chai (2018): top-1 and top-5 error, time and memory of training, beside ours.

The paper's are of ResNet-50 on ImageNet. Ours are of any network and data set whose runs were given their top-5 errors
by `experiments.evaluate --top=5`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import comparison, methods, recorded_run, table_notes
from analysis.methods.multihead import song_chai
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table, number
from collab_ensembles.data import catalogue
from collab_ensembles.runs import top_errors
from collab_ensembles.settings.config import RunConfig

TOP = 5
DISTILLED = "distilled from "
"""What the rows of distilled networks begin with; their number of teachers follows."""
_NUMBER = 4
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "single instance": {"graph": "single"},
    "label smoothing (0.1)": {"graph": "single", "label_smoothing": 0.1},
    "2 instances": {"graph": "instances"},
    "2 heads simple": {"graph": "simple"},
    "4 heads hierarchical": {"graph": "hierarchical"},
}
_ROWS = (*list(_SETTINGS)[:2], f"{DISTILLED}2", *list(_SETTINGS)[2:])
_ERRORS = {"error": ("top-1", "test_error_percent"), "top5": ("top-5", "top5_error_percent")}
_COSTS = {"seconds": ("time", "relative_time"), "memory": ("memory", "relative_memory")}
_COST_NOTE = "Time and memory of training in multiples of those of the single instance."


def row_of(config: RunConfig) -> str | None:
    """The row of the table that a multi-head run belongs to; None if there is none."""
    return next((row for row, own in _SETTINGS.items() if comparison.has_settings(config, **own)), None)


def top5_error(run: Run) -> float:
    """The top-5 error in percent of head 1 after the last epoch; NaN if it was not computed.

    Raises:
      RunDirectoryError: the file that holds it is damaged.
    """
    errors = top_errors.read(run.directory, run.config.epochs or 0, TOP)
    return 100 * errors.get(comparison.member_output(run), math.nan)


def table_4(runs: Sequence[Run]) -> pd.DataFrame:
    """All cells for one network.

    Args:
      runs: finished multi-head runs of one network on one data set in one setting.

    Returns:
      A row for each row of the paper's table. Columns: `runs`, their number; `error` and `top5`, means over seeds of
      the test errors in percent, each followed by `<column> sd`; `seconds` and `memory` of training over those of the
      single instance; and `paper <column>` of these four. What does not exist is NaN.
    """
    rows: dict[str, list[Run]] = {row: [] for row in _ROWS}
    for run in runs:
        rows.get(methods.of(run.config).paper_row(run.config) or "", []).append(run)
    table = pd.DataFrame({"runs": [len(own) for own in rows.values()]}, index=pd.Index(rows, name="training graph"))
    quantities = {"error": lambda run: comparison.error(run, comparison.member_output(run)), "top5": top5_error}
    for name, quantity in quantities.items():
        values = [[quantity(run) for run in own] for own in rows.values()]
        known = [[value for value in each if not math.isnan(value)] for each in values]
        means = [comparison.mean_and_deviation(each) for each in known]
        table[name], table[f"{name} sd"] = zip(*means, strict=True)
    costs = {"seconds": lambda run: run.status.seconds, "memory": lambda run: run.status.training_memory}
    for name, cost in costs.items():
        # 0 stands for what was not recorded.
        means = [comparison.mean_and_deviation([cost(run) or math.nan for run in own]) for own in rows.values()]
        table[name] = [mean for mean, _ in means]
        table[name] /= table[name].iloc[0]
    published = song_chai.paper_results()
    is_own = (published["table"] == _NUMBER) & (published["dataset"] == catalogue.label(runs[0].config.dataset))
    published = published[is_own & (published["network"] == runs[0].config.members[0])].set_index("row")
    for name, (_, column) in (_ERRORS | _COSTS).items():
        table[f"paper {name}"] = published[column].reindex(table.index)
    return table


def text_tables(runs: Sequence[Run]) -> list[Table]:
    """The table of each network of which two rows were run, and a run was given its top-5 error.

    Args:
      runs: finished multi-head runs of one data set in one setting.
    """
    tables = []
    for network, own in comparison.by_network(runs).items():
        cells = table_4(own)
        if (cells["runs"] > 0).sum() > 1 and cells["top5"].notna().any():
            tables.append(_text_table(own[0].config, network, cells))
    return tables


def _text_table(config: RunConfig, network: str, table: pd.DataFrame) -> Table:
    columns: dict[str, list[Cell]] = {}
    for name, (title, _) in _ERRORS.items():
        columns[title] = song_chai.marked(comparison.cells_of(table[name], table[f"{name} sd"]))
        columns[f"paper {title}"] = [Cell(number(value, ".2f")) for value in table[f"paper {name}"]]
    for name, (title, _) in _COSTS.items():
        columns[f"{title} / single"] = [Cell(number(value, ".2f")) for value in table[name]]
        columns[f"paper {title}"] = [Cell(number(value, "g")) for value in table[f"paper {name}"]]
    columns = {title: cells for title, cells in columns.items() if any(cell.text for cell in cells)}
    rows = [[Cell(str(row)), *cells] for row, *cells in zip(table.index, *columns.values(), strict=True)]
    heading = (
        f"{catalogue.label(config.dataset)}, table 4 of Song and Chai (2018), test error of head 1 in % of {network} "
        f"({recorded_run.setting(config)})"
    )
    notes = [table_notes.DEVIATION] if table["runs"].max() > 1 else []
    return Table(heading, ["training graph", *columns], rows, [*notes, _COST_NOTE])
