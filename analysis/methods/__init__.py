"""The analysis of each system: a folder here, an entry point of another package, or the generic one.

No code outside a system's folder names the system: it calls `of`.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd
from absl import logging

from analysis import table_notes
from analysis.claim import ClaimSet
from analysis.drawing import Drawing
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.errors import CollabError, ConfigError, DataError, one_line
from collab_ensembles.settings.config import RunConfig

ENTRY_POINTS = "collab_ensembles.analysis"
"""The group of entry points in which other packages name an `Analysis` for a system, under the system's name."""


Drawings = Callable[[Sequence[Run], bool, bool], Iterator[Drawing]]
"""The figures of runs of one data set in one setting.

Two options: to have the limits of a paper's figures, and to show means over each epoch of training in place of running
averages. They change nothing where there is no such thing.
"""

Published = Callable[[Any, str], tuple[float, float, float]]
"""What a paper has for an output of such a run: the test error in percent after the last epoch, its standard deviation,
and the error of the best epoch; NaN where it has none."""


class Foreign(Protocol):
    """Result files of other code that can be read as a run."""

    @property
    def dataset(self) -> str:
        """The name of the data set, as `--dataset` takes it."""

    def read(self) -> Run:
        """The run; DataError where a file is damaged."""


@dataclasses.dataclass(frozen=True)
class PublishedGrid:
    """A grid whose results are published.

    Attributes:
      name: of the grid.
      kind: the name of one of its runs.
      title: the name of all its runs together.
      tables: a description of tables.md.
      main: the table that README.md shows.
      noise_levels: whether the grid may be there at several levels of label noise, and `main` shows all of them.
    """

    name: str
    kind: str
    title: str
    tables: str
    main: Callable[[Sequence[Run]], Table]
    noise_levels: bool = False


@dataclasses.dataclass(frozen=True)
class Analysis:
    """What the analysis does for runs of one system; `analysis.generic.ANALYSIS` is the one to begin from.

    Runs are those of one data set in one setting. Of systems whose runs stand in the same tables, what is of a single
    run or configuration is asked of its own system, and what is of all runs of that of the first of them.

    Attributes:
      rows_of: the runs of each row of a table, by what names the row, in the order of tables.
      text_tables: the tables, given the runs and how many more of their setting are not finished.
      long_table: the same as one table with a row for each row and output.
      drawings: makes the figures.
      row_columns: the names of the columns that name a row.
      rows: the name of the rows.
      place: the position of a configuration among those of the same network.
      sources: directories of runs that a run learns from; rows name them only if they are equal otherwise.
      member: the output of one network that represents the group.
      whole: the output of all networks together; empty if there is no use for them together.
      ends_early: whether training may end before the last epoch; statistics then repeat those where it ended.
      cost_notes: notes under tables of training costs.
      best_notes: notes under tables of best epochs.
      statistics: columns of statistics.csv that only this system has, and the names of Data.
      paper_row: the row of its paper's tables that a configuration stands in, or would with another number of networks;
        None where there is none.
      published_error: the error of an output in a paper.
      claim_set: the claims of a paper, or none.
      grids: the grids whose results are published.
      report_parts: makes further parts of the report as HTML, after the figures, from the runs and the log directory.
      foreign: result files of other code below a directory, of one data set or of all.
    """

    rows_of: Callable[[Sequence[Run]], dict[tuple[Any, ...], list[Run]]]
    text_tables: Callable[[Sequence[Run], int], list[Table]]
    long_table: Callable[[Sequence[Run]], pd.DataFrame]
    drawings: Drawings
    row_columns: tuple[str, ...]
    rows: str
    place: Callable[[Any], tuple[Any, ...]]
    sources: Callable[[Any], tuple[str, ...]]
    member: Callable[[Any], str]
    whole: str
    paper_row: Callable[[Any], str | None]
    published_error: Published
    ends_early: bool = False
    cost_notes: tuple[str, ...] = ()
    best_notes: tuple[str, ...] = ()
    statistics: Mapping[str, str] = dataclasses.field(default_factory=dict)
    claim_set: ClaimSet | None = None
    grids: tuple[PublishedGrid, ...] = ()
    report_parts: Callable[[Sequence[Run], str], list[str]] | None = None
    foreign: Callable[[str, str | None], Iterator[Foreign]] | None = None


def of(config: RunConfig) -> Analysis:
    """The analysis of a run's system.

    Raises:
      ConfigError: an entry point for it cannot be loaded, or is no `Analysis`.
    """
    return _of_system(config.system)


def ends_early(config: RunConfig) -> bool:
    """Whether training may end before the last epoch, as its system or `--early_stopping` has it."""
    return of(config).ends_early or config.early_stopping is not None


def epochs(runs: Sequence[Run]) -> str:
    """How many epochs runs have, for people: `30`, or `at most 30 to 60`."""
    most = "at most " if any(ends_early(run.config) for run in runs) else ""
    return most + table_notes.span([run.config.epochs for run in runs])


def rows_by_name(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The rows of a table as `Analysis.rows_of`, by one text each: `L2 0.01`, or the name of an arrangement."""
    rows = of(runs[0].config).rows_of(runs)
    return {" ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in key): rows[key] for key in rows}


def every() -> list[Analysis]:
    """All that have a folder or an entry point; of the latter those that cannot be loaded are reported in a warning."""
    found = [_of_system(name) for name in _folders()]
    for name in sorted({point.name for point in _entry_points()} - {*_folders()}):
        try:
            found.append(_of_system(name))
        except ConfigError as error:
            logging.warning("%s", error)
    return found


@functools.cache
def _of_system(name: str) -> Analysis:
    if name in _folders():
        return _loaded(f"analysis.methods.{name}")
    points = [point for point in _entry_points() if point.name == name]
    if not points:
        return _loaded("analysis.generic")
    if len(points) > 1:
        raise ConfigError(
            f"{len(points)} packages have an analysis of {name} ({', '.join(point.value for point in points)}); "
            "remove all but one"
        )
    try:
        found = points[0].load()
    # The code of another package can raise any error, and can even try to end this process.
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"the analysis of {name}, {points[0].value}, cannot be loaded ({type(error).__name__}: {one_line(error)}); "
            "repair or remove the package"
        ) from error
    if not isinstance(found, Analysis):
        raise ConfigError(
            f"the analysis of {name}, {points[0].value}: needed: an analysis.methods.Analysis; received "
            f"{type(found).__name__}; repair or remove the package"
        )
    return _guarded(found, f"the analysis of {name}, {points[0].value}")


def _guarded(own: Analysis, whose: str) -> Analysis:
    """The analysis of another package; what fails in it is reported in a warning, and the generic one takes its place.

    So it takes no table and no page from other systems.
    """
    generic = _loaded("analysis.generic")

    def guard(name: str, instead: Callable[..., Any], finish: Callable[[Any], Any] = lambda made: made) -> Any:
        function = getattr(own, name)

        @functools.wraps(function)
        def guarded(*arguments: Any, **options: Any) -> Any:
            try:
                return finish(function(*arguments, **options))
            except CollabError:
                raise
            # The code of another package can raise any error.
            except Exception as error:
                logging.warning("%s: %s: %s: %s", whose, name, type(error).__name__, one_line(error))
                return instead(*arguments, **options)

        return guarded

    def drawn(draw: Callable[[], Any]) -> Any:
        try:
            return draw()
        except CollabError:
            raise
        except Exception as error:
            raise DataError(f"{whose}: drawings: {type(error).__name__}: {one_line(error)}") from error

    def reported(drawings: Iterator[Drawing]) -> list[Drawing]:
        return [each._replace(draw=functools.partial(drawn, each.draw)) for each in drawings]

    return dataclasses.replace(
        own,
        rows_of=guard("rows_of", generic.rows_of),
        text_tables=guard("text_tables", generic.text_tables, _checked_tables),
        long_table=guard("long_table", generic.long_table),
        drawings=guard("drawings", generic.drawings, reported),
        report_parts=own.report_parts and guard("report_parts", lambda *arguments: []),
    )


def _checked_tables(tables: Sequence[Table]) -> Sequence[Table]:
    for table in tables:
        for row in table.rows:
            if len(row) != len(table.header) or not all(isinstance(cell, Cell) for cell in row):
                given = ", ".join(f"{type(cell).__name__} {getattr(cell, 'text', cell)!r}" for cell in row)
                raise TypeError(f"received a row of {given}; needed: a Cell for each of {', '.join(table.header)}")
    return tables


def _loaded(module: str) -> Analysis:
    analysis: Analysis = importlib.import_module(module).ANALYSIS
    return analysis


@functools.cache
def _folders() -> tuple[str, ...]:
    return tuple(module.name for module in pkgutil.iter_modules(__path__))


def _entry_points() -> Sequence[importlib.metadata.EntryPoint]:
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINTS))
