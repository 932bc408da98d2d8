"""Multi-head networks: the tables, figures and claims of Song and Chai (2018)."""

import dataclasses
from collections.abc import Iterator, Sequence

from analysis import comparison, generic
from analysis.drawing import Drawing
from analysis.methods import PublishedGrid
from analysis.methods.multihead import claims, setting_curves, song_chai, song_chai_top5, song_chai_weights
from analysis.recorded_run import Run
from analysis.table_text import Table
from collab_ensembles.methods.multihead.options import GRAPHS, MultiheadConfig


def _place(config: MultiheadConfig) -> tuple[int, int, int]:
    """Before distilled networks, from the single network to the most heads."""
    return 0, GRAPHS.index(config.graph), config.heads


def _text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """The comparison of all arrangements, then the tables of the paper that the runs have something for."""
    of_paper = [table for module in (song_chai, song_chai_top5, setting_curves) for table in module.text_tables(runs)]
    return [*comparison.text_tables(runs, unfinished), *of_paper]


def _main_table(runs: Sequence[Run]) -> Table:
    """Errors against label noise, or, of runs at one level, those of all arrangements."""
    return [*setting_curves.text_tables(runs), *comparison.text_tables(runs)][0]


def _drawings(runs: Sequence[Run], paper_axes: bool = False, epoch_means: bool = False) -> Iterator[Drawing]:
    """Errors against settings, and the weights of each layer; the options change nothing."""
    yield from setting_curves.drawings(runs)
    yield from song_chai_weights.drawings(runs)


ANALYSIS = dataclasses.replace(
    generic.ANALYSIS,
    text_tables=_text_tables,
    drawings=_drawings,
    place=_place,
    paper_row=song_chai_top5.row_of,
    published_error=song_chai.published,
    report_parts=song_chai_weights.report_parts,
    claim_set=claims.CLAIM_SET,
    grids=(
        PublishedGrid(
            "song-chai-figure3",
            "multi-head network",
            "networks that learn together, as in figure 3 of Song and Chai (2018)",
            "final and best test error, time and memory of training; test error of head 1 against label noise",
            _main_table,
            noise_levels=True,
        ),
    ),
)
