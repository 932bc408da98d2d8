"""Named grids: what to train, as a list of configurations."""

import dataclasses
from collections.abc import Callable, Sequence

from collab_ensembles.config import RunConfig

Grid = Callable[[RunConfig], list[RunConfig]]

NOEL_WEIGHTS = (1.0, 0.1, 0.01, 0.0001)


def noel(base: RunConfig) -> list[RunConfig]:
    """The 13 ensembles of Noel (2017), section 5.2: plain, and each method with each weight."""
    collaborating = [
        dataclasses.replace(base, method=method, weight=weight)
        for method in ("CE", "L1", "L2")
        for weight in NOEL_WEIGHTS
    ]
    return [base, *collaborating]


GRIDS: dict[str, Grid] = {"noel": noel}


def with_seeds(grid: Grid, base: RunConfig, seeds: Sequence[int]) -> list[RunConfig]:
    """The grid once for each seed; all of it for the first seed comes first."""
    return [config for seed in seeds for config in grid(dataclasses.replace(base, seed=seed))]
