"""Figures of all methods and weights at once: final errors as the weight varies, and how differently members answer."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis import figure_style as style
from analysis.methods.ensemble import noel_looks as looks
from analysis.methods.ensemble.noel_rows import PLAIN, Setting, is_plain, panels_of, setting_of
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError


def alpha(runs: Sequence[Run], axes: Sequence[Axes]) -> Sequence[Axes]:
    """Final test error of every output as the weight varies; the plain ensemble as horizontal lines.

    Bars and bands are intervals over seeds. The points of one weight stand a little apart, so that
    their bars do not hide each other. A weight of 0 has no place on the logarithmic axis.

    Args:
      runs: of one data set in one setting.
      axes: a panel for each of `panels_of`.

    Returns:
      The axes.

    Raises:
      DataError: no run collaborates.
    """
    check_collaborating(runs)
    panels: dict[Axes, dict[str, float]] = {panel: {} for panel in axes}
    outputs = list(runs[0].statistics)
    finals = {output: _finals(runs, output) for output in outputs}
    for panel, method in zip(axes, panels_of(runs), strict=True):
        for index, output in enumerate(outputs):
            points = {weight: row for (name, weight), row in finals[output].items() if name == method and weight > 0}
            look = looks.output_look(method, outputs, output) | {"marker": style.MARKERS[index % len(style.MARKERS)]}
            style.draw_bars(panel, points, shift=1.1 ** (index - (len(outputs) - 1) / 2), label=output, **look)
            panels[panel] |= {
                f"{looks.ALPHA} = {weight:g} {output}": float(row.mean()) for weight, row in points.items()
            }
        for output in outputs:
            for row in (row for (name, _), row in finals[output].items() if name == PLAIN):
                style.draw_level(panel, row, label=f"plain {output}", **looks.output_look(PLAIN, outputs, output))
                panels[panel][f"plain {output}"] = float(row.mean())
        panel.set(title=method, ylabel="final test error in %")
        looks.weight_axis(panel, [setting_of(run.config)[1] for run in runs if not is_plain(run)])
        style.legend_below(panel)
    style.set_limits(panels, style.robust_limits(style.drawn(axes)))
    axes[0].figure.suptitle(style.title(runs, f"final test error after {runs[0].config.epochs} epochs"))
    return axes


def _finals(runs: Sequence[Run], output: str) -> dict[Setting, np.ndarray]:
    return {key: rows[:, -1] for key, rows in looks.series(runs, output, "TestError").items()}


def disagreement(runs: Sequence[Run], axes: Sequence[Axes]) -> Sequence[Axes]:
    """How differently the members answer, over the epochs: a line for each method and weight.

    Args:
      runs: of one data set in one setting, of ensembles of two members or more.
      axes: two panels: the share of test images on which two members answer differently, in percent,
        and the Euclidean distance of their logits; means over all pairs of members.

    Returns:
      The axes.

    Raises:
      DataError: the runs did not record it, as older ones and the author's did not.
    """
    left, right = axes
    quantities = (("Disagreement", "different answers in % of test images"), ("LogitDistance", "distance of logits"))
    for panel, (data, label) in zip(axes, quantities, strict=True):
        values = looks.series(runs, "Ens", data)
        for (method, weight), rows in values.items():
            # Thirteen bands lie over each other.
            style.draw(panel, rows, opacity=0.05, label=name_of(method, weight), **looks.look(method, weight))
        style.epoch_axis(panel, label)
        finals = {name_of(*key): float(rows.mean(axis=0)[-1]) for key, rows in values.items()}
        style.set_limits({panel: finals}, style.robust_limits(style.drawn([panel])))
    left.set_title("answers")
    right.set_title("logits")
    left.figure.legend(handles=left.get_lines(), loc="outside right center", frameon=False, fontsize=9)
    left.figure.suptitle(style.title(runs, "disagreement of the members"))
    return axes


def check_collaborating(runs: Sequence[Run]) -> None:
    """Raises DataError if no run collaborates."""
    if all(map(is_plain, runs)):
        raise DataError("no run has a collaboration method; train some with experiments.sweep --grid=noel")


def name_of(method: str, weight: float) -> str:
    """An ensemble as legends have it."""
    return "plain" if method == PLAIN else f"{method}, {looks.ALPHA} = {weight:g}"
