"""The grids whose results are published: which runs they need, and how they are spoken of."""

import dataclasses
from collections.abc import Callable, Sequence

from analysis import comparison, feature_difference, frame, provenance, recorded_run, tables
from analysis.commands import grid_of
from analysis.recorded_run import Run
from analysis.table_text import Table
from collab_ensembles.errors import DataError
from collab_ensembles.runs import naming
from collab_ensembles.settings.config import RunConfig

_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class PublishedGrid:
    """A grid whose results are published.

    Attributes:
      name: of the grid.
      system: of all its runs.
      kind: what one of its runs is called.
      title: what they are all together.
      counted: what differs between runs of a seed.
      tables: what tables.md has.
      main: the table that README.md shows.
      order: runs in the order of tables.
    """

    name: str
    system: str
    kind: str
    title: str
    counted: str
    tables: str
    main: Callable[[Sequence[Run]], Table]
    order: Callable[[Sequence[Run]], list[Run]]


PUBLISHED = {
    each.name: each
    for each in (
        PublishedGrid(
            "noel",
            "ensemble",
            "collaborative ensemble",
            "the 13 ensembles of Noel (2017)",
            "ensembles",
            "final and best test error, final test cost",
            lambda runs: tables.text_tables(runs)[0],
            lambda runs: [run for row in tables.rows_of(runs).values() for run in row],
        ),
        PublishedGrid(
            "fdl-mnist",
            "fdl",
            "feature-difference ensemble",
            "one-layer networks of Das and Dutta Roy (2022)",
            "arrangements",
            "final and best test error, time and memory of training; accuracy by the number of filters",
            lambda runs: feature_difference.text_tables(runs)[0],
            lambda runs: [run for row in comparison.rows_of(runs).values() for run in row],
        ),
    )
}


def finished_runs(log_dir: str, dataset: str, grid: PublishedGrid) -> list[Run]:
    """The runs of a grid, for each seed that occurs, in the order of its tables.

    Raises:
      DataError: there are none, or of several settings; some are missing or not finished; there are others of the
        system besides; or one does not say in what environment it was computed, as the author's files.
    """
    found, left_out = frame.read_all(log_dir, dataset)
    runs = [run for run in found if run.config.system == grid.system]
    unfinished = [config for config in left_out if config.system == grid.system]
    settings = sorted({recorded_run.setting(config) for config in (*(run.config for run in runs), *unfinished)})
    if not runs:
        raise DataError(f"{log_dir}: holds no finished {grid.kind} of {dataset}; {_how_to_train(grid, dataset)}")
    if len(settings) > 1:
        raise DataError(
            f"{log_dir}: holds {grid.kind}s of {dataset} in {len(settings)} settings ({'; '.join(settings)}); keep "
            "each in a log directory of its own"
        )
    _check_whole(log_dir, runs, unfinished, grid)
    for run in runs:
        if not provenance.environments(run):
            raise DataError(
                f"{run.directory}: does not say in what environment it was computed; publish what this project trained"
            )
    return grid.order(runs)


def _check_whole(log_dir: str, runs: Sequence[Run], unfinished: Sequence[RunConfig], grid: PublishedGrid) -> None:
    finished = {run.config for run in runs}
    every = {*finished, *unfinished}
    seeds = sorted({config.seed for config in every})
    # Of runs that are in no such grid the first that is in one says which grid it is.
    planned = next(filter(None, (grid_of(grid.name, config, seeds) for config in sorted(every, key=_place))), set())
    beyond = every - planned
    if beyond:
        raise DataError(f"{log_dir}: {_named(beyond)}: no runs of {grid.title}; move them out of the log directory")
    lacking = planned - finished
    if lacking:
        raise DataError(
            f"{log_dir}: {len(lacking)} of the {len(planned)} runs of the grid are missing or not finished "
            f"({_named(lacking)}); {_how_to_train(grid, runs[0].config.dataset)}"
        )


def _named(configs: set[RunConfig]) -> str:
    names = [naming.describe(config) for config in sorted(configs, key=_place)]
    return "; ".join([*names[:_MOST_NAMED], *(["..."] if len(names) > _MOST_NAMED else [])])


def _place(config: RunConfig) -> tuple[int, str, float, str]:
    return config.seed, config.method, -config.weight, naming.describe_ensemble(config)


def _how_to_train(grid: PublishedGrid, dataset: str) -> str:
    return f"experiments.sweep --grid={grid.name} --dataset={dataset} trains what is missing"
