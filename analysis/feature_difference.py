"""The table of Das and Dutta Roy (2022), from feature-difference ensembles and snapshots."""

import importlib.resources
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import recorded_run, table_notes
from analysis.comparison import by_network, cells_of, error, has_settings, mean_and_deviation
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.config import RunConfig
from collab_ensembles.datasets import catalogue

_INDEPENDENT: Mapping[str, Any] = {"phases": ("cross_entropy",)}

ROWS: Mapping[str, tuple[str, int, Mapping[str, Any]] | None] = {
    "single": ("fdl", 1, _INDEPENDENT),
    "RIE (2x)": ("fdl", 2, _INDEPENDENT),
    "RIE (2x), head": ("fdl", 2, {"phases": ("cross_entropy", "head")}),
    "SSE": ("snapshot", 1, {}),
    "FGE": None,
    "AE Full": None,
    "FDL (2x)": ("fdl", 2, {}),
}
"""The rows of the poster's tables: system, number of networks and the settings that are not at their default; None for
what this project does not train. RIE are networks trained independently, SSE snapshots. `RIE (2x), head`, independent
networks with a trained head in place of the mean, is not on the poster and stands in a table only if it was trained."""

_BEST_NOTE = (
    "The published accuracies are the highest of any epoch, which the test set itself chooses. RIE: networks trained "
    "independently; SSE: snapshots; FGE and AE Full are not part of this project."
)


def published() -> pd.DataFrame:
    """The accuracies on the poster: columns dataset (as file names spell it), network, row, accuracy_percent."""
    path = importlib.resources.files("analysis").joinpath("reference/das_2022.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def row_of(config: RunConfig) -> str | None:
    """The row of the poster's tables that a run belongs to; None if to none."""
    for name, row in ROWS.items():
        if row and (config.system, len(config.members)) == row[:2] and has_settings(config, **row[2]):
            return name
    return None


def published_accuracy(dataset: str, network: str, row: str | None) -> float:
    """In percent; NaN where the poster has nothing. The data set is named as `--dataset` takes it."""
    every = published()
    for column, value in {"dataset": catalogue.label(dataset), "network": network, "row": row}.items():
        every = every[every[column] == value]
    return float(every["accuracy_percent"].iloc[0]) if len(every) else math.nan


def published_best_error(config: RunConfig, output: str) -> float:
    """The published test error in percent, of the best epoch, of an output of such a run; NaN if there is none."""
    whole = "Ens" if len(config.member_names()) > 1 else config.member_names()[0]
    return 100 - published_accuracy(config.dataset, config.members[0], row_of(config)) if output == whole else math.nan


def whole_output(run: Run) -> str:
    """The output that a row of the poster stands for: the ensemble, or the network that is alone."""
    return "Ens" if "Ens" in run.statistics else next(iter(run.statistics))


def accuracies(runs: Sequence[Run], network: str) -> pd.DataFrame:
    """The poster's table for one network, in percent.

    Args:
      runs: finished runs of feature-difference ensembles and snapshots, of one data set in one setting.
      network: such as `vgg16`.

    Returns:
      A row for each of ROWS that was published or trained. Columns: `runs`, their number; `last` and `best`, accuracy
      after the last epoch and the highest of any, means over seeds; `last sd` and `best sd`, standard deviations;
      `paper`. NaN where there is none.
    """
    rows = {}
    of_poster = set(published()["row"])
    for name in ROWS:
        own = [run for run in runs if run.config.members[0] == network and row_of(run.config) == name]
        if not own and name not in of_poster:
            continue
        last, best = (
            mean_and_deviation([100 - error(run, whole_output(run), best_epoch) for run in own])
            for best_epoch in (False, True)
        )
        rows[name] = (len(own), *last, *best, published_accuracy(runs[0].config.dataset, network, name))
    columns = ["runs", "last", "last sd", "best", "best sd", "paper"]
    return pd.DataFrame(rows.values(), index=pd.Index(rows, name="method"), columns=columns)


def text_tables(runs: Sequence[Run]) -> list[Table]:
    """The poster's table for each network that it has on this data set, to be written in any style."""
    tables = []
    for network in by_network(runs):
        table = accuracies(runs, network)
        if table["paper"].isna().all() or not table["runs"].any():
            continue
        columns = {
            "last epoch": cells_of(table["last"], table["last sd"]),
            "best epoch": cells_of(table["best"], table["best sd"]),
            "paper": cells_of(table["paper"], [math.nan] * len(table)),
        }
        config = runs[0].config
        heading = (
            f"{catalogue.label(config.dataset)}, ensembles of {network} as in Das and Dutta Roy (2022): accuracy in % "
            f"({recorded_run.setting(config)})"
        )
        rows = [[Cell(str(name)), *cells] for name, *cells in zip(table.index, *columns.values(), strict=True)]
        notes = [_BEST_NOTE, *([table_notes.DEVIATION] if table["runs"].max() > 1 else [])]
        tables.append(Table(heading, ["method", *columns], rows, notes))
    return tables
