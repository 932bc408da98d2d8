"""The figures of Das and Dutta Roy (2022): accuracy against filters, and losses over the epochs."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from analysis import drawing
from analysis import figure_style as style
from analysis.comparison import by_network, error
from analysis.drawing import Drawing
from analysis.feature_difference import row_of, whole_output
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError
from collab_ensembles.networks.sizes import ConvNetSize, parse_network

LINES = {
    "single": "single network of M",
    "RIE (2x)": "2 of M / 2, independent",
    "RIE (2x), head": "2 of M / 2, independent, trained head",
    "FDL (2x)": "2 of M / 2, FDL",
}
"""The lines of the poster's figure of accuracy against the number of filters, by row, and one more."""
_LOOKS: Mapping[str, Mapping[str, Any]] = {
    "single": {"color": "black", "marker": "o", "linestyle": "--"},
    "RIE (2x)": {"color": "tab:blue", "marker": "s", "linestyle": "-"},
    "RIE (2x), head": {"color": "tab:green", "marker": "^", "linestyle": "-"},
    "FDL (2x)": {"color": "tab:red", "marker": "D", "linestyle": "-"},
}
_PAIRS = {"FDL (2x)": "with FDL", "RIE (2x)": "without FDL"}
# Narrow lines on wide ones: the two can coincide.
_WIDTHS = {"FDL (2x)": 3.0, "RIE (2x)": 1.4}


def accuracy_by_filters(runs: Sequence[Run], axes: Axes) -> Axes:
    """Accuracy of one-layer networks against the number of filters M, with one network or with two of half as many.

    Bars are intervals over seeds.

    Args:
      runs: of one data set in one setting, with the grid fdl-mnist or part of it.
      axes: the panel.

    Returns:
      The axes.

    Raises:
      DataError: no line has two points.
    """
    points = _points(runs)
    if all(len(line) < 2 for line in points.values()):
        raise DataError("no networks of one layer that differ in their filters; train some with --grid=fdl-mnist")
    for number, (row, line) in enumerate(points.items()):
        # A little apart, so that bars do not hide each other.
        style.draw_bars(axes, line, shift=1.015 ** (number - 1.5), label=LINES[row], **_LOOKS[row])
    places = sorted({filters for line in points.values() for filters in line})
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="number of filters M in all", ylabel="test accuracy in % after the last epoch")
    axes.grid(alpha=0.3)
    style.legend_below(axes)
    axes.set_title(style.title(runs, "one layer of M filters"), fontsize=10)
    return axes


def _points(runs: Sequence[Run]) -> dict[str, dict[float, np.ndarray]]:
    """For each of LINES: by the number of filters of all networks together, the accuracies [seeds] in percent."""
    points: dict[str, dict[float, list[float]]] = {}
    for name in LINES:
        for run in sorted(runs, key=lambda run: run.config.seed):
            size = parse_network(run.config.members[0])
            if isinstance(size, ConvNetSize) and row_of(run.config) == name:
                filters = float(size.filters * len(run.config.members))
                accuracy = 100 - error(run, whole_output(run))
                points.setdefault(name, {}).setdefault(filters, []).append(accuracy)
    return {name: {filters: np.array(values) for filters, values in line.items()} for name, line in points.items()}


def curves(runs: Sequence[Run], axes: Sequence[Axes]) -> Sequence[Axes]:
    """What happens over the epochs with and without FDL; means over seeds within their intervals.

    Args:
      runs: of two networks of one kind, with FDL and independent, of one data set in one setting.
      axes: three panels: cross-entropy (of the networks on the training examples, and of the ensemble on the test
        examples), similarity loss, and mean squared difference of features.

    Returns:
      The axes.

    Raises:
      DataError: one of the two is missing, or did not record its losses.
    """
    losses, similarity, difference = axes
    for row, name in _PAIRS.items():
        own = [run for run in runs if row_of(run.config) == row]
        if not own:
            raise DataError(f"no two networks trained {name}; both kinds are needed, see --grid=fdl-mnist")
        look = {"color": _LOOKS[row]["color"], "linewidth": _WIDTHS[row]}
        members = np.mean([_series(own, member, "TrainCostMean") for member in own[0].config.member_names()], axis=0)
        style.draw(losses, members, label=f"{name}: networks, training", linestyle="--", **look)
        style.draw(losses, _series(own, "Ens", "TestCost"), label=f"{name}: ensemble, test", **look)
        style.draw(similarity, _series(own, "Ens", "SimilarityLoss"), label=name, **look)
        style.draw(difference, _series(own, "Ens", "FeatureDifference"), label=name, **look)
    labels = ("cross-entropy", "similarity loss", "mean squared difference of features")
    for panel, label in zip(axes, labels, strict=True):
        style.epoch_axis(panel, label)
        style.legend_below(panel)
    for panel in (similarity, difference):
        # They fall by orders of magnitude. An axis without anything above 0 cannot be logarithmic.
        if max(heights.max() for heights in style.drawn([panel])) > 0:
            panel.set_yscale("log")
    chosen = [run for run in runs if row_of(run.config) in _PAIRS]
    losses.figure.suptitle(style.title(chosen, f"2 x {own[0].config.members[0]} with and without FDL"))
    return axes


def _series(runs: Sequence[Run], output: str, data: str) -> np.ndarray:
    """[seeds, epochs]."""
    for run in runs:
        if data not in run.statistics[output]:
            raise DataError(f"{run.directory}: {data} of {output} was not recorded")
    return np.stack([run.statistics[output][data].to_numpy() for run in runs])


def drawings(runs: Sequence[Run]) -> Iterator[Drawing]:
    """All figures of runs of one data set in one setting; see the functions above."""
    end = drawing.ending(runs)
    draw = functools.partial(drawing.figure, lambda panels: accuracy_by_filters(runs, panels[0]), 1, (6.5, 4.9))
    yield Drawing(f"fdl_filters{end}", "Accuracy of one layer of M filters, in one network or in two.", draw)
    for network, own in by_network([run for run in runs if row_of(run.config) in _PAIRS]).items():
        draw = functools.partial(drawing.figure, functools.partial(curves, own), 3, (13, 4.6))
        caption = f"Two networks {network}: losses and differences over the epochs, with and without FDL."
        yield Drawing(f"fdl_curves_{network}{end}", caption, draw)
