"""How ensembles look in figures: a family of colours for each method, darker and narrower lines for larger weights."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from analysis.methods.ensemble.noel_rows import PANELS, PLAIN, Setting, other_methods, place, setting_of
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError

Colour = tuple[float, float, float, float]

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
"""The paper's letter for the weight of the collaboration cost."""

_FAMILIES = {"CE": "Blues", "L2": "Purples", "L1": "Greens", PLAIN: "Greys"}
_OTHER_FAMILIES = ("Oranges", "Reds", "YlOrBr", "RdPu", "PuBuGn", "YlGn")
"""For methods that the paper does not have, in the order in which they are declared."""
_DASHES = (":", "--", "-.")
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
    red, green, blue, opacity = matplotlib.colormaps[_family(method)](darkness)
    return red, green, blue, opacity


def _family(method: str) -> str:
    if method in _FAMILIES:
        return _FAMILIES[method]
    return _OTHER_FAMILIES[other_methods().index(method) % len(_OTHER_FAMILIES)]


def series(runs: Sequence[Run], output: str, data: str) -> dict[Setting, np.ndarray]:
    """The statistics of one output, apart for each method and weight.

    Args:
      runs: of one data set in one setting.
      output: a member's name, or `Ens`.
      data: a kind of data, as in `frame.to_frame`.

    Returns:
      By (method, weight), methods in the order of the paper's panels, then the plain ensemble and methods that the
      paper does not have, weights falling: float64 [seeds, epochs].

    Raises:
      DataError: the runs have no such output, or did not record such data.
    """
    found: dict[Setting, list[np.ndarray]] = {}
    for run in sorted(runs, key=_place):
        if output not in run.statistics:
            raise DataError(f"{run.directory}: has no output {output!r}; there are {', '.join(run.statistics)}")
        if data not in run.statistics[output]:
            raise DataError(f"{run.directory}: {data} of {output} was not recorded")
        found.setdefault(setting_of(run.config), []).append(run.statistics[output][data].to_numpy())
    return {key: np.stack(values) for key, values in found.items()}


def _place(run: Run) -> tuple[tuple[int, str], float, int]:
    method, weight = setting_of(run.config)
    return place(method, (*PANELS, PLAIN)), -weight, run.config.seed


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
