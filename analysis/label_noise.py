"""Figure 3 of Song and Chai (2018): test error against the share of noisy labels."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from analysis import comparison, drawing, intervals
from analysis import figure_style as style
from analysis.drawing import Drawing
from analysis.recorded_run import Run
from collab_ensembles import naming
from collab_ensembles.errors import DataError


def noise_levels(runs: Sequence[Run]) -> dict[str, dict[float, np.ndarray]]:
    """For each arrangement, in the order of tables: by the noise level in percent the final errors [seeds] in percent.

    The errors are those of the first head, as in the paper.
    """
    levels: dict[str, dict[float, list[float]]] = {}
    for run in (run for row in comparison.rows_of(runs).values() for run in row):
        name = naming.describe_ensemble(dataclasses.replace(run.config, label_noise=0.0))
        errors = levels.setdefault(name, {}).setdefault(100 * run.config.label_noise, [])
        errors.append(comparison.error(run, comparison.member_output(run)))
    return {name: {level: np.array(line[level]) for level in sorted(line)} for name, line in levels.items()}


def error_by_noise(runs: Sequence[Run], axes: Axes) -> Axes:
    """Figure 3: a line for each arrangement; bands are intervals over seeds.

    Args:
      runs: multi-head runs of one network on one data set in one setting, at several values of --label_noise.
      axes: the panel.

    Returns:
      The axes.

    Raises:
      DataError: no arrangement was trained at two levels of noise.
    """
    levels = {name: line for name, line in noise_levels(runs).items() if len(line) > 1}
    if not levels:
        raise DataError("no arrangement was trained at two levels of label noise; use --grid=song-chai-figure3")
    for number, (name, line) in enumerate(levels.items()):
        _draw(axes, line, label=name, **_look(number))
    axes.set(xlabel="noise level: share of noisy labels in %", ylabel="test error of head 1 in %")
    axes.grid(alpha=0.3)
    style.legend_below(axes)
    axes.set_title(style.title(runs, "test error with label noise"), fontsize=10)
    return axes


def _look(number: int) -> dict[str, Any]:
    """The first line, the single network's, is black."""
    colour = "black" if number == 0 else matplotlib.colormaps["tab10"]((number - 1) % 10)
    return {"color": colour, "marker": style.MARKERS[number % len(style.MARKERS)], "markersize": 5}


def _draw(axes: Axes, line: dict[float, np.ndarray], **look: Any) -> None:
    places = list(line)
    axes.plot(places, [errors.mean() for errors in line.values()], **look)
    # A level that has one seed has no interval: the band has a gap there.
    nothing = np.array([np.nan]), np.array([np.nan])
    ends = [intervals.band(errors[:, None]) or nothing for errors in line.values()]
    low, high = (np.concatenate(side) for side in zip(*ends, strict=True))
    axes.fill_between(places, low, high, color=look["color"], alpha=0.15, linewidth=0)


def drawings(runs: Sequence[Run]) -> Iterator[Drawing]:
    """Figure 3 for each network of runs of one data set in one setting."""
    for network, own in comparison.by_network(runs).items():
        draw = functools.partial(drawing.figure, functools.partial(_on_first, own), 1, (7, 5.4))
        caption = f"Test error of {network} against label noise, as in figure 3 of Song and Chai (2018)."
        yield Drawing(f"label_noise_{network}{drawing.ending(runs)}", caption, draw)


def _on_first(runs: Sequence[Run], axes: Sequence[Axes]) -> None:
    error_by_noise(runs, axes[0])
