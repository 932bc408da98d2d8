"""The analysis of systems without their own: comparisons that fit runs of any system."""

import functools
import math
from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from analysis import comparison, drawing
from analysis import figure_style as style
from analysis.drawing import Drawing
from analysis.methods import Analysis
from analysis.recorded_run import Run
from collab_ensembles.settings.config import RunConfig


def error_curves(runs: Sequence[Run], axes: Sequence[Axes]) -> None:
    """The test error of each arrangement after each epoch, of the ensemble where there is one; means over seeds.

    Bands are intervals over seeds.

    Args:
      runs: of one data set in one setting.
      axes: one panel.
    """
    (panel,) = axes
    for number, (name, row) in enumerate(comparison.rows_of(runs).items()):
        # Lengths differ where networks of one setting have defaults of their own.
        for epochs in sorted({run.config.epochs for run in row}):
            values = [comparison.error_curve(run) for run in row if run.config.epochs == epochs]
            colour = matplotlib.colormaps["tab20"](number % 20)
            style.draw(panel, np.stack(values), label=name, color=colour, linewidth=1.8)
    style.epoch_axis(panel, "test error in %")
    style.set_limits({panel: {}}, style.robust_limits(style.drawn(axes)))
    style.legend_below(panel)
    panel.set_title(style.title(runs, "test error"), fontsize=10)


def drawings(runs: Sequence[Run], paper_axes: bool = False, epoch_means: bool = False) -> Iterator[Drawing]:
    """One figure, see `error_curves`; the options change nothing."""
    draw = functools.partial(drawing.figure, functools.partial(error_curves, runs), 1, (8, 5.4))
    yield Drawing(f"test_error{drawing.ending(runs)}", "Test error of each arrangement after each epoch.", draw)


def _no_place(config: RunConfig) -> tuple[()]:
    return ()


def _first_member(config: RunConfig) -> str:
    return config.member_names()[0]


def _no_row(config: RunConfig) -> None:
    return None


def _unpublished(config: RunConfig, output: str) -> tuple[float, float, float]:
    return math.nan, math.nan, math.nan


ANALYSIS = Analysis(
    rows_of=comparison.named_rows,
    text_tables=comparison.text_tables,
    long_table=comparison.long_table,
    drawings=drawings,
    row_columns=("arrangement",),
    rows="arrangements",
    place=_no_place,
    sources=_no_place,
    member=_first_member,
    whole="Ens",
    paper_row=_no_row,
    published_error=_unpublished,
)
