"""Test errors and costs at the end of training, laid out as in figures A.7 to A.12 of Noel (2017)."""

import dataclasses
import importlib.resources
import math
import statistics
from collections.abc import Iterable, Sequence

import pandas as pd

from analysis import frame, methods, table_notes
from analysis.intervals import FEWEST, describe, interval
from analysis.methods.ensemble import noel_robust
from analysis.methods.ensemble.noel_rows import is_as_published, rows_of
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table, number
from collab_ensembles.data import catalogue

_BEST_NOTE = (
    "Of each run and output the lowest error of any epoch. Here the test set itself chooses the epoch, which is "
    "flattering: compare methods by the last epoch."
)


@dataclasses.dataclass(frozen=True)
class Quantity:
    """What a table shows.

    Attributes:
      data: the statistic, as `Run.statistics` names it.
      title: for headings; takes the number of epochs.
      digits: decimals.
      column: the name in `long_table`.
      best_epoch: whether the lowest of all epochs counts, for each run and output by itself; otherwise the last.
    """

    data: str
    title: str
    digits: int
    column: str
    best_epoch: bool = False

    def of(self, run: Run, model: str) -> float:
        """The value of one output of one run."""
        values = run.statistics[model][self.data]
        return float(values.min() if self.best_epoch else values.iloc[-1])


QUANTITIES = {
    "error": Quantity("TestError", "final test error in % after {} epochs", 2, "test_error_percent"),
    "best_error": Quantity("TestError", "best test error over {} epochs in %", 2, "best_test_error_percent", True),
    "cost": Quantity("TestCost", "final test cost after {} epochs", 6, "test_cost"),
}


def final_table(runs: Sequence[Run], quantity: str) -> pd.DataFrame:
    """The results of runs; means over seeds.

    Args:
      runs: finished runs of one data set in one setting.
      quantity: `error` (after the last epoch, in percent), `best_error` (the lowest of any epoch, which
        the test set itself chooses) or `cost` (after the last epoch).

    Returns:
      A row for each (Method, Weight), in the order of the paper's tables. Columns: for each model its
      mean (`ST`, `M`, `Ens`); `Seeds`, the number of runs behind it; for each model `<model> low` and
      `<model> high`, its interval as in `intervals.interval` (NaN for one seed). Where the paper has
      the data set and the runs were trained as the published ones, `error` and `cost` also have, for each
      model, `paper <model>` and `<model> - paper`, ours less the paper's (NaN for weights it has not).

    Raises:
      DataError: the runs differ in data set or setting, or a run is there twice.
    """
    frame.check_comparable(runs)
    what = QUANTITIES[quantity]
    models, rows = list(runs[0].statistics), rows_of(runs)
    index = pd.MultiIndex.from_tuples(list(rows), names=["Method", "Weight"])
    table = pd.DataFrame(index=index)
    values = {model: [[what.of(run, model) for run in row] for row in rows.values()] for model in models}
    for model in models:
        table[model] = [statistics.fmean(seeds) for seeds in values[model]]
    table["Seeds"] = [len(row) for row in rows.values()]
    for model in models:
        intervals = [interval(seeds) or (math.nan, math.nan) for seeds in values[model]]
        table[f"{model} low"], table[f"{model} high"] = zip(*intervals, strict=True)
    paper = {} if what.best_epoch else _paper(runs[0], what)
    for model, published in paper.items():
        table[f"paper {model}"] = published.reindex(index).to_numpy()
    for model in paper:
        table[f"{model} - paper"] = table[model] - table[f"paper {model}"]
    return table


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """One table for each of QUANTITIES, and for five seeds or more one of robust summaries (`noel_robust`).

    Arguments and errors are those of `analysis.tables.text_tables`.
    """
    return [*(_table(runs, quantity, unfinished) for quantity in QUANTITIES), *noel_robust.tables(runs)]


def long_table(runs: Sequence[Run]) -> pd.DataFrame:
    """A row for each method, weight and model, for runs of one data set in one setting; means over seeds.

    Columns: setting, method, weight, model, seeds (how many); test_error_percent (last epoch),
    best_test_error_percent (lowest of any epoch) and test_cost (last epoch), each followed by its
    interval (`intervals.interval`), `<column>_low` and `<column>_high`, empty for one seed; and for
    test_error_percent and test_cost the paper's value, `paper_<column>`, and ours less the paper's,
    `<column>_minus_paper`, empty where the paper has nothing to compare.

    Raises:
      DataError: the runs differ in data set or setting, or a run is there twice.
    """
    rows, setting = [], runs[0].setting
    tables = {quantity: final_table(runs, quantity) for quantity in QUANTITIES}
    for method, weight in tables["error"].index:
        for model in runs[0].statistics:
            row = {"setting": setting, "method": method, "weight": weight, "model": model}
            row["seeds"] = int(tables["error"].loc[(method, weight), "Seeds"])
            for quantity, table in tables.items():
                row |= _long_cells(table.loc[(method, weight)], model, QUANTITIES[quantity])
            rows.append(row)
    return pd.DataFrame(rows)


def paper_results() -> pd.DataFrame:
    """The published final results: figures A.7 to A.12 of Noel (2017) as one long table.

    Columns: dataset (as file names spell it), method, weight, model, test_error_percent, test_cost.
    """
    path = importlib.resources.files("analysis").joinpath("reference/noel_2017.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def _paper(run: Run, what: Quantity) -> dict[str, pd.Series]:
    if not is_as_published(run.config):
        return {}
    results = paper_results()
    results = results[results["dataset"] == catalogue.label(run.config.dataset)]
    return {
        str(model): rows.set_index(["method", "weight"])[what.column]
        for model, rows in results.groupby("model", sort=False)
    }


def _interval_notes(seeds: Iterable[int]) -> list[str]:
    several = [number for number in seeds if number > 1]
    if not several:
        return []
    note = f"Means over seeds; in brackets: {describe(several)}."
    if min(several) < FEWEST:
        note += " Ranges hold the mean less often: of 2, 3 or 4 seeds in about 50, 75 or 88 % of cases."
    return [note]


def _table(runs: Sequence[Run], quantity: str, unfinished: int) -> Table:
    table, config = final_table(runs, quantity), runs[0].config
    title = QUANTITIES[quantity].title.format(methods.epochs(runs))
    notes = [_BEST_NOTE] if QUANTITIES[quantity].best_epoch else []
    if notes and config.test_every > 1:
        notes.append(f"Of every {config.test_every} epochs only the last was tested, and the last of all.")
    notes += _interval_notes(table["Seeds"])
    rows = rows_of(runs).items()
    notes += table_notes.seeds({f"{name} {weight:g}": [run.config.seed for run in row] for (name, weight), row in rows})
    notes += table_notes.early_stopping([run.status for run in runs])
    if unfinished:
        notes.append(table_notes.left_out(unfinished))
    heading = f"{catalogue.label(config.dataset)}, {title} ({runs[0].setting})"
    return Table(heading, *texts(table, quantity), notes)


def texts(table: pd.DataFrame, quantity: str) -> tuple[list[str], list[list[Cell]]]:
    """The header and the rows that are shown."""
    names = [str(name) for name in table.columns if not str(name).endswith((" low", " high"))]
    if table["Seeds"].max() == 1:
        names.remove("Seeds")
    columns = [_column(table, name, QUANTITIES[quantity].digits) for name in names]
    rows = [
        [Cell(method), Cell(f"{weight:g}"), *cells]
        for (method, weight), *cells in zip(table.index, *columns, strict=True)
    ]
    return ["method", "weight", *names], rows


def _column(table: pd.DataFrame, name: str, digits: int) -> list[Cell]:
    if name == "Seeds":
        return [Cell(str(int(count))) for count in table[name]]
    if name.endswith(" - paper"):
        return [Cell(number(value, f"+.{digits}f")) for value in table[name]]
    texts = [number(value, f".{digits}f") for value in table[name]]
    # By what is shown, so that equal numbers are marked together.
    best = min(filter(None, texts), key=float, default="")
    additions = [""] * len(texts)
    if f"{name} low" in table:
        ends = zip(table[f"{name} low"], table[f"{name} high"], strict=True)
        additions = ["" if math.isnan(low) else f"[{low:.{digits}f}, {high:.{digits}f}]" for low, high in ends]
    return [Cell(text, addition, text != "" and text == best) for text, addition in zip(texts, additions, strict=True)]


def _long_cells(cells: pd.Series, model: str, what: Quantity) -> dict[str, float]:
    result = {what.column: cells[model]}
    for end in ("low", "high"):
        result[f"{what.column}_{end}"] = cells[f"{model} {end}"]
    if not what.best_epoch:
        result[f"paper_{what.column}"] = cells.get(f"paper {model}", math.nan)
        result[f"{what.column}_minus_paper"] = cells.get(f"{model} - paper", math.nan)
    return result
