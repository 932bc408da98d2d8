"""Tables 1 to 3 of Song and Chai (2018), with the published numbers beside ours.

Table 1 compares training graphs, table 2 simultaneous with alternating optimisation, table 3 ways to rescale gradients.
"""

import dataclasses
import importlib.resources
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import recorded_run, table_notes
from analysis.comparison import by_network, cells_of, error, has_settings, mean_and_deviation
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue
from collab_ensembles.settings.config import RunConfig

_SINGLE: Mapping[str, Any] = {"graph": "single"}
_ALTERNATING: Mapping[str, Any] = {"graph": "instances", "optimization": "alternating"}
_FOUR: Mapping[str, Any] = {"graph": "simple", "heads": 4}


@dataclasses.dataclass(frozen=True)
class Layout:
    """A table of the paper.

    Attributes:
      title: what it shows.
      corner: the name of the first column.
      rows: for each row the settings of a multi-head run that are not at their default.
      outputs: whose errors it shows: `single` is a single network's in each row, other outputs are the row's own.
    """

    title: str
    corner: str
    rows: Mapping[str, Mapping[str, Any]]
    outputs: tuple[str, ...] = ("head1",)


LAYOUTS: Mapping[int, Layout] = {
    1: Layout(
        "training graphs",
        "training graph",
        {
            "single instance": _SINGLE,
            "label smoothing (0.05)": {**_SINGLE, "label_smoothing": 0.05},
            "2 instances": {"graph": "instances"},
            "4 instances": {"graph": "instances", "heads": 4},
            "2 heads simple": {"graph": "simple"},
            "4 heads hierarchical": {"graph": "hierarchical"},
        },
    ),
    2: Layout(
        "two instances, optimised simultaneously or one after the other",
        "optimization",
        {
            "alternating, T = 1": {**_ALTERNATING, "temperature": 1.0},
            "alternating, T = 2": _ALTERNATING,
            "simultaneous, T = 1": {"graph": "instances", "temperature": 1.0},
            "simultaneous, T = 2": {"graph": "instances"},
        },
        ("single", "head1", "head2"),
    ),
    3: Layout(
        "rescaling of gradients, four heads that branch at one point",
        "gradients",
        {
            "no scaling": {**_FOUR, "rescaling": "none"},
            "loss scaling": {**_FOUR, "rescaling": "loss"},
            "backprop rescaling": _FOUR,
        },
    ),
}
"""By the number of the table in the paper."""

_NAMES = {"head1": "head 1", "head2": "head 2"}
_CITED_NOTE = "Published for alternating optimisation are the numbers of Zhang et al. (2018), which the paper cites."


def paper_results() -> pd.DataFrame:
    """Tables 1 to 4 of the paper as one long table.

    Columns: table, dataset (as file names spell it), network, row, output, test_error_percent, sd and runs (of table 2
    and 3 the paper does not say how many); of table 4, on ImageNet, test_error_percent is the top-1 error, and there
    are top5_error_percent, and relative_time and relative_memory of training.
    """
    path = importlib.resources.files("analysis").joinpath("reference/song_chai_2018.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def published_error(config: RunConfig, output: str) -> tuple[float, float] | None:
    """The published test error of an output of such a run, in percent, and its standard deviation.

    None where the paper has no such network, data set and arrangement.
    """
    for number, layout in LAYOUTS.items():
        for row, settings in layout.rows.items():
            if has_settings(config, **settings):
                found = _published_cell(number, config, row, output)
                if found:
                    return found
    # The single network of table 2 stands beside two instances.
    if output == "head1" and has_settings(config, **_SINGLE):
        return _published_cell(2, config, "simultaneous, T = 2", "single")
    return None


def published(config: RunConfig, output: str) -> tuple[float, float, float]:
    """`published_error` as `methods.Published` has it; of best epochs the paper has nothing."""
    return (*(published_error(config, output) or (math.nan, math.nan)), math.nan)


def _published_cell(number: int, config: RunConfig, row: str, output: str) -> tuple[float, float] | None:
    every = paper_results()
    keys = {"table": number, "dataset": catalogue.label(config.dataset), "network": config.members[0]}
    for column, value in {**keys, "row": row, "output": output}.items():
        every = every[every[column] == value]
    return (float(every["test_error_percent"].iloc[0]), float(every["sd"].iloc[0])) if len(every) else None


def layout_table(runs: Sequence[Run], number: int) -> pd.DataFrame:
    """All cells of a table of the paper, for each network that was run.

    Args:
      runs: finished multi-head runs of one data set in one setting.
      number: of the table, a key of LAYOUTS.

    Returns:
      A row for each network, row of the table and output (`head1`, `head2`, or `single`), with columns of these names;
      `runs`, their number; `error` and `sd`, mean and standard deviation over seeds of the test error in percent after
      the last epoch; `paper` and `paper sd`. What does not exist is NaN.
    """
    layout = LAYOUTS[number]
    cells = []
    for network, own in by_network(runs).items():
        for row, settings in layout.rows.items():
            for output in layout.outputs:
                values = _errors(own, _SINGLE if output == "single" else settings, output)
                mean, deviation = mean_and_deviation(values)
                paper = _published_cell(number, own[0].config, row, output) or (math.nan, math.nan)
                cells.append((network, row, output, len(values), mean, deviation, *paper))
    columns = ["network", "row", "output", "runs", "error", "sd", "paper", "paper sd"]
    return pd.DataFrame(cells, columns=columns)


def _errors(runs: Sequence[Run], settings: Mapping[str, Any], output: str) -> list[float]:
    chosen = [run for run in runs if has_settings(run.config, **settings)]
    return [error(run, "head1" if output == "single" else output) for run in chosen]


def text_tables(runs: Sequence[Run]) -> list[Table]:
    """Those tables of the paper of which at least two rows were run, to be written in any style.

    Args:
      runs: finished multi-head runs of one data set in one setting.
    """
    tables = []
    for number, layout in LAYOUTS.items():
        cells = layout_table(runs, number)
        networks = [network for network, own in cells.groupby("network", sort=False) if _has_two_rows(own)]
        if "single" in layout.outputs:
            for network in map(str, networks):
                own = cells[cells["network"] == network]
                columns = {_NAMES.get(output, output): own[own["output"] == output] for output in layout.outputs}
                tables.append(_text_table(runs, number, columns, f" of {network}"))
        elif networks:
            columns = {str(network): cells[cells["network"] == network] for network in networks}
            tables.append(_text_table(runs, number, columns, ""))
    return tables


def _has_two_rows(cells: pd.DataFrame) -> bool:
    """Of the rows' own runs: the single network of table 2 is in all of them."""
    own = cells[(cells["output"] != "single") & (cells["runs"] > 0)]
    return own["row"].nunique() > 1


def _text_table(runs: Sequence[Run], number: int, columns: Mapping[str, pd.DataFrame], network: str) -> Table:
    layout, config = LAYOUTS[number], runs[0].config
    texts: dict[str, list[Cell]] = {}
    for name, cells in columns.items():
        texts[name] = marked(cells_of(cells["error"], cells["sd"]))
        if cells["paper"].notna().any():
            texts[f"paper {name}"] = cells_of(cells["paper"], cells["paper sd"])
    what = f"test error of head 1 in %{network}" if layout.outputs == ("head1",) else f"test error in %{network}"
    heading = (
        f"{catalogue.label(config.dataset)}, table {number} of Song and Chai (2018), {layout.title}: {what} "
        f"({recorded_run.setting(config)})"
    )
    rows = [[Cell(row), *cells] for row, *cells in zip(layout.rows, *texts.values(), strict=True)]
    notes = [table_notes.DEVIATION] if any(cells["runs"].max() > 1 for cells in columns.values()) else []
    notes += [_CITED_NOTE] if number == 2 and any(name.startswith("paper") for name in texts) else []
    return Table(heading, [layout.corner, *texts], rows, notes)


def marked(cells: Sequence[Cell]) -> list[Cell]:
    """The lowest of a column in bold, by what is shown."""
    best = min((cell.text for cell in cells if cell.text), key=float, default="")
    return [dataclasses.replace(cell, marked=cell.text != "" and cell.text == best) for cell in cells]
