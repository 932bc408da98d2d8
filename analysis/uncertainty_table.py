"""How well calibrated the outputs of runs are at the end of training, as tables and as CSV.

A run measures it when it ends (`collab_ensembles.runs.uncertainty`). Runs of earlier releases have nothing of it until
`experiments.evaluate --uncertainty` measures them. Only `experiments.evaluate --unknown` measures how well runs tell
images of another data set from their own.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import pandas as pd

from analysis import methods
from analysis.intervals import describe, interval
from analysis.methods import Analysis
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table, number
from collab_ensembles.data import catalogue
from collab_ensembles.runs import naming, uncertainty
from collab_ensembles.runs.uncertainty import SOFTMAX_MEAN, Measures, Values

_Columns = Mapping[str, tuple[str, int, int]]
"""By column: the measure, by what it is multiplied, and decimals."""

_CALIBRATION: _Columns = {
    "error %": ("error", 100, 2),
    "NLL": ("nll", 1, 4),
    "Brier": ("brier", 1, 4),
    "ECE %": ("ece_mass", 100, 2),
    "ECE %, equal widths": ("ece_width", 100, 2),
}
_DETECTION: _Columns = {
    "AUROC %, confidence": ("auroc_confidence", 100, 2),
    "AUROC %, mutual information": ("auroc_mutual_information", 100, 2),
}
_NAMES = {"ensemble": "Ens", SOFTMAX_MEAN: "Ens, mean of probabilities"}


def tables(runs: Sequence[Run]) -> list[Table]:
    """A table of calibration, and one of detection for each unknown data set, of the runs that have measures.

    Args:
      runs: finished runs of one data set in one setting.

    Raises:
      RunDirectoryError: measures are damaged.
    """
    method = methods.of(runs[0].config)
    rows = [(name, list(map(of, row))) for name, row in methods.rows_by_name(runs).items()]
    label, setting = catalogue.label(runs[0].config.dataset), runs[0].setting
    calibration = _table(
        f"{label}, calibration on the test examples ({setting})",
        method,
        _CALIBRATION,
        [(key, [measures.outputs for measures in row]) for key, row in rows],
        "NLL: negative log-likelihood in nats; Brier: squared distance of probabilities from the answer, from 0 to 2; "
        f"ECE: expected calibration error over {uncertainty.BINS} bins of equally many examples, or of equal widths.",
    )
    detection = [
        _table(
            f"{label}, images of {unknown} told from the test examples ({setting})",
            method,
            _DETECTION,
            [(key, [measures.detection.get(unknown, {}) for measures in row]) for key, row in rows],
            "AUROC: of all pairs of an unknown image and a test example, the share where the unknown image is the less "
            "certain one; by chance 50 %. Certainty: the largest probability, or how far the members agree.",
        )
        for unknown in sorted({name for _, row in rows for measures in row for name in measures.detection})
    ]
    return [table for table in (calibration, *detection) if table.rows]


def _table(
    heading: str, method: Analysis, columns: _Columns, rows: Sequence[tuple[str, Sequence[Values]]], note: str
) -> Table:
    """A table of the rows that have values, a line for each of their ensembles, or for the member that answers."""
    cells, counts = [], []
    for arrangement, row in rows:
        measured = [outputs for outputs in row if outputs]
        known: list[str] = list(*measured[:1])
        # Members stand in the CSV.
        outputs = [output for output in _NAMES if output in known] or known if method.whole else known[:1]
        for output in outputs:
            seeds = [each[output] for each in measured if output in each]
            name = f"{arrangement}: {_NAMES.get(output, output)}"
            cells.append([Cell(name), *_cells(seeds, columns), Cell(str(len(seeds)))])
            counts.append(len(seeds))
    several = [count for count in counts if count > 1]
    notes = [note] + [f"Means over seeds; in brackets: {describe(several)}."] * bool(several)
    return Table(heading, [method.rows, *columns, "Seeds"], cells, notes)


def csv(runs: Sequence[Run]) -> str:
    """A line for each run and output, with all digits of its measures; empty if no run has measures."""
    lines = []
    for run in runs:
        measures = of(run)
        for output, values in measures.outputs.items():
            further = {
                f"{name}, {unknown}": value
                for unknown, detection in measures.detection.items()
                for name, value in detection.get(output, {}).items()
            }
            lines.append(
                {"run": naming.describe(run.config), "seed": run.config.seed, "output": output, **values, **further}
            )
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n") if lines else ""


def of(run: Run) -> Measures:
    """The measures of a run; without outputs if it has none."""
    return Measures() if run.origin else uncertainty.read(run.directory, run.config.epochs or 0)


def _cells(values: Sequence[Mapping[str, float]], columns: _Columns) -> list[Cell]:
    """The mean of each measure; empty where it is not defined, such as mutual information of one network."""
    cells = []
    for measure, scale, digits in columns.values():
        seeds = [scale * each.get(measure, math.nan) for each in values]
        low, high = interval(seeds) or (math.nan, math.nan)
        addition = "" if math.isnan(low) else f"[{low:.{digits}f}, {high:.{digits}f}]"
        cells.append(Cell(number(fmean(seeds), f".{digits}f"), addition))
    return cells
