"""Figures A.1 to A.6 and B.1 to B.3 of Noel (2017), and further ones.

Each method has a family of colours: CE blue, L2 purple, L1 green, the plain ensemble grey. With
several seeds lines are means, and bands and bars their intervals (`analysis.intervals`). Thin dashed lines are the
author's own curves, where the paper has the data set and the runs were trained as the published ones.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import drawing
from analysis import figure_style as style
from analysis.drawing import Drawing
from analysis.methods.ensemble import author_curves, noel_tables, weight_figures
from analysis.methods.ensemble import noel_looks as looks
from analysis.methods.ensemble.noel_rows import PANELS, Setting, is_as_published, is_plain, panels_of, setting_of
from analysis.methods.ensemble.weight_figures import name_of
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, DataError

LAST_EPOCHS = 10
PAPER_ERRORS = {"MNIST": (0.4, 1.0), "notMNIST": (1.5, 4.0), "CIFAR10": (20.0, 30.0)}
"""The y-limits of figures A.1 to A.6, in percent; in the order of the figures."""
PAPER_CURVES = {
    "MNIST": ((0.0, 2.0), (0.0, 0.15)),
    "notMNIST": ((1.1, 11.0), (0.05, 0.4)),
    "CIFAR10": ((0.0, 60.0), (0.0, 2.5)),
}
"""The y-limits of figures B.1 to B.3: of errors in percent, and of costs."""
COMPARED = ("L2", 0.01)
"""The ensemble that figures B.1 to B.3 set against the plain one."""
_RUNNING_AVERAGES = "running averages of training begin at 0 each epoch"
_AUTHOR: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (5, 2))}
"""How the author's test statistics look, ..."""
_AUTHOR_TRAINING: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (1, 1.5))}
"""... and his training statistics."""
_AUTHOR_CAPTION = " Thin dashed lines: the author's own curves."


def last_epochs(runs: Sequence[Run], model: str, axes: Sequence[Axes], paper_axes: bool = False) -> Sequence[Axes]:
    """Figures A.1 to A.6: test error of one member in the last 10 epochs, a line for each weight.

    Grey lines are all outputs of the plain ensemble. Thin dashed lines are the author's curves, and diamonds at the
    last epoch the paper's final values, where it has the data set and the runs were trained as there. Without
    `paper_axes` the limits are such that single bad lines do not flatten the others; a note names what ends outside.

    Args:
      runs: of one data set in one setting.
      model: the member, or `Ens`.
      axes: a panel for each of `panels_of`.
      paper_axes: use the paper's y-limits.

    Returns:
      The axes.

    Raises:
      ConfigError: the paper's limits for a data set that it does not have.
      DataError: the runs have no such member, or none of them collaborates.
    """
    limits = PAPER_ERRORS[in_paper(runs)] if paper_axes else None
    weight_figures.check_collaborating(runs)
    values = looks.series(runs, model, "TestError")
    published, theirs = published_errors(runs), author_curves.beside(runs)
    curves = looks.series(theirs, model, "TestError") if theirs and model in theirs[0].statistics else {}
    panels: dict[Axes, dict[str, float]] = {}
    for panel, method in zip(axes, panels_of(runs), strict=True):
        finals: dict[str, float] = {}
        for weight in (weight for name, weight in values if name == method):
            name, look = f"{looks.ALPHA} = {weight:g}", looks.look(method, weight)
            mark = published.get((method, weight, model))
            finals |= _ending(panel, values[method, weight], name, mark, look)
            _author_ending(panel, curves, (method, weight), name, look)
        panel.set_title(method if finals else f"{method} (no runs)")
        panels[panel] = finals | _plain_endings(panel, runs, published, theirs)
        style.epoch_axis(panel, "test error in %")
        # Room for whole diamonds.
        panel.margins(x=0.06)
        style.legend_below(panel, *_mark_handles(published), *_author_handles(theirs))
    style.set_limits(panels, limits or style.robust_limits(style.drawn(axes)), may_grow=limits is None)
    epochs = runs[0].config.epochs or 0
    axes[0].figure.suptitle(
        style.title(runs, f"test error of {model}, last {min(LAST_EPOCHS, epochs)} of {epochs} epochs")
    )
    return axes


def published_errors(runs: Sequence[Run]) -> dict[tuple[str, float, str], float]:
    """The paper's final test errors in percent, by method, weight and model.

    Empty where the paper does not have the data set, or the runs were trained otherwise.
    """
    if not is_as_published(runs[0].config):
        return {}
    results = noel_tables.paper_results()
    results = results[results["dataset"] == catalogue.label(runs[0].config.dataset)]
    keys = zip(results["method"], results["weight"], results["model"], strict=True)
    return dict(zip(keys, results["test_error_percent"].tolist(), strict=True))


def in_paper(runs: Sequence[Run]) -> str:
    """The label of the runs' data set, if the paper has figures of it.

    Raises:
      ConfigError: it has none.
    """
    label = catalogue.label(runs[0].config.dataset)
    if label not in PAPER_ERRORS:
        raise ConfigError(f"the paper has axes for {', '.join(PAPER_ERRORS)}, not for {label}; leave --paper_axes out")
    return label


def _plain_endings(
    panel: Axes, runs: Sequence[Run], published: Mapping[tuple[str, float, str], float], theirs: Sequence[Run]
) -> dict[str, float]:
    finals: dict[str, float] = {}
    plain = [run for run in runs if is_plain(run)]
    outputs = list(plain[0].statistics) if plain else []
    for output in outputs:
        for (method, weight), rows in looks.series(plain, output, "TestError").items():
            look = looks.look(method, weight) | looks.output_look(method, outputs, output)
            finals |= _ending(panel, rows, f"plain {output}", published.get((method, weight, output)), look)
            curves = looks.series(theirs, output, "TestError") if theirs and output in theirs[0].statistics else {}
            _author_ending(panel, curves, (method, weight), f"plain {output}", look)
    return finals


def _ending(panel: Axes, rows: np.ndarray, name: str, mark: float | None, look: dict[str, Any]) -> dict[str, float]:
    """Draws the last epochs and the paper's final value; returns what stands at the last epoch, by name."""
    last = rows[:, -LAST_EPOCHS:]
    style.draw(panel, last, first_epoch=rows.shape[1] - last.shape[1] + 1, label=name, **look)
    finals = {name: float(last.mean(axis=0)[-1])}
    if mark is not None:
        face = {"markerfacecolor": look["color"], "markeredgecolor": "black", "markersize": 6.5, "zorder": 4}
        panel.plot([rows.shape[1]], [mark], "D", label=f"_paper's {name}", **face)
        finals[f"paper's {name}"] = mark
    return finals


def _author_ending(
    panel: Axes, curves: Mapping[Setting, np.ndarray], setting: Setting, name: str, look: dict[str, Any]
) -> None:
    """Draws the last epochs of the author's curve, if there is one."""
    if setting in curves:
        (curve,) = curves[setting]
        epochs = np.arange(1, len(curve) + 1)[-LAST_EPOCHS:]
        thin = {"color": look["color"], "zorder": look["zorder"]} | _AUTHOR
        panel.plot(epochs, curve[-LAST_EPOCHS:], label=f"_author's {name}", **thin)


def _author_handles(theirs: Sequence[Run]) -> list[Line2D]:
    return [Line2D([], [], color="black", label="author's curves", **_AUTHOR)] if theirs else []


def _mark_handles(published: Mapping[tuple[str, float, str], float]) -> list[Line2D]:
    look: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": "black", "linestyle": "none"}
    return [Line2D([], [], marker="D", markersize=6.5, label="paper's final values", **look)] if published else []


def training(
    runs: Sequence[Run], axes: Sequence[Axes], paper_axes: bool = False, epoch_means: bool = False
) -> Sequence[Axes]:
    """Figures B.1 to B.3: the plain ensemble against that of L2 with weight 0.01, each member and `Ens`.

    Dashed lines are training statistics, solid ones test statistics. The former are running averages, as published,
    that begin at 0 each epoch: where an epoch has few batches they lie too low, by a third on digits. Thin
    lines are the author's, of training dotted and always running averages. The paper has the lines of all outputs in
    one pair of panels. Here each output has a pair, so that bands over seeds can be told apart; all panels of errors
    have the same limits, and all panels of costs.

    Args:
      runs: of one data set in one setting.
      axes: two panels for each output, for error and cost; outputs in the order of the runs, `Ens` last.
      paper_axes: use the paper's y-limits; otherwise limits that single bad epochs do not stretch.
      epoch_means: draw the means over each epoch in place of the running averages, where the runs have them: the
        author's files have not.

    Returns:
      The axes.

    Raises:
      ConfigError: the paper's limits for a data set that it does not have.
      DataError: one of the two ensembles is missing, or they have other outputs than the runs.
    """
    limits = PAPER_CURVES[in_paper(runs)] if paper_axes else (None, None)
    pair = _pair(runs)
    average = "Mean" if epoch_means and _has_means(pair) else ""
    for column, quantity, unit, limit in zip((0, 1), ("Error", "Cost"), (" in %", ""), limits, strict=True):
        panels: dict[Axes, dict[str, float]] = {}
        for panel, model in zip(axes[column::2], runs[0].statistics, strict=True):
            panels[panel] = _curves(panel, pair, model, quantity, average)
            _author_curves(panel, author_curves.beside(runs), model, quantity)
            panel.set_title(f"{model}, {quantity.lower()}")
            style.epoch_axis(panel, f"{quantity.lower()}{unit}")
        style.set_limits(panels, limit or style.robust_limits(style.drawn(panels)), may_grow=limit is None)
    figure = axes[0].figure
    # All panels have the same lines.
    figure.legend(handles=axes[0].get_lines(), loc="outside lower center", ncols=2, frameon=False, handlelength=2.8)
    figure.suptitle(style.title(pair, f"plain ensemble and {name_of(*COMPARED)}"))
    return axes


def _has_means(runs: Sequence[Run]) -> bool:
    return all("TrainErrorMean" in table for run in runs for table in run.statistics.values())


def _curves(panel: Axes, pair: Sequence[Run], model: str, quantity: str, average: str) -> dict[str, float]:
    """Draws one output of both ensembles over all epochs; returns what stands at the last epoch, by name."""
    finals = {}
    of_training = "training (mean of the epoch)" if average else "training (running average)"
    kinds = ((f"Test{quantity}", "test", "-"), (f"Train{quantity}{average}", of_training, "--"))
    for data, name, dash in kinds:
        for (method, weight), rows in looks.series(pair, model, data).items():
            label = f"{name_of(method, weight)}: {name}"
            look: dict[str, Any] = {"color": looks.colour(method, weight), "linestyle": dash, "linewidth": 1.8}
            style.draw(panel, rows, label=label, **look)
            finals[label] = float(rows.mean(axis=0)[-1])
    return finals


def _author_curves(panel: Axes, theirs: Sequence[Run], model: str, quantity: str) -> None:
    """Draws one output of the author's two ensembles."""
    pair = [run for run in theirs if is_plain(run) or setting_of(run.config) == COMPARED]
    for data, name, dash in ((f"Test{quantity}", "test", _AUTHOR), (f"Train{quantity}", "training", _AUTHOR_TRAINING)):
        known = pair if all(model in run.statistics for run in pair) else []
        for (method, weight), (curve,) in looks.series(known, model, data).items():
            label = f"author's {name_of(method, weight)}: {name}"
            panel.plot(np.arange(1, len(curve) + 1), curve, color=looks.colour(method, weight), label=label, **dash)


def _pair(runs: Sequence[Run]) -> list[Run]:
    plain = [run for run in runs if is_plain(run)]
    compared = [run for run in runs if setting_of(run.config) == COMPARED]
    for group, name in ((plain, "the plain ensemble"), (compared, name_of(*COMPARED))):
        if not group:
            raise DataError(f"no run of {name}; train it with experiments.sweep --grid=noel")
    return [*plain, *compared]


def drawings(runs: Sequence[Run], paper_axes: bool = False, epoch_means: bool = False) -> Iterator[Drawing]:
    """All figures of runs of one data set in one setting; see the functions above.

    Raises:
      ConfigError: `paper_axes`, and the paper does not have the data set.
    """
    if paper_axes:
        in_paper(runs)
    panels, theirs = len(panels_of(runs)), _AUTHOR_CAPTION if author_curves.beside(runs) else ""
    size = (11.5 * panels / len(PANELS), 4.9)
    label, members = catalogue.label(runs[0].config.dataset), runs[0].config.member_names()
    setting = drawing.ending(runs).removeprefix(f"_{label.lower()}")
    end = f"_{label.lower()}{{}}{setting}".format
    place = list(PAPER_ERRORS).index(label) if label in PAPER_ERRORS else None
    for index, model in enumerate(members):
        number = "" if place is None or members != ("ST", "M") else str(1 + 2 * place + index)
        draw = functools.partial(last_epochs, runs, model, paper_axes=paper_axes)
        caption = f"{_numbered('A', number)}Test error of {model} in the last {LAST_EPOCHS} epochs.{theirs}"
        yield Drawing(
            f"a{number}{end(f'_{model.lower()}')}", caption, functools.partial(drawing.figure, draw, panels, size)
        )
    number = "" if place is None else str(1 + place)
    caption = f"{_numbered('B', number)}The plain ensemble and {name_of(*COMPARED)} over all epochs"
    means = epoch_means and _has_means(runs)
    caption += f"; {'training: means over each epoch' if means else _RUNNING_AVERAGES}.{theirs}"
    yield Drawing(f"b{number}{end('')}", caption, functools.partial(_training_figure, runs, paper_axes, means))
    caption = "Final test error as the weight of the collaboration cost varies."
    weights = functools.partial(weight_figures.alpha, runs)
    yield Drawing(f"alpha{end('')}", caption, functools.partial(drawing.figure, weights, panels, size))
    answers = functools.partial(weight_figures.disagreement, runs)
    drawn = functools.partial(drawing.figure, answers, 2, (11.5, 4.6))
    yield Drawing(f"disagreement{end('')}", "How differently the members answer.", drawn)


def _numbered(letter: str, number: str) -> str:
    return f"Figure {letter}.{number}. " if number else ""


def _training_figure(runs: Sequence[Run], paper_axes: bool, epoch_means: bool) -> Figure:
    outputs = len(runs[0].statistics)
    figure = Figure(figsize=(9.5, 3.2 * outputs + 1), layout="constrained")
    panels = [figure.add_subplot(outputs, 2, place + 1) for place in range(2 * outputs)]
    training(runs, panels, paper_axes, epoch_means)
    return figure
