"""Figure 2.1 of Lacaille (2018), and learning curves of nodes."""

import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis import drawing, generic
from analysis import figure_style as style
from analysis.drawing import Drawing
from analysis.methods.nodes.outcomes import AVERAGE, COLLECTIVE, accuracy, by_row, name, settings
from analysis.recorded_run import Run

_COLOURS: Mapping[str, str] = {
    "none": "tab:blue",
    "logits": "tab:orange",
    "labels": "tab:green",
    "features": "tab:red",
}
_LINES = ("-", ":", "-.")
"""By the number of nodes."""
_LOGITS = (1.0, 2.0, 4.0, 8.0)
"""Of figure 2.1."""
_TEMPERATURES = (0.5, 1.0, 4.0, 16.0)
"""The thesis' are not in its text."""


def curves(runs: Sequence[Run], axes: Sequence[Axes]) -> None:
    """Test accuracies over the steps of each node: of the mean node, and of all together; means over seeds.

    Bands are intervals over seeds. A single node stands in both panels.

    Args:
      runs: of one data set in one setting.
      axes: two panels.
    """
    rows = by_row(runs)
    numbers = sorted({nodes for nodes, _ in rows if nodes > 1})
    for panel, kind in zip(axes, (AVERAGE, COLLECTIVE), strict=True):
        for of, row in rows.items():
            alone = of[0] == 1
            values = np.stack([accuracy(run, AVERAGE if alone else kind) for run in row])
            colour = "black" if alone else _COLOURS[of[1]]
            line = "--" if alone else _LINES[numbers.index(of[0]) % len(_LINES)]
            style.draw(panel, values, label=name(of), linewidth=1.8, color=colour, linestyle=line)
        length = settings(runs[0]).steps // runs[0].config.epochs
        style.epoch_axis(panel, f"{kind}: test accuracy in %")
        panel.set_xlabel(f"epoch of {length} steps of each node")
    style.legend_below(axes[0])
    axes[0].figure.suptitle(style.title(runs, "nodes that exchange outputs"))


def soft_labels(axes: Sequence[Axes]) -> None:
    """Figure 2.1: the soft labels of four logits at several temperatures, equation 2.2.1; a panel for each."""
    for panel, temperature in zip(axes, _TEMPERATURES, strict=True):
        scores = np.exp(np.array(_LOGITS) / temperature)
        panel.bar(range(1, 1 + len(_LOGITS)), scores / scores.sum())
        panel.set(ylim=(0, 1), xlabel="class", ylabel="probability", title=f"temperature {temperature:g}")


def drawings(runs: Sequence[Run], paper_axes: bool = False, epoch_means: bool = False) -> Iterator[Drawing]:
    """All figures of runs of one data set in one setting; see the functions above. The options change nothing."""
    caption = "Figure 2.1: soft labels of the logits 1, 2, 4 and 8 at several temperatures."
    draw = functools.partial(drawing.figure, soft_labels, len(_TEMPERATURES), (12, 3.2))
    yield Drawing("nodes_soft_labels", caption, draw)
    caption = "Test accuracy of the mean node and of the collective decision over the steps."
    draw = functools.partial(drawing.figure, functools.partial(curves, runs), 2, (12, 5.4))
    yield Drawing(f"nodes_accuracy{drawing.ending(runs)}", caption, draw)
    yield from generic.drawings(runs)
