"""Invented runs of the whole grid for the tests of figures, and what is read off a figure."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.methods.ensemble.noel_rows import setting_of
from analysis.recorded_run import Run
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig

WEIGHTS = (1.0, 0.1, 0.01, 0.0001)
GRID = [("plain", 1.0), *((method, weight) for method in ("CE", "L1", "L2") for weight in WEIGHTS)]
OUTPUT_NAMES = ("ST", "M", "Ens")


def _statistics(method: str, weight: float, seed: int, epochs: int, further: bool = True) -> dict[str, pd.DataFrame]:
    """Errors that fall from about 5 to about 0.5 %, a little different in every cell; costs a hundredth."""
    number = GRID.index((method, weight))
    result = {}
    for place, output in enumerate(OUTPUT_NAMES):
        random = np.random.default_rng((number, seed, place))
        data = {}
        for scale, name in ((1.0, "TestError"), (0.01, "TestCost"), (0.8, "TrainError"), (0.008, "TrainCost")):
            level = 0.5 + 0.02 * number + 4.5 * np.exp(-np.arange(epochs) / 3)
            data[name] = scale * (level + random.uniform(0, 0.03, epochs))
        if output == "Ens" and further:
            data["Disagreement"] = 2 + random.uniform(0, 1, epochs)
            data["LogitDistance"] = 20 + random.uniform(0, 5, epochs)
        result[output] = pd.DataFrame(data, index=pd.RangeIndex(1, epochs + 1, name="Epoch"))
    return result


def invented_runs(
    seeds: int = 1, grid: Sequence[tuple[str, float]] = GRID, further: bool = True, **settings: Any
) -> list[Run]:
    runs = []
    for seed in range(seeds):
        for method, weight in grid:
            config = RunConfig(**{"dataset": "mnist", "method": method, "weight": weight, "seed": seed, **settings})
            assert config.epochs is not None
            statistics = _statistics(method, weight, seed, config.epochs, further)
            runs.append(Run(f"runs/{method} {weight}", config, Status(state="done"), statistics))
    return runs


def make_panels(number: int) -> list[Axes]:
    figure = Figure(layout="constrained")
    return [figure.add_subplot(1, number, place + 1) for place in range(number)]


def values_of(runs: Sequence[Run], method: str, weight: float, output: str, data: str = "TestError") -> np.ndarray:
    """[seeds, epochs]."""
    chosen = [run for run in runs if setting_of(run.config) == (method, weight)]
    return np.array([run.statistics[output][data] for run in chosen])


def line_of(axes: Axes, label: str) -> Line2D:
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return line


def bands_of(axes: Axes) -> list[PolyCollection]:
    return [collection for collection in axes.collections if isinstance(collection, PolyCollection)]


def texts_of(axes: Axes) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in axes.texts)


def title_of(axes: Axes) -> str:
    return axes.figure.get_suptitle()  # type: ignore[union-attr]


def make_bad(runs: list[Run], method: str, weight: float, error: float) -> list[Run]:
    """The same runs, with one ensemble's errors raised to this."""
    result = []
    for run in runs:
        if setting_of(run.config) == (method, weight):
            statistics = {output: table.assign(TestError=error) for output, table in run.statistics.items()}
            run = dataclasses.replace(run, statistics=statistics)
        result.append(run)
    return result
