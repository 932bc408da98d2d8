"""How well calibrated the outputs of runs are at the end of training, as tables and as CSV.

A run measures it when it ends (`collab_ensembles.runs.uncertainty`). Runs of earlier releases have nothing of it until
`experiments.evaluate --uncertainty` measures them. How well runs tell images of another data set from their own, only
`experiments.evaluate --unknown` measures.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import pandas as pd

from analysis import methods
from analysis.intervals import describe, interval
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table, number
from collab_ensembles.data import catalogue
from collab_ensembles.runs import naming, uncertainty
from collab_ensembles.runs.uncertainty import SOFTMAX_MEAN, Measures, Values

_CALIBRATION = {
    "error %": ("error", 100, 2),
    "NLL": ("nll", 1, 4),
    "Brier": ("brier", 1, 4),
    "ECE %": ("ece_mass", 100, 2),
    "ECE %, equal widths": ("ece_width", 100, 2),
}
"""By column: the measure, by what it is multiplied, and decimals."""
_DETECTION = {
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
    rows = {
        " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in key): list(map(of, row))
        for key, row in methods.of(runs[0].config).rows_of(runs).items()
    }
    label, setting = catalogue.label(runs[0].config.dataset), runs[0].setting
    first = methods.of(runs[0].config).rows
    calibration = _table(
        f"{label}, calibration on the test examples ({setting})",
        first,
        _CALIBRATION,
        rows,
        "NLL: negative log-likelihood in nats; Brier: squared distance of probabilities from the answer, from 0 to 2; "
        f"ECE: expected calibration error over {uncertainty.BINS} bins of equally many examples, or of equal widths.",
    )
    unknown = sorted({each.unknown for row in rows.values() for each in row} - {""})
    detection = [
        _table(
            f"{label}, images of {catalogue.label(name)} told from the test examples ({setting})",
            first,
            _DETECTION,
            {key: [each for each in row if each.unknown == name] for key, row in rows.items()},
            "AUROC: of all pairs of an unknown image and a test example, the share where the unknown image is the less "
            "certain one; by chance 50 %. Certainty: the largest probability, or how far the members agree.",
        )
        for name in unknown
    ]
    return [table for table in (calibration, *detection) if table.rows]


def _table(
    heading: str,
    first: str,
    columns: Mapping[str, tuple[str, int, int]],
    rows: Mapping[str, Sequence[Measures]],
    note: str,
) -> Table:
    cells, counts = [], []
    for arrangement, row in rows.items():
        measured = [measures.outputs for measures in row if measures.outputs]
        # Members stand in the CSV.
        outputs = [output for output in _NAMES if measured and output in measured[0]] or list(*measured[:1])
        for output in outputs:
            values = [measures[output] for measures in measured if output in measures]
            name = f"{arrangement}: {_NAMES.get(output, output)}"
            cells.append([Cell(name), *_cells(values, columns), Cell(str(len(values)))])
            counts.append(len(values))
    several = [count for count in counts if count > 1]
    notes = [note] + [f"Means over seeds; in brackets: {describe(several)}."] * bool(several)
    return Table(heading, [first, *columns, "Seeds"], cells, notes)


def csv(runs: Sequence[Run]) -> str:
    """A line for each run, output and measure, with all digits; empty if no run has measures."""
    lines = []
    for run in runs:
        measures = of(run)
        unknown = {"unknown": measures.unknown} if measures.unknown else {}
        lines += [
            {"run": naming.describe(run.config), "seed": run.config.seed, "output": output, **values, **unknown}
            for output, values in measures.outputs.items()
        ]
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n") if lines else ""


def of(run: Run) -> Measures:
    """The measures of a run; without outputs if it has none."""
    return Measures() if run.origin else uncertainty.read(run.directory, run.config.epochs or 0)


def _cells(values: Sequence[Values], columns: Mapping[str, tuple[str, int, int]]) -> list[Cell]:
    """The mean of each measure; empty where it is not defined, such as mutual information of one network."""
    cells = []
    for measure, scale, digits in columns.values():
        seeds = [scale * each.get(measure, math.nan) for each in values]
        low, high = interval(seeds) or (math.nan, math.nan)
        addition = "" if math.isnan(low) else f"[{low:.{digits}f}, {high:.{digits}f}]"
        cells.append(Cell(number(fmean(seeds), f".{digits}f"), addition))
    return cells
