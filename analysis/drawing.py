"""Figures that can be drawn: their names, captions and panels."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import recorded_run
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue


class Drawing(NamedTuple):
    """A figure that can be drawn.

    Attributes:
      name: of its files, without ending.
      caption: a sentence.
      draw: draws it; raises DataError if the runs do not have the needed data.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]


def figure(draw: Callable[[Sequence[Axes]], object], panels: int, size: tuple[float, float]) -> Figure:
    """A figure of panels beside each other, drawn by a function that takes them; the size is in inches."""
    result = Figure(figsize=size, layout="constrained")
    draw([result.add_subplot(1, panels, place + 1) for place in range(panels)])
    return result


def ending(runs: Sequence[Run]) -> str:
    """The end of file names for runs of one data set in one setting: `_mnist`, `_mnist_epochs=3`."""
    label, setting = catalogue.label(runs[0].config.dataset), runs[0].setting
    # The name of the figure says which system it is of.
    parts = [
        part for part in setting.split(", ") if part != recorded_run.DEFAULT_SETTINGS and not part.startswith("system=")
    ]
    return "_".join(["", label.lower(), *(re.sub(r"[^\w.=-]+", "_", part) for part in parts)])
