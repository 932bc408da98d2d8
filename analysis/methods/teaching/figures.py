"""Figure 3.1 of Lacaille (2018), and the same against all passes; what the teacher chooses."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis import drawing
from analysis import figure_style as style
from analysis.drawing import Drawing
from analysis.intervals import band
from analysis.methods.teaching import outcomes
from analysis.methods.teaching.claims import (
    BASELINE,
    CHOSEN,
    CHOSEN_TRUE,
    EUCLIDEAN,
    FIVE,
    FIVE_TRUE,
    RANDOM,
)
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError

_COLOURS: Mapping[str, str] = {
    BASELINE: "tab:blue",
    CHOSEN: "tab:green",
    CHOSEN_TRUE: "tab:brown",
    EUCLIDEAN: "tab:red",
    RANDOM: "gold",
    FIVE: "tab:orange",
    FIVE_TRUE: "tab:purple",
}
"""Those of the thesis."""
_PANELS = (
    ("stack of 2", (BASELINE, CHOSEN, CHOSEN_TRUE, EUCLIDEAN, RANDOM)),
    ("stacks of 2 and 5", (BASELINE, CHOSEN, FIVE, FIVE_TRUE)),
)
_LOWEST = 93.0
"""Percent of validation accuracy at the bottom of the panels, so that lines above 96 % can be told apart."""


def accuracy_curves(runs: Sequence[Run], by_passes: bool, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Figure 3.1: validation accuracy against updates, on the left with stacks of 2, on the right of 5.

    Lines are means over seeds, as far as all of them train, in bands of their intervals.

    Args:
      runs: of one data set in one setting.
      by_passes: against the minibatches passed forward and backward; otherwise against updates.
      axes: two panels.

    Returns:
      The axes.

    Raises:
      DataError: there are no two students of table 3.1.
    """
    rows = _rows(runs)
    for panel, (title, names) in zip(axes, _PANELS, strict=True):
        for name in (name for name in names if name in rows):
            places, accuracy = _places(rows[name], by_passes), 100 - _stacked(rows[name], "ValidationErrors")
            (line,) = panel.plot(places, accuracy.mean(axis=0), label=name, color=_COLOURS[name], linewidth=1.6)
            ends = band(accuracy)
            if ends is not None:
                panel.fill_between(places, *ends, color=line.get_color(), alpha=0.15, linewidth=0)
        _look(panel, "minibatches passed forward and backward" if by_passes else "updates", "validation accuracy in %")
        panel.set_title(title, fontsize=10)
        peaks = [float(heights.max()) for heights in style.drawn([panel])]
        panel.set_ylim(min(_LOWEST, max(peaks) - 1, min(peaks) - 0.5), max(peaks) + 0.3)
        style.legend_below(panel)
    axes[0].figure.suptitle(style.title(_all(rows), "students of Lacaille (2018)"), fontsize=10)
    return axes


def right_curves(runs: Sequence[Run], axes: Sequence[Axes]) -> Sequence[Axes]:
    """The share of the examples of each epoch's updates that the student had right before the update.

    Arguments, return value and errors are those of `accuracy_curves`; one panel.
    """
    rows = _rows(runs)
    (panel,) = axes
    for name, own in rows.items():
        values = 100 - _stacked(own, "TrainErrorMean")
        style.draw(panel, values, label=name, color=_COLOURS[name], linewidth=1.6)
    style.epoch_axis(panel, "examples answered rightly before the update, in %")
    style.legend_below(panel)
    panel.set_title(style.title(_all(rows), "what students learn from"), fontsize=10)
    return axes


def _rows(runs: Sequence[Run]) -> dict[str, list[Run]]:
    rows = {name: own for name, own in outcomes.by_row(runs).items() if name in _COLOURS}
    if len(rows) < 2:
        raise DataError("fewer than two students of table 3.1; train some with --grid=lacaille-3.1")
    return rows


def _all(rows: Mapping[str, Sequence[Run]]) -> list[Run]:
    return [run for own in rows.values() for run in own]


def _stacked(runs: Sequence[Run], data: str) -> np.ndarray:
    """[seeds, epochs], as far as all seeds train."""
    curves = [outcomes.curve(run, data) for run in runs]
    common = min(map(len, curves))
    return np.stack([each[:common] for each in curves])


def _places(runs: Sequence[Run], by_passes: bool) -> np.ndarray:
    """The x-axis, [epochs]; the same for all seeds."""
    curves = [outcomes.passes(run) if by_passes else outcomes.curve(run, "Updates") for run in runs]
    return min(curves, key=len)


def _look(panel: Axes, places: str, quantity: str) -> None:
    panel.set(xlabel=places, ylabel=quantity)
    panel.margins(x=0.02)
    panel.grid(alpha=0.3)


def drawings(runs: Sequence[Run], paper_axes: bool = False, epoch_means: bool = False) -> Iterator[Drawing]:
    """All figures of runs of one data set in one setting; the options change nothing."""
    end = drawing.ending(runs)
    kinds: Mapping[str, tuple[Any, int, tuple[float, float], str]] = {
        "teaching_updates": (
            functools.partial(accuracy_curves, runs, False),
            2,
            (12, 5.4),
            "Validation accuracy against updates, as figure 3.1 of Lacaille (2018); means, as far as all seeds train.",
        ),
        "teaching_passes": (
            functools.partial(accuracy_curves, runs, True),
            2,
            (12, 5.4),
            "The same against all passes of minibatches, with those that the choice costs.",
        ),
        "teaching_right": (
            functools.partial(right_curves, runs),
            1,
            (8, 5.8),
            "How many of the examples that a student learns from it had right; means, as far as all seeds train.",
        ),
    }
    for name, (draw, panels, size, caption) in kinds.items():
        yield Drawing(f"{name}{end}", caption, functools.partial(drawing.figure, draw, panels, size))
