"""Draws the figure of README.md: how two networks collaborate, and what the weight of their collaboration changes.

Example:
  python -m analysis.documents.overview_figure
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.documents import committed, generated
from collab_ensembles import files
from experiments import command_line

_PATH = "docs/figures/overview.png"
_WEIGHTS = ("0.0001", "0.01", "0.1", "1")
_COSTS = {
    "CE": ("tab:blue", "CE, cross-entropy"),
    "L1": ("tab:green", "L1, absolute difference"),
    "L2": ("tab:purple", "L2, squared difference"),
}
_COLLABORATION = "weight \N{MULTIPLICATION SIGN}\ncollaboration cost"
_TEXT: dict[str, Any] = {"ha": "center", "va": "center"}
_ST, _M, _LABELS, _IMAGES = (0.34, 0.78), (0.34, 0.22), (0.84, 0.5), (0.05, 0.5)


def draw_idea(axes: Axes) -> None:
    """Two networks that learn from the labels and from each other."""
    axes.set_axis_off()
    axes.set(xlim=(-0.05, 1), ylim=(0, 1), title="Two networks learn from the labels and from each other")
    boxes = ((_IMAGES, "images", "0.93"), (_ST, "network ST", "#dce8f5"), (_M, "network M", "#dce8f5"))
    for place, text, colour in (*boxes, (_LABELS, "labels", "0.93")):
        axes.text(*place, text, fontsize=11, bbox={"boxstyle": "round,pad=0.5", "fc": colour, "ec": "0.4"}, **_TEXT)
    for network, bend in ((_ST, 0.09), (_M, -0.09)):
        arrow: dict[str, Any] = {"arrowstyle": "->", "color": "0.4", "shrinkA": 24, "shrinkB": 36}
        axes.annotate("", network, _IMAGES, arrowprops=arrow)
        axes.annotate("", network, _LABELS, arrowprops=arrow)
        middle = (network[0] + _LABELS[0]) / 2 + 0.09, (network[1] + _LABELS[1]) / 2 + bend
        axes.text(*middle, "cross-entropy", fontsize=9.5, color="0.3", **_TEXT)
    pull: dict[str, Any] = {"arrowstyle": "<->", "color": "tab:red", "linewidth": 2, "shrinkA": 16, "shrinkB": 16}
    axes.annotate("", _ST, _M, arrowprops=pull)
    axes.text(_ST[0] + 0.02, 0.5, _COLLABORATION, fontsize=9.5, color="tab:red", ha="left", va="center")


def draw_result(axes: Axes) -> None:
    """Error of the ensemble on digits against the weight of each collaboration cost."""
    for shift, (method, (colour, label)) in zip((0.9, 1, 1.11), _COSTS.items(), strict=True):
        errors = np.array([_error(method, weight) for weight in _WEIGHTS])
        places = [shift * float(weight) for weight in _WEIGHTS]
        axes.errorbar(places, errors[:, 0], yerr=errors[:, 1:].T, color=colour, marker="o", capsize=3, label=label)
    mean, below, above = _error("Single", "1")
    axes.axhline(mean, color="0.3", linestyle="--", label="no collaboration")
    axes.axhspan(mean - below, mean + above, color="0.3", alpha=0.12)
    axes.set(xscale="log", yscale="log", xlabel="weight of the collaboration cost", ylabel="test error in %")
    axes.set_title("What they gain or lose together (digits, 20 seeds)")
    axes.set_xticks([float(weight) for weight in _WEIGHTS], _WEIGHTS)
    axes.set_xticks([], minor=True)
    axes.set_yticks([1.5, 2, 3, 4, 6], ["1.5", "2", "3", "4", "6"])
    axes.set_yticks([], minor=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def _error(method: str, weight: str) -> tuple[float, float, float]:
    """The ensemble's mean error, and how far its interval reaches below and above."""
    row = committed.row("results/digits/tables.csv", method=method, weight=weight, model="Ens")
    mean, low, high = (float(row["test_error_percent" + end]) for end in ("", "_low", "_high"))
    return mean, mean - low, high - mean


def main(arguments: list[str]) -> None:
    """Draws the figure."""
    command_line.no_arguments(arguments)
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    idea, result = figure.subplots(1, 2)
    draw_idea(idea)
    draw_result(result)
    with files.atomic_write(str(generated.ROOT / _PATH)) as file:
        figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    print(f"{_PATH}: written")


if __name__ == "__main__":
    command_line.launch(main)
