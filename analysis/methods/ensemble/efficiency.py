"""What members cost in use: size and inference time against error.

`experiments.measure_inference` measures it.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import figure_style as style
from analysis.methods.ensemble import noel_looks as looks
from analysis.methods.ensemble.noel_rows import PLAIN
from collab_ensembles import files
from collab_ensembles.errors import DataError

EFFICIENCY_COLUMNS = ("model", "parameters", "seconds_per_image", "test_error")
CLAIMED_SHARES = {"parameters": 0.2, "seconds_per_image": 1 / 3}
"""What ST takes of M, as Noel (2017) has it."""


def measured(directory: str) -> list[dict[str, Any]]:
    """What experiments.measure_inference wrote into the directory of a data set: a dictionary a model; none if nothing.

    Raises:
      RunDirectoryError: the file is damaged.
      CollabError: it cannot be read.
    """
    path = os.path.join(directory, "inference.json")
    try:
        with files.reading(path, "experiments.measure_inference writes it again"):
            with open(path, encoding="utf-8") as file:
                models = json.load(file)["models"]
            return [{name: row[name] for name in EFFICIENCY_COLUMNS[:-1]} for row in models]
    except FileNotFoundError:
        return []


def efficiency(rows: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Test error against size and against inference time; the legends compare each model with M.

    Vertical lines show the claim of Noel (2017): ST has about 20 % of M's parameters and three times
    its speed.

    Args:
      rows: a point each, with the columns `model`, `parameters` (a number), `seconds_per_image` and
        `test_error` (in percent).
      axes: two panels, for parameters and time.

    Returns:
      The axes.

    Raises:
      DataError: there are no rows, or a column is missing.
    """
    missing = [name for name in EFFICIENCY_COLUMNS if name not in rows]
    if missing or rows.empty:
        lacking = f"no {' and no '.join(missing)}" if missing else "no rows"
        raise DataError(f"received {lacking}; needed: rows with {', '.join(EFFICIENCY_COLUMNS)}")
    means = rows.groupby("model", sort=False)[list(EFFICIENCY_COLUMNS[1:])].mean()
    models = [str(model) for model in means.index]
    other = "M" if "M" in models else str(means["parameters"].idxmax())
    shares = (means / means.loc[other]).to_dict()
    for panel, column, factor, label in (
        (axes[0], "parameters", 1e-3, "parameters in thousands"),
        (axes[1], "seconds_per_image", 1e3, "inference time in ms an image"),
    ):
        for index, model in enumerate(models):
            its = rows[rows["model"] == model]
            look = looks.output_look(PLAIN, models, model) | {
                "linestyle": "none",
                "marker": style.MARKERS[index % len(style.MARKERS)],
            }
            compared = _compared(column, float(shares[column][model]), other)
            name = model if model == other else f"{model}: {compared}"
            panel.plot(its[column] * factor, its["test_error"], label=name, markersize=9, **look)
        if other == "M":
            place = factor * float(means[column]["M"]) * CLAIMED_SHARES[column]
            panel.axvline(place, color="black", linestyle=":", linewidth=1, label="paper's claim for ST")
        panel.margins(y=0.15)
        panel.set(xlabel=label, ylabel="test error in %", xlim=(0, 1.1 * factor * rows[column].max()))
        panel.grid(alpha=0.3)
        style.legend_below(panel)
    return axes


def _compared(column: str, share: float, other: str) -> str:
    return f"{100 * share:.0f} % of {other}" if column == "parameters" else f"{1 / share:.2g} times as fast as {other}"


def efficiency_figure(rows: pd.DataFrame) -> Figure:
    """See `efficiency`."""
    figure = Figure(figsize=(9.5, 4.3), layout="constrained")
    efficiency(rows, [figure.add_subplot(1, 2, place) for place in (1, 2)])
    return figure
