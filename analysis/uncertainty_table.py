"""How well calibrated the outputs of runs are at the end of training, as a table and as CSV.

A run measures it when it ends (`collab_ensembles.runs.uncertainty`). Runs of earlier releases have nothing of it until
`experiments.evaluate --uncertainty` measures them.
"""

import math
from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from analysis import methods
from analysis.intervals import describe, interval
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table, number
from collab_ensembles.data import catalogue
from collab_ensembles.runs import naming, uncertainty
from collab_ensembles.runs.uncertainty import SOFTMAX_MEAN, Values

_COLUMNS = {
    "error %": ("error", 100, 2),
    "NLL": ("nll", 1, 4),
    "Brier": ("brier", 1, 4),
    "ECE %": ("ece_mass", 100, 2),
    "ECE %, equal widths": ("ece_width", 100, 2),
}
"""By column: the measure, by what it is multiplied, and decimals."""
_NAMES = {"ensemble": "Ens", SOFTMAX_MEAN: "Ens, mean of probabilities"}


def tables(runs: Sequence[Run]) -> list[Table]:
    """One table of the runs that have measures, if there are any.

    Args:
      runs: finished runs of one data set in one setting.

    Raises:
      RunDirectoryError: measures are damaged.
    """
    rows, counts = [], []
    for key, row in methods.of(runs[0].config).rows_of(runs).items():
        measured = [measures for measures in map(of, row) if measures]
        arrangement = " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in key)
        # Members stand in the CSV.
        outputs = [output for output in _NAMES if measured and output in measured[0]] or list(*measured[:1])
        for output in outputs:
            values = [measures[output] for measures in measured if output in measures]
            name = f"{arrangement}: {_NAMES.get(output, output)}"
            rows.append([Cell(name), *_cells(values), Cell(str(len(values)))])
            counts.append(len(values))
    if not rows:
        return []
    notes = [
        "NLL: negative log-likelihood in nats; Brier: squared distance of probabilities from the answer, from 0 to 2; "
        f"ECE: expected calibration error over {uncertainty.BINS} bins of equally many examples, or of equal widths."
    ]
    several = [count for count in counts if count > 1]
    if several:
        notes.append(f"Means over seeds; in brackets: {describe(several)}.")
    heading = f"{catalogue.label(runs[0].config.dataset)}, calibration on the test examples ({runs[0].setting})"
    return [Table(heading, [methods.of(runs[0].config).rows, *_COLUMNS, "Seeds"], rows, notes)]


def csv(runs: Sequence[Run]) -> str:
    """A line for each run, output and measure, with all digits; empty if no run has measures."""
    lines = [
        {"run": naming.describe(run.config), "seed": run.config.seed, "output": output, **values}
        for run in runs
        for output, values in of(run).items()
    ]
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n") if lines else ""


def of(run: Run) -> dict[str, Values]:
    """The measures of a run by output; empty if it has none."""
    return {} if run.origin else uncertainty.read(run.directory, run.config.epochs or 0)


def _cells(values: Sequence[Values]) -> list[Cell]:
    cells = []
    for measure, scale, digits in _COLUMNS.values():
        seeds = [scale * each[measure] for each in values]
        low, high = interval(seeds) or (math.nan, math.nan)
        addition = "" if math.isnan(low) else f"[{low:.{digits}f}, {high:.{digits}f}]"
        cells.append(Cell(number(fmean(seeds), f".{digits}f"), addition))
    return cells
