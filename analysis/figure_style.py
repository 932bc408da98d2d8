"""What all figures share: colours, line widths, bands over seeds, limits, titles and files.

Figures are matplotlib `Figure`s without pyplot, so that drawing one leaves no state behind.
"""

import math
import os
import textwrap
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
from analysis.recorded_run import PLAIN, Run
from collab_ensembles import files
from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError

Colour = tuple[float, float, float, float]

METHODS = ("CE", "L2", "L1")
"""The collaborating methods, in the order of the paper's panels."""
MARKERS = ("v", "s", "D", "^", "P", "X")
"""One an output."""
ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
"""The paper's letter for the weight of the collaboration cost."""

_FAMILIES = {"CE": "Blues", "L2": "Purples", "L1": "Greens", PLAIN: "Greys"}
_DASHES = (":", "--", "-.")
_BAND_OPACITY = 0.13
_NOTE_WIDTH = 44
_HARD_SPACE = "\N{NO-BREAK SPACE}"
_NOTE_LINE = 0.06
_MOST_TICKS = 6


def colour(method: str, weight: float) -> Colour:
    """The colour of a method with a weight: darker for larger weights; the plain ensemble's is one grey."""
    return _shade(method, 0.7 if method == PLAIN else 1.0 - 0.65 * _smallness(weight))


def width(weight: float) -> float:
    """The line width of a weight in points: wider for smaller ones, so that lines close together all show."""
    return 1.0 + 3.5 * _smallness(weight)


def look(method: str, weight: float) -> dict[str, Any]:
    """Colour, width and order of a line: narrow lines lie on wide ones, and the plain ensemble's on all."""
    if method == PLAIN:
        return {"color": colour(method, weight), "linewidth": 1.6, "zorder": 2.95}
    return {"color": colour(method, weight), "linewidth": width(weight), "zorder": 2.9 - width(weight) / 10}


def _smallness(weight: float) -> float:
    """From 0 for weights from 10 up to 1 for weights of 0.00001 and less."""
    return min(max((1 - math.log10(max(weight, 1e-5))) / 6, 0.0), 1.0)


def output_look(method: str, outputs: Sequence[str], output: str) -> dict[str, Any]:
    """How one output of an ensemble looks among the others: the last, `Ens`, is dark and solid."""
    index, last = outputs.index(output), len(outputs) - 1
    dash = "-" if index == last else _DASHES[index % len(_DASHES)]
    return {"color": _shade(method, 0.95 - 0.45 * (last - index) / max(last, 1)), "linestyle": dash}


def _shade(method: str, darkness: float) -> Colour:
    red, green, blue, opacity = matplotlib.colormaps[_FAMILIES[method]](darkness)
    return red, green, blue, opacity


def series(runs: Sequence[Run], output: str, data: str) -> dict[tuple[str, float], np.ndarray]:
    """The statistics of one output, apart for each method and weight.

    Args:
      runs: of one data set in one setting.
      output: a member's name, or `Ens`.
      data: a kind of data, as in `frame.to_frame`.

    Returns:
      By (method, weight), methods in the order of the paper's panels and the plain ensemble last,
      weights falling: float64 [seeds, epochs].

    Raises:
      DataError: the runs have no such output, or did not record such data.
    """
    found: dict[tuple[str, float], list[np.ndarray]] = {}
    for run in sorted(runs, key=_place):
        if output not in run.statistics:
            raise DataError(f"{run.directory}: has no output {output!r}; there are {', '.join(run.statistics)}")
        if data not in run.statistics[output]:
            raise DataError(f"{run.directory}: {data} of {output} was not recorded")
        found.setdefault((run.method, run.config.weight), []).append(run.statistics[output][data].to_numpy())
    return {key: np.stack(values) for key, values in found.items()}


def _place(run: Run) -> tuple[int, float, int]:
    return (*METHODS, PLAIN).index(run.method), -run.config.weight, run.config.seed


def draw(axes: Axes, values: np.ndarray, first_epoch: int = 1, opacity: float = _BAND_OPACITY, **style: Any) -> Line2D:
    """A line of means over seeds, within the band of their intervals if there are several.

    Args:
      axes: to draw on.
      values: [seeds, epochs].
      first_epoch: the epoch of the first column.
      opacity: of the band.
      **style: of the line.
    """
    epochs = np.arange(first_epoch, first_epoch + values.shape[1])
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


def weight_axis(axes: Axes, weights: Iterable[float]) -> None:
    """A logarithmic axis that holds these weights, with ticks at them where there is room, and a grid."""
    axes.set_xlabel(f"weight {ALPHA} of the collaboration cost")
    axes.grid(alpha=0.3)
    places = sorted({weight for weight in weights if weight > 0})
    if places:
        axes.set(xscale="log", xlim=(places[0] / 2, places[-1] * 2))
    if 0 < len(places) <= _MOST_TICKS:
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_xticks([], minor=True)


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
    """Limits that show most of the values well, and are not stretched by a few that lie far off.

    Far off is what lies beyond the quartiles by more than three times their distance, and by more
    than half of the quartile's own value.

    Args:
      values: arrays of any shape; what is not finite does not count.
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
    """The note that names the lines which end outside the limits; empty if there are none.

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
      may_grow: raise the upper limit so that the notes stand above the lines.

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
    counts: dict[tuple[str, float], int] = {}
    for run in runs:
        counts[run.method, run.config.weight] = counts.get((run.method, run.config.weight), 0) + 1
    bands = describe(counts.values())
    fewest, most = min(counts.values()), max(counts.values())
    seeds = ("1 seed" if most == 1 else f"{most} seeds") if fewest == most else f"{fewest} to {most} seeds"
    text = f"{catalogue.label(runs[0].config.dataset)}, {what} ({seeds}{f'; means and {bands}' if bands else ''})"
    setting = recorded_run.setting(runs[0].config)
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
