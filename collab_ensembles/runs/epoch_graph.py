"""Draws the small graphs that are saved with each pickle."""

import io
from collections.abc import Mapping

import numpy as np

from collab_ensembles import canvas


def epoch_graph(title: str, quantity: str, curves: Mapping[str, np.ndarray]) -> bytes:
    """A PNG picture of curves over the epochs.

    Args:
      title: the title.
      quantity: the quantity of the curves; an `error` is drawn in percent.
      curves: by their name in the legend, one value for each epoch; NaN where there is none.
    """
    with canvas.default_style():
        # Imported late: this takes half a second, and no run needs it before the end of its first epoch.
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        percent = quantity == "error"
        figure = Figure(figsize=(6, 4))
        axes = figure.add_subplot()
        for name, values in curves.items():
            known = np.flatnonzero(~np.isnan(values))
            marker = "o" if len(known) == 1 else None
            axes.plot(known + 1, values[known] * (100 if percent else 1), label=name, marker=marker)
        axes.set(title=title, xlabel="epoch", ylabel=f"{quantity} in %" if percent else quantity)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()
