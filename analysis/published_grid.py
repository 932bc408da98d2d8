"""The grids whose results are published: which runs they need, and how they are spoken of."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from analysis import frame, methods, provenance
from analysis.commands import grid_of
from analysis.methods import PublishedGrid
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError
from collab_ensembles.runs import naming
from collab_ensembles.settings.config import RunConfig

_MOST_NAMED = 3


def published() -> dict[str, PublishedGrid]:
    """The grids whose results are published, of all systems, by name."""
    return {grid.name: grid for analysis in methods.every() for grid in analysis.grids}


def finished_runs(log_dir: str, dataset: str, grid: PublishedGrid) -> list[Run]:
    """The runs of a grid, for each seed that occurs, in the order of its tables.

    Raises:
      DataError: there are none, or of several settings; some are missing or not finished; there are others of the
        system besides; or one does not say in what environment it was computed, as the author's files.
    """
    found, left_out = frame.read_all(log_dir, dataset)
    runs = [run for run in found if grid in methods.of(run.config).grids]
    unfinished = [run for run in left_out if grid in methods.of(run.config).grids]
    settings = sorted({run.setting for run in (*runs, *unfinished)})
    if not runs:
        raise DataError(f"{log_dir}: no finished {grid.kind} of {dataset} there; {_how_to_train(grid, dataset)}")
    if len(settings) > 1:
        raise DataError(
            f"{log_dir}: there are {grid.kind}s of {dataset} in {len(settings)} settings ({'; '.join(settings)}); keep "
            "each in its own log directory"
        )
    _check_whole(log_dir, runs, unfinished, grid)
    for run in runs:
        if not provenance.environments(run):
            raise DataError(
                f"{run.directory}: its environment was not recorded; publish only runs that this project has trained"
            )
    rows = methods.of(runs[0].config).rows_of(runs)
    return [run for row in rows.values() for run in row]


def _check_whole(log_dir: str, runs: Sequence[Run], unfinished: Sequence[Run], grid: PublishedGrid) -> None:
    finished = {run.config for run in runs}
    every = {*finished, *(run.config for run in unfinished)}
    seeds = sorted({config.seed for config in every})
    # Of runs that are in no such grid the first that is in one says which grid it is.
    planned = next(filter(None, (grid_of(grid.name, config, seeds) for config in sorted(every, key=_place))), set())
    if grid.noise_levels:
        levels = {config.label_noise for config in every}
        planned = {dataclasses.replace(config, label_noise=level) for config in planned for level in levels}
    beyond = every - planned
    if beyond:
        raise DataError(f"{log_dir}: {_named(beyond)}: no runs of {grid.title}; move them out of the log directory")
    lacking = planned - finished
    if lacking:
        raise DataError(
            f"{log_dir}: {len(lacking)} of the {len(planned)} runs of the grid are missing or not finished "
            f"({_named(lacking)}); {_how_to_train(grid, runs[0].config.dataset, min(lacking, key=_place).label_noise)}"
        )


def _named(configs: set[RunConfig]) -> str:
    names = [naming.describe(config) for config in sorted(configs, key=_place)]
    return "; ".join([*names[:_MOST_NAMED], *(["..."] if len(names) > _MOST_NAMED else [])])


def _place(config: RunConfig) -> tuple[Any, ...]:
    return config.seed, methods.of(config).place(config), config.description()


def _how_to_train(grid: PublishedGrid, dataset: str, label_noise: float = 0.0) -> str:
    noise = f" --label_noise={label_noise:g}" if label_noise else ""
    return f"experiments.sweep --grid={grid.name} --dataset={dataset}{noise} trains what is missing"
