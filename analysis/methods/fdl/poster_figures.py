"""The figures of Das and Dutta Roy (2022): accuracy against filters, and losses over the epochs."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from analysis import drawing, intervals
from analysis import figure_style as style
from analysis.comparison import by_network
from analysis.drawing import Drawing
from analysis.methods.fdl.poster import accuracy, by_filters, filters_of, place, pretraining_epochs, row_name, row_of
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError

_LOOKS: Mapping[str, dict[str, Any]] = {
    "single": {"color": "black", "marker": "o", "linestyle": "--"},
    "RIE": {"color": "tab:blue", "marker": "s", "linestyle": "-"},
    "RIE, head": {"color": "tab:green", "marker": "^", "linestyle": "-"},
    "FDL": {"color": "tab:red", "marker": "D", "linestyle": "-"},
}
_PAIR = {"FDL": "with FDL", "RIE": "without FDL"}
# Narrow lines on wide ones: the two can coincide.
_WIDTHS = {"FDL": 3.0, "RIE": 1.4}
_FDL_LOSS: Mapping[str, Any] = {"color": "tab:purple", "linewidth": 1.4}
_DASHES = {2: "-", 3: "--", 4: ":"}
_APART = 1.015

Points = Mapping[str, Mapping[int, Sequence[Run]]]
Values = Mapping[str, Mapping[int, np.ndarray]]
"""By row and filters, [seeds] each."""


def line_name(row: str) -> str:
    """What a row is in the figure of accuracy against filters."""
    if row == "single":
        return "single network of M"
    count = place(row)[1]
    return f"{count} of M/{count}, {_method(row)}"


def accuracy_by_filters(runs: Sequence[Run], kind: str, axes: Axes, best_epoch: bool = False) -> Axes:
    """Accuracy of one-layer networks against the number of filters M, with one network or several with M in all.

    Bars are intervals over seeds.

    Args:
      runs: of one data set in one setting, with the grid fdl-mnist or part of it.
      kind: of network, such as `convnet`.
      axes: the panel.
      best_epoch: the highest accuracy of any epoch, as on the poster; otherwise that after the last one.

    Returns:
      The axes.

    Raises:
      DataError: no line has two points.
    """
    lines = _lines(runs, kind)
    values = {
        row: {filters: np.array([accuracy(run, best_epoch) for run in own]) for filters, own in line.items()}
        for row, line in lines.items()
    }
    when = "best epoch: highest of any, as on the poster" if best_epoch else "last epoch"
    _against_filters(axes, values, "test accuracy in %", when)
    # Outliers are told by their distance from the best: from 98 to 80 % is not far, from 2 to 20 % is.
    near, far = style.robust_limits([100 - heights for heights in style.drawn([axes])])
    _limit(axes, values, (100 - far, 100 - near))
    return axes


def gain_by_filters(runs: Sequence[Run], kind: str, axes: Axes) -> Axes:
    """By how much ensembles of M filters in all are better than one network of M, of the same seed, at the last epoch.

    Ensembles whose accuracy is far from the others' are outside, so that the other points can be told apart.

    Arguments, return value and errors are those of `accuracy_by_filters`; DataError also where nothing can be compared.
    """
    lines = dict(_lines(runs, kind))
    errors = {
        row: {filters: 100 - np.mean([accuracy(run) for run in own]) for filters, own in line.items()}
        for row, line in lines.items()
    }
    _, far = style.robust_limits([np.array(list(line.values())) for line in errors.values()])
    single = {
        filters: {run.config.seed: accuracy(run) for run in own} for filters, own in lines.pop("single", {}).items()
    }
    gains: dict[str, dict[int, np.ndarray]] = {}
    shown = [0.0]
    for row, line in lines.items():
        for filters, own in line.items():
            alone = single.get(filters, {})
            values = [accuracy(run) - alone[run.config.seed] for run in own if run.config.seed in alone]
            if values:
                gains.setdefault(row, {})[filters] = np.array(values)
                ends = intervals.interval(values) or values
                shown += [*ends] if errors[row][filters] <= far else []
    _against_filters(axes, gains, "gain over one network of M, in points", "last epoch, seed by seed")
    axes.axhline(0, color="black", linewidth=1, linestyle="--")
    margin = 0.05 * (max(shown) - min(shown)) or 1
    _limit(axes, gains, (min(shown) - margin, max(shown) + margin))
    return axes


def _lines(runs: Sequence[Run], kind: str) -> Points:
    lines = {row: line for row, line in by_filters(runs).get(kind, {}).items() if _method(row) in _LOOKS}
    if all(len(line) < 2 for line in lines.values()):
        raise DataError("no networks of one layer that differ in their filters; train some with --grid=fdl-mnist")
    return lines


def _against_filters(axes: Axes, lines: Values, quantity: str, title: str) -> None:
    """A line for each row."""
    if not lines:
        raise DataError("no network of M filters to compare ensembles with; train some with --grid=fdl-mnist")
    for number, (row, line) in enumerate(lines.items()):
        # A little apart, so that bars do not hide each other.
        points = {float(filters): values for filters, values in line.items()}
        look = _LOOKS[_method(row)] | ({"linestyle": _DASHES.get(place(row)[1], "-.")} if row != "single" else {})
        style.draw_bars(
            axes, points, shift=_APART ** (number - (len(lines) - 1) / 2), label=line_name(row), markersize=5, **look
        )
    places = sorted({filters for line in lines.values() for filters in line})
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="number of filters M in all", ylabel=quantity)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    style.legend_below(axes)


def _limit(axes: Axes, lines: Values, limits: tuple[float, float]) -> None:
    """Gives the panel its limits, and names the points outside."""
    means = {
        f"{row} M = {filters}": float(values.mean()) for row, line in lines.items() for filters, values in line.items()
    }
    style.set_limits({axes: means}, limits)


def _method(row: str) -> str:
    return row.replace(f" ({place(row)[1]}x)", "")


def curves(runs: Sequence[Run], axes: Sequence[Axes]) -> Sequence[Axes]:
    """The poster's plots (a) to (c): what happens over the epochs with and without FDL; means over seeds.

    Bands are intervals over seeds. A dotted line stands where the phases begin, after the pre-training.

    Args:
      runs: of several networks of one kind, as many in each, with FDL and independent, of one data set in one setting.
      axes: three panels: (a) cross-entropy of the networks on the training examples and of the ensemble on the test
        examples, and on an axis of its own the FDL loss, minus the mean squared difference of features; (b) similarity
        loss; (c) mean squared difference of features.

    Returns:
      The axes.

    Raises:
      DataError: one of the two is missing, or did not record its losses.
    """
    losses, similarity, difference = axes
    fdl_loss = losses.twinx()
    for method, name in _PAIR.items():
        own = [run for run in runs if _method(row_of(run.config) or "single") == method]
        if not own:
            raise DataError(f"no networks trained {name}; both kinds are needed, see --grid=fdl-mnist")
        look = {"color": _LOOKS[method]["color"], "linewidth": _WIDTHS[method]}
        members = np.mean([_series(own, member, "TrainCostMean") for member in own[0].config.member_names()], axis=0)
        style.draw(losses, members, label=f"{name}: networks, training", linestyle="--", **look)
        style.draw(losses, _series(own, "Ens", "TestCost"), label=f"{name}: ensemble, test", **look)
        style.draw(similarity, _series(own, "Ens", "SimilarityLoss"), label=name, **look)
        features = _series(own, "Ens", "FeatureDifference")
        style.draw(difference, features, label=name, **look)
        if method == "FDL":
            first = pretraining_epochs(own[0])
            style.draw(fdl_loss, -features, **_FDL_LOSS)
            losses.plot([], [], label="with FDL: FDL loss (right)", **_FDL_LOSS)
    fdl_loss.set_ylabel("FDL loss", color=_FDL_LOSS["color"])
    for panel in (similarity, difference):
        _logarithmic(panel)
    labels = ("cross-entropy", "similarity loss", "mean squared difference of features")
    for letter, panel, label in zip("abc", axes, labels, strict=True):
        style.epoch_axis(panel, label)
        if first:
            panel.axvline(first + 0.5, color="grey", linewidth=1, linestyle=":")
        panel.set_title(f"({letter})", fontsize=10)
        style.legend_below(panel)
    number, network = len(own[0].config.members), own[0].config.members[0]
    losses.figure.suptitle(style.title(runs, f"{number} x {network} with and without FDL"))
    return axes


def response(runs: Sequence[Run], axes: Sequence[Axes]) -> Sequence[Axes]:
    """How ensembles of two, three and more networks respond to FDL; means over seeds within their intervals.

    Args:
      runs: of ensembles of one network, with FDL and independent, in several numbers.
      axes: two panels: mean squared difference of features over the epochs, and the accuracy of the ensemble.

    Returns:
      The axes.

    Raises:
      DataError: fewer than two numbers of networks were trained both ways, or one did not record its losses.
    """
    rows: dict[str, list[Run]] = {}
    for run in runs:
        rows.setdefault(row_of(run.config) or "", []).append(run)
    counts = [count for count in _counts(runs) if all(row_name(method, count) in rows for method in _PAIR)]
    if len(counts) < 2:
        raise DataError("fewer than two numbers of networks with and without FDL")
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(counts)))
    for count, colour in zip(counts, colours, strict=True):
        for method, name in _PAIR.items():
            own = rows[row_name(method, count)]
            look = {"color": colour, "linestyle": "-" if method == "FDL" else "--", "label": f"{count}x {name}"}
            style.draw(axes[0], _series(own, "Ens", "FeatureDifference"), **look)
            style.draw(axes[1], 100 - _series(own, "Ens", "TestError"), **look)
    for panel, label in zip(axes, ("mean squared difference of features", "ensemble: test accuracy in %"), strict=True):
        style.epoch_axis(panel, label)
        style.legend_below(panel)
    _logarithmic(axes[0])
    chosen = [run for row in rows for run in rows[row] if row_of(run.config) and place(row)[1] in counts]
    axes[0].figure.suptitle(style.title(chosen, f"{runs[0].config.members[0]}, many networks"))
    return axes


def _counts(runs: Sequence[Run]) -> list[int]:
    return sorted({len(run.config.members) for run in runs})


def _logarithmic(panel: Axes) -> None:
    """Losses fall by orders of magnitude. An axis without anything above 0 cannot be logarithmic."""
    if max(heights.max() for heights in style.drawn([panel])) > 0:
        panel.set_yscale("log")


def _series(runs: Sequence[Run], output: str, data: str) -> np.ndarray:
    """[seeds, epochs]."""
    for run in runs:
        if data not in run.statistics[output]:
            raise DataError(f"{run.directory}: {data} of {output} was not recorded")
    return np.stack([run.statistics[output][data].to_numpy() for run in runs])


def drawings(runs: Sequence[Run], paper_axes: bool = False, epoch_means: bool = False) -> Iterator[Drawing]:
    """All figures of runs of one data set in one setting; see the functions above. The options change nothing."""
    end = drawing.ending(runs)
    for kind in by_filters(runs):
        draw = functools.partial(drawing.figure, functools.partial(_filter_panels, runs, kind), 3, (14, 4.9))
        yield Drawing(
            f"fdl_filters_{kind}{end}", "Accuracy of one layer of M filters, in one network or several.", draw
        )
    pairs = [run for run in runs if len(run.config.members) > 1 and _method(row_of(run.config) or "single") in _PAIR]
    for network, own in by_network(pairs).items():
        for count in _counts(own):
            of_count = [run for run in own if len(run.config.members) == count]
            draw = functools.partial(drawing.figure, functools.partial(curves, of_count), 3, (14, 4.9))
            caption = f"{count} networks {network}: losses and differences over the epochs, with and without FDL."
            number = "" if count == 2 else f"_{count}x"
            yield Drawing(f"fdl_curves_{network}{number}{end}", caption, draw)
        if len(_counts(own)) > 1:
            draw = functools.partial(drawing.figure, functools.partial(response, own), 2, (11, 4.9))
            caption = f"Ensembles of {network}: how they respond to FDL by their number of networks."
            yield Drawing(f"fdl_networks_{network}{end}", caption, draw)


def _filter_panels(runs: Sequence[Run], kind: str, axes: Sequence[Axes]) -> None:
    """The poster's figure has the best epoch; what it claims is judged by gains."""
    accuracy_by_filters(runs, kind, axes[0])
    accuracy_by_filters(runs, kind, axes[1], best_epoch=True)
    gain_by_filters(runs, kind, axes[2])
    own = [run for run in runs if filters_of(run.config.members[0]) and row_of(run.config)]
    axes[0].figure.suptitle(style.title(own, f"{kind}, one layer of M filters"))
