"""What one seed of a grid gave, as claims look at it."""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import uncertainty_table
from analysis.claim import NOISE
from analysis.methods.ensemble import author_curves, efficiency
from analysis.methods.ensemble.noel_rows import PLAIN, Setting, setting_of
from analysis.recorded_run import Run

PLAIN_SETTING = (PLAIN, 1.0)


@dataclasses.dataclass(frozen=True)
class Grid:
    """What one seed gave.

    Attributes:
      errors: final test errors in percent by method and weight, then by ST, M and Ens.
      curves: the statistics over the epochs likewise; empty where only final values are known.
      inference: parameters and seconds an image by model, where experiments.measure_inference has measured them.
      calibration: the expected calibration error of the ensemble in percent, where it was measured.
      choosing: what the seeds gave on which the best of several settings is chosen; empty: this one.
    """

    errors: Mapping[Setting, Mapping[str, float]]
    curves: Mapping[Setting, Mapping[str, pd.DataFrame]] = dataclasses.field(default_factory=dict)
    inference: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    calibration: Mapping[Setting, float] = dataclasses.field(default_factory=dict)
    choosing: tuple["Grid", ...] = ()

    def gain(self, setting: Setting, *models: str) -> float:
        """By how much collaboration lowers the error of a model, or the mean error of several."""
        return float(np.mean([self.errors[PLAIN_SETTING][model] - self.errors[setting][model] for model in models]))

    def path(self, setting: Setting, model: str) -> np.ndarray:
        """The test errors of a model after each epoch, in percent.

        Raises:
          KeyError: they are not known, or not of each epoch.
        """
        errors = self.curves[setting][model]["TestError"].to_numpy()
        if np.isnan(errors).any():
            raise KeyError("epochs without a test")
        return errors

    def best_gain(self, settings: Iterable[Setting], *groups: tuple[str, ...]) -> float:
        """The gain, on this seed, of that setting and group of models that gains most on the seeds for choosing.

        Of several that gain equally there, the mean.
        """

        def chosen_by(choice: tuple[Setting, tuple[str, ...]]) -> float:
            setting, models = choice
            return float(np.mean([grid.gain(setting, *models) for grid in self.choosing or (self,)]))

        scores = {choice: chosen_by(choice) for choice in itertools.product(settings, groups)}
        most = max(scores.values())
        best = [choice for choice, score in scores.items() if score > most - NOISE]
        return float(np.mean([self.gain(setting, *models) for setting, models in best]))


def grids_of(runs: Sequence[Run]) -> list[Grid]:
    """One grid a seed, from runs of one data set in one setting; none if their members are not ST and M."""
    runs = [run for run in runs if sorted(run.config.members) == ["M", "ST"]]
    if not runs:
        return []
    seeds = sorted({run.config.seed for run in runs})
    rows = [] if runs[0].origin else efficiency.measured(os.path.dirname(runs[0].directory))
    inference = {row["model"]: row for row in rows}
    grids = []
    for seed in seeds:
        of_seed = {setting_of(run.config): run for run in runs if run.config.seed == seed}
        chosen = {setting: run.statistics for setting, run in of_seed.items()}
        errors = {
            setting: {model: float(curve["TestError"].iloc[-1]) for model, curve in statistics.items()}
            for setting, statistics in chosen.items()
        }
        measures = {setting: uncertainty_table.of(run).outputs for setting, run in of_seed.items()}
        calibration = {
            setting: 100 * outputs["ensemble"]["ece_mass"]
            for setting, outputs in measures.items()
            if "ensemble" in outputs
        }
        grids.append(Grid(errors, chosen, inference, calibration))
    return grids


def published(label: str) -> Grid:
    """What the author's own training gave on a data set: MNIST, notMNIST or CIFAR10."""
    (grid,) = grids_of(author_curves.runs_of(label))
    return grid
