"""Test errors of several seeds beside the means: interquartile means, and how often an ensemble beats the plain one."""

from collections.abc import Sequence

from analysis import robust
from analysis.intervals import FEWEST
from analysis.methods.ensemble.noel_rows import is_plain, rows_of
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue

_NOTES = (
    "IQM: interquartile mean, the mean of the middle half of the seeds. P: the probability that a run has a lower "
    "error than a plain run, equal ones counted half; 0.5 if there is no difference.",
    "In brackets: 95 % bootstrap intervals. Both as rliable defines them (Agarwal et al. 2021).",
)


def tables(runs: Sequence[Run]) -> list[Table]:
    """One table for runs of one data set in one setting; none if no row has seeds enough for an interval.

    A row for each method and weight; for each output the interquartile mean of the final test errors in percent and,
    where the plain ensemble has as many seeds too, the probability of improvement over it.
    """
    rows = {setting: row for setting, row in rows_of(runs).items() if len(row) >= FEWEST}
    if not rows:
        return []
    outputs = list(runs[0].statistics)
    plain = [run for row in rows.values() for run in row if is_plain(run)]
    texts = []
    for (method, weight), row in rows.items():
        means = [robust.interquartile_mean(_finals(row, output)) for output in outputs]
        cells = [_cell(*mean, 2) for mean in means]
        for output in outputs:
            if not plain or is_plain(row[0]):
                cells.append(Cell(""))
            else:
                cells.append(_cell(*robust.probability_of_improvement(_finals(row, output), _finals(plain, output)), 2))
        texts.append([Cell(method), Cell(f"{weight:g}"), *cells, Cell(str(len(row)))])
    config = runs[0].config
    heading = (
        f"{catalogue.label(config.dataset)}, final test error after {config.epochs} epochs, robust summaries "
        f"({runs[0].setting})"
    )
    header = ["method", "weight", *(f"IQM {name}" for name in outputs), *(f"P {name}" for name in outputs), "Seeds"]
    return [Table(heading, header, texts, _NOTES)]


def _finals(row: Sequence[Run], output: str) -> list[float]:
    return [float(run.statistics[output]["TestError"].iloc[-1]) for run in row]


def _cell(value: float, interval: robust.Interval, digits: int) -> Cell:
    return Cell(f"{value:.{digits}f}", f"[{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]")
