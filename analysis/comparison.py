"""Compares arrangements of networks: runs of any system, with one row for each arrangement.

A row is an arrangement such as `resnet32, 4 heads hierarchical`. Errors, time and memory are those of table 4 of Song
and Chai (2018), which evaluates the first head only; the tables here also have the whole ensemble.
"""

import math
import os
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import frame, intervals, methods, recorded_run, table_notes, table_text
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text

MEMBER, ENSEMBLE = "first member", "ensemble"
"""The two outputs that are compared."""
BEST = "best epoch, "

_PAPER_COLUMNS = ("paper_test_error_percent", "paper_test_error_percent_sd", "paper_best_test_error_percent")
_MIB = 2**20
_SECONDS = {"seconds": 1, "minutes": 60}
_LONG = 120
_OUTPUTS_NOTE = (
    "The first member is the first head or network alone, of snapshots the last; the ensemble is all together."
)
_COST_NOTE = (
    "Time and memory of training as measured: wall-clock time, and by how much training raised the peak of the "
    "process's memory (a GPU's own is not counted)"
)
_MULTIPLES = "; beside them in multiples of the same network trained alone"
_BEST_NOTE = (
    "Of each run the lowest error of any epoch. Here the test set itself chooses the epoch, which is flattering."
)


def rows_of(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs by arrangement: sorted by network size, label noise, and the order of their systems.

    The runs of a row differ in their seeds and in the runs that they learn from (`Analysis.sources`). If a row would
    have two runs with the same seed, the rows also name the sources. Rows name other settings that differ, too, where
    descriptions do not.
    """
    alike: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: _place(run.config)):
        alike.setdefault(run.config.description(), []).append(run)
    rows: dict[str, list[Run]] = {}
    for name, equally_named in alike.items():
        differing = _differing([run.config for run in equally_named])
        for run in equally_named:
            further = [f"{each} {as_text(getattr(run.config, each))}" for each in differing]
            rows.setdefault(", ".join([name, *further]), []).append(run)
    result: dict[str, list[Run]] = {}
    for name, row in rows.items():
        ambiguous = len({run.config.seed for run in row}) < len(row)
        sources = [methods.of(run.config).sources(run.config) for run in row]
        names = [tuple(map(os.path.basename, each)) for each in sources]
        # Whole paths if their last parts are equal.
        shown = names if len(set(names)) == len(set(sources)) else sources
        for run, own in zip(row, shown, strict=True):
            result.setdefault(f"{name} from {', '.join(own)}" if ambiguous and own else name, []).append(run)
    return result


def _differing(configs: Sequence[RunConfig]) -> list[str]:
    """The settings that differ between runs of one description, but for their seeds, data and sources."""
    return [
        name
        for name in configs[0].varied
        if name not in ("seed", "dataset")
        and len({getattr(config, name, None) for config in configs}) > 1
        and any(getattr(config, name, None) != methods.of(config).sources(config) for config in configs)
    ]


def named_rows(runs: Iterable[Run]) -> dict[tuple[str, ...], list[Run]]:
    """The rows as in `Analysis.rows_of`."""
    return {(name,): row for name, row in rows_of(runs).items()}


def by_network(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by their network, in the order of `rows_of`; an ensemble has equal networks, of which one counts."""
    result: dict[str, list[Run]] = {}
    for run in (run for row in rows_of(runs).values() for run in row):
        result.setdefault(run.config.network_names()[0], []).append(run)
    return result


def _place(config: RunConfig) -> tuple[Any, ...]:
    network = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", config.network_names()[0])]
    own = methods.of(config)
    return (
        network,
        config.label_noise,
        own.place(config),
        config.description(),
        config.seed,
        own.sources(config),
    )


def has_settings(config: RunConfig, **settings: Any) -> bool:
    """Whether exactly these settings of the system differ from their defaults, without label noise."""
    own = config.own_fields()
    if not settings.keys() <= {field.name for field in own}:
        return False
    expected = [settings.get(field.name, config.default_of(field)) for field in own]
    return not config.label_noise and [getattr(config, field.name) for field in own] == expected


def member_output(run: Run) -> str:
    """The output of the single network that represents the group."""
    return methods.of(run.config).member(run.config)


def error_curve(run: Run) -> np.ndarray:
    """The test errors [epochs] in percent of the ensemble, or of the only network."""
    whole = methods.of(run.config).whole
    return run.statistics[whole if whole in run.statistics else member_output(run)]["TestError"].to_numpy()


def error(run: Run, output: str, best_epoch: bool = False) -> float:
    """The test error in percent after the last epoch, or the lowest of any; NaN if there is no such output."""
    if output not in run.statistics:
        return math.nan
    errors = run.statistics[output]["TestError"]
    return float(errors.min() if best_epoch else errors.iloc[-1])


def mean_with_interval(values: Sequence[float], form: str) -> Cell:
    """A mean and its interval, such as `71.4 [70.9, 71.8]`; empty if a value is NaN."""
    mean = float(np.mean(values))
    ends = None if math.isnan(mean) else intervals.interval(values)
    return Cell(table_text.number(mean, form), f"[{ends[0]:{form}}, {ends[1]:{form}}]" if ends else "")


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the standard deviation with n - 1 in the denominator: NaN for fewer than two values."""
    if not values:
        return math.nan, math.nan
    # Not `statistics.stdev`: it refuses NaN, which is the value of numbers that were not recorded.
    return statistics.fmean(values), float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def compare(runs: Sequence[Run]) -> pd.DataFrame:
    """Errors and costs of each arrangement; means over seeds.

    Args:
      runs: finished runs of one data set in one setting.

    Returns:
      A row for each arrangement, see `rows_of`. Columns: `runs`; test errors in percent after the last epoch, `first
      member` and `ensemble`, and the lowest of any epoch, with `best epoch, ` in front, each followed by `<column> sd`,
      the standard deviation over seeds; `seconds` and `memory` (bytes) of training; and `relative seconds` and
      `relative memory`, both divided by those of the single network. Values that do not exist or were not recorded are
      NaN.

    Raises:
      DataError: the runs differ in data set or setting, or a run occurs twice.
    """
    frame.check_comparable(runs)
    rows = rows_of(runs)
    table = pd.DataFrame({"runs": [len(row) for row in rows.values()]}, index=pd.Index(rows, name="arrangement"))
    for prefix, best_epoch in (("", False), (BEST, True)):
        for name in (MEMBER, ENSEMBLE):
            values = [
                mean_and_deviation([error(run, output(run, name), best_epoch) for run in row]) for row in rows.values()
            ]
            table[f"{prefix}{name}"], table[f"{prefix}{name} sd"] = zip(*values, strict=True)
    costs = {"seconds": lambda run: run.status.seconds, "memory": lambda run: run.status.training_memory}
    baselines = [_single(row[0].config) for row in rows.values()]
    for name, cost in costs.items():
        # 0 means not recorded.
        table[name] = [mean_and_deviation([cost(run) or math.nan for run in row])[0] for row in rows.values()]
        table[f"relative {name}"] = table[name] / table[name].reindex(baselines).to_numpy()
    return table


def output(run: Run, name: str) -> str:
    """The output of a run that MEMBER or ENSEMBLE names."""
    return member_output(run) if name == MEMBER else methods.of(run.config).whole


def _single(config: RunConfig) -> str:
    """The row of the same network alone, in the same setting."""
    of_system = tuple(field.name for field in config.own_fields())
    return ", ".join([config.network_names()[0], "single", *config.particulars(named=of_system)])


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """Two tables for any style: final errors and costs, and best epochs.

    Arguments and errors are those of `analysis.tables.text_tables`.
    """
    table, rows = compare(runs), rows_of(runs)
    config = runs[0].config
    epochs = methods.epochs(runs)
    notes = [table_notes.DEVIATION] if table["runs"].max() > 1 else []
    notes += table_notes.seeds({name: [run.config.seed for run in row] for name, row in rows.items()})
    notes += table_notes.early_stopping([run.status for run in runs])
    notes += [table_notes.left_out(unfinished)] if unfinished else []
    unit = "minutes" if table["seconds"].max() > _LONG else "seconds"
    columns = {
        "": {
            MEMBER: cells_of(table[MEMBER], table[f"{MEMBER} sd"]),
            ENSEMBLE: cells_of(table[ENSEMBLE], table[f"{ENSEMBLE} sd"]),
            unit: _numbers(table["seconds"] / _SECONDS[unit], ".1f"),
            "time / single": _numbers(table["relative seconds"], ".2f"),
            "MiB": _numbers(table["memory"] / _MIB, ".0f"),
            "memory / single": _numbers(table["relative memory"], ".2f"),
        },
        BEST: {name: cells_of(table[BEST + name], table[f"{BEST}{name} sd"]) for name in (MEMBER, ENSEMBLE)},
    }
    titles = {
        "": f"final test error in % after {epochs} epochs, time and memory of training",
        BEST: f"best test error over {epochs} epochs in %",
    }
    of_systems = [methods.of(run.config) for run in runs]
    compared = table[["relative seconds", "relative memory"]].notna().any(axis=None)
    own_notes = {
        "": [
            _OUTPUTS_NOTE,
            f"{_COST_NOTE}{_MULTIPLES * bool(compared)}.",
            *_distinct(each.cost_notes for each in of_systems),
        ],
        BEST: [_BEST_NOTE, *_distinct(each.best_notes for each in of_systems)],
    }
    label, setting = catalogue.label(config.dataset), recorded_run.setting(config)
    return [
        _text_table(f"{label}, {titles[kind]} ({setting})", table, columns[kind], own_notes[kind] + notes)
        for kind in ("", BEST)
    ]


def _distinct(notes: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(note for each in notes for note in each))


def _text_table(heading: str, table: pd.DataFrame, columns: dict[str, list[Cell]], notes: Sequence[str]) -> Table:
    """Empty columns are left out, and so is the number of runs if it is always one."""
    if table["runs"].max() > 1:
        columns = {"runs": [Cell(str(count)) for count in table["runs"]], **columns}
    columns = {name: cells for name, cells in columns.items() if any(cell.text for cell in cells)}
    rows = [[Cell(str(name)), *cells] for name, *cells in zip(table.index, *columns.values(), strict=True)]
    return Table(heading, ["arrangement", *columns], rows, notes)


def row_table(
    heading: str,
    corner: str,
    rows: Mapping[str, Sequence[Run]],
    columns: Mapping[str, Sequence[Cell]],
    notes: Sequence[str],
    means: str = "Means over seeds, with",
) -> Table:
    """A table of rows of runs, with notes on their intervals and seeds.

    Args:
      heading: above the table.
      corner: the heading of the rows' names.
      rows: the runs of each row by its name.
      columns: a cell for each row, by heading.
      notes: those that come first.
      means: what stands before the kind of the intervals.
    """
    cells = [[Cell(name), *row] for name, *row in zip(rows, *columns.values(), strict=True)]
    several = intervals.describe([len(own) for own in rows.values()])
    seeds = table_notes.seeds({name: [run.config.seed for run in own] for name, own in rows.items()})
    return Table(heading, [corner, *columns], cells, [*notes, *([f"{means} {several}."] if several else []), *seeds])


def cells_of(means: Iterable[float], deviations: Iterable[float]) -> list[Cell]:
    """Cells such as `6.66 ± 0.21`; `6.66` for one seed; empty for NaN."""
    return [
        Cell(table_text.number(mean, ".2f"), "" if math.isnan(deviation) else f"± {deviation:.2f}")
        for mean, deviation in zip(means, deviations, strict=True)
    ]


def _numbers(values: Iterable[float], form: str) -> list[Cell]:
    return [Cell(table_text.number(value, form)) for value in values]


def long_table(runs: Sequence[Run]) -> pd.DataFrame:
    """A row for each arrangement and output, for runs of one data set in one setting.

    Columns: setting, arrangement, model, seeds (how many runs); test_error_percent (last epoch),
    best_test_error_percent (lowest of any epoch) and test_cost (last epoch), means over seeds, each followed by its
    standard deviation, `<column>_sd`; training_seconds and training_memory_bytes, means over seeds; and what papers
    have, paper_test_error_percent, paper_test_error_percent_sd and paper_best_test_error_percent, empty where there is
    nothing to compare.

    Raises:
      DataError: the runs differ in data set or setting, or a run occurs twice.
    """
    costs = compare(runs)
    result = []
    for arrangement, row in rows_of(runs).items():
        for output in row[0].statistics:
            cells: dict[str, Any] = {"setting": recorded_run.setting(row[0].config), "arrangement": arrangement}
            cells |= {"model": output, "seeds": len(row)}
            quantities = {
                "test_error_percent": [error(run, output) for run in row],
                "best_test_error_percent": [error(run, output, best_epoch=True) for run in row],
                "test_cost": [float(run.statistics[output]["TestCost"].iloc[-1]) for run in row],
            }
            for name, values in quantities.items():
                cells[name], cells[f"{name}_sd"] = mean_and_deviation(values)
            cells["training_seconds"] = costs.loc[arrangement, "seconds"]
            cells["training_memory_bytes"] = costs.loc[arrangement, "memory"]
            paper = methods.of(row[0].config).published_error(row[0].config, output)
            cells |= zip(_PAPER_COLUMNS, paper, strict=True)
            result.append(cells)
    return pd.DataFrame(result)
