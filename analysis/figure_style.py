"""The common style of all figures: colours, line widths, bands over seeds, limits, titles and files.

Figures are matplotlib `Figure`s without pyplot, so that drawing one leaves no state behind.
"""

import math
import os
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis import recorded_run
from analysis.intervals import band, describe
from analysis.recorded_run import Run
from collab_ensembles import files
from collab_ensembles.data import catalogue

MARKERS = ("v", "s", "D", "^", "P", "X")
"""One an output."""
_BAND_OPACITY = 0.13
_NOTE_WIDTH = 44
_HARD_SPACE = "\N{NO-BREAK SPACE}"
_NOTE_LINE = 0.06


def draw(axes: Axes, values: np.ndarray, first_epoch: int = 1, opacity: float = _BAND_OPACITY, **style: Any) -> Line2D:
    """A line of means over seeds, within the band of their intervals if there are several.

    Args:
      axes: to draw on.
      values: [seeds, epochs]; epochs that are NaN, since they had no test, are left out.
      first_epoch: the epoch of the first column.
      opacity: of the band.
      **style: of the line.
    """
    known = ~np.isnan(values).any(axis=0)
    values, epochs = values[:, known], first_epoch + np.flatnonzero(known)
    if len(epochs) == 1:
        style = {"marker": "o", **style}
    (line,) = axes.plot(epochs, values.mean(axis=0), **style)
    ends = band(values)
    if ends is not None:
        axes.fill_between(epochs, *ends, color=line.get_color(), alpha=opacity, linewidth=0)
    return line


def draw_bars(axes: Axes, points: Mapping[float, np.ndarray], shift: float, **style: Any) -> None:
    """A line through means over seeds, with their intervals as bars where there are several.

    Args:
      axes: to draw on, with a logarithmic x-axis.
      points: by their place on the x-axis, [seeds] each.
      shift: moves all points by this factor.
      **style: of the line.
    """
    places = sorted(points)
    means = np.array([points[place].mean() for place in places])
    bars = np.full((2, len(places)), math.nan)
    for index, place in enumerate(places):
        ends = band(points[place][:, None])
        if ends is not None:
            # Rounding can put an end on the wrong side of the mean.
            bars[:, index] = max(means[index] - ends[0][0], 0), max(ends[1][0] - means[index], 0)
    axes.errorbar(np.array(places) * shift, means, yerr=bars, capsize=3, **style)


def draw_level(axes: Axes, values: np.ndarray, **style: Any) -> None:
    """A horizontal line at the mean over seeds, [seeds], within the band of its interval."""
    line = axes.axhline(float(values.mean()), linewidth=1.6, zorder=1.5, **style)
    ends = band(values[:, None])
    if ends is not None:
        across: dict[str, Any] = {
            "transform": axes.get_yaxis_transform(),
            "color": line.get_color(),
            "alpha": _BAND_OPACITY,
        }
        axes.fill_between([0, 1], *ends, linewidth=0, **across)


def epoch_axis(axes: Axes, quantity: str) -> None:
    """Labels, whole numbers of epochs, and a grid."""
    axes.set(xlabel="epoch", ylabel=quantity)
    # Narrow margins: wide ones would show an epoch 0.
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def legend_below(axes: Axes, *further: Line2D) -> None:
    """A legend under the panel, where it hides no line.

    Args:
      axes: the panel.
      *further: what stands after the panel's own lines.
    """
    handles, labels = axes.get_legend_handles_labels()
    plain_last = sorted(zip(labels, handles, strict=True), key=lambda pair: pair[0].startswith("plain"))
    axes.legend(
        handles=[*(handle for _, handle in plain_last), *further],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=2,
        fontsize=8.5,
        frameon=False,
        handlelength=2.8,
    )


def drawn(panels: Iterable[Axes]) -> list[np.ndarray]:
    """The heights of all that is drawn: lines, marks, bands and bars."""
    heights: list[np.ndarray] = []
    for axes in panels:
        heights += [np.asarray(line.get_ydata(), float) for line in axes.get_lines()]
        heights += [np.asarray(path.vertices)[:, 1] for shape in axes.collections for path in shape.get_paths()]
    return heights


def robust_limits(values: Iterable[np.ndarray]) -> tuple[float, float]:
    """Limits that show most of the values well and ignore a few outliers.

    An outlier is outside the quartiles by more than three times their distance, and by more than half of the quartile's
    value.

    Args:
      values: arrays of any shape; values that are not finite are ignored.
    """
    pooled = np.concatenate([np.ravel(array) for array in values])
    pooled = pooled[np.isfinite(pooled)]
    lower, upper = np.quantile(pooled, (0.25, 0.75))
    reach = 3 * (upper - lower)
    near = pooled[(pooled >= lower - max(reach, abs(lower) / 2)) & (pooled <= upper + max(reach, abs(upper) / 2))]
    low, high = float(near.min()), float(near.max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def outside(finals: Mapping[str, float], limits: tuple[float, float]) -> str:
    """A note that names the lines that end outside the limits; empty if there are none.

    Args:
      finals: the last value of each line by its name.
      limits: of the y-axis.
    """
    names = [
        f"{name} ({value:.3g})".replace(" ", _HARD_SPACE)
        for name, value in finals.items()
        if not limits[0] <= value <= limits[1]
    ]
    return textwrap.fill(f"outside: {', '.join(names)}", _NOTE_WIDTH, break_long_words=False) if names else ""


def set_limits(
    panels: Mapping[Axes, Mapping[str, float]], limits: tuple[float, float], may_grow: bool = True
) -> tuple[float, float]:
    """Gives panels the same y-limits and says in each which lines end outside.

    Args:
      panels: for each panel the last value of each line by its name.
      limits: of the y-axis.
      may_grow: raise the upper limit so that the notes are above the lines.

    Returns:
      The limits that were set.
    """
    low, high = limits
    if may_grow:
        lines = max(_lines(outside(finals, limits)) for finals in panels.values())
        high += lines * _NOTE_LINE * (high - low)
    for axes, finals in panels.items():
        axes.set_ylim(low, high)
        note = outside(finals, (low, high))
        if note:
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
            place: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "top"}
            axes.text(0.5, 0.985, note, fontsize=8, bbox=box, zorder=10, **place)
    return low, high


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


_TITLE_WIDTH = 72
"""Characters of a line, as the narrowest figure has room for."""


def title(runs: Sequence[Run], what: str) -> str:
    """Data set, what is shown, number of seeds, and the setting where it is not the default one."""
    counts = Counter(run.config.description() for run in runs)
    bands = describe(counts.values())
    fewest, most = min(counts.values()), max(counts.values())
    seeds = ("1 seed" if most == 1 else f"{most} seeds") if fewest == most else f"{fewest} to {most} seeds"
    text = f"{catalogue.label(runs[0].config.dataset)}, {what} ({seeds}{f'; means and {bands}' if bands else ''})"
    setting = runs[0].setting
    return text if setting == recorded_run.DEFAULT_SETTINGS else f"{text}\n{textwrap.fill(setting, _TITLE_WIDTH)}"


def save(figure: Figure, directory: str, name: str) -> list[str]:
    """Writes a figure as PNG and as SVG; equal figures have equal files.

    Returns:
      The paths.

    Raises:
      CollabError: the directory cannot be written.
    """
    files.make_directory(directory)
    paths = []
    for form, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        paths.append(os.path.join(directory, f"{name}.{form}"))
        # Without a salt the identifiers in an SVG are random.
        with matplotlib.rc_context({"svg.hashsalt": name}), files.atomic_write(paths[-1]) as file:
            figure.savefig(file, format=form, dpi=150, metadata=metadata)
    return paths
