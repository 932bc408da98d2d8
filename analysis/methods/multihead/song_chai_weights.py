"""Figure 4 of Song and Chai (2018): the weights of single, distilled and hierarchical networks beside each other."""

import contextlib
import functools
from collections.abc import Iterator, Sequence

from analysis import comparison, drawing, methods, table_text
from analysis import weight_distributions as weights
from analysis.drawing import Drawing
from analysis.methods.multihead.song_chai_top5 import DISTILLED
from analysis.recorded_run import Run
from analysis.table_text import Table
from analysis.weight_distributions import Kernels
from collab_ensembles.errors import DataError

_ROWS = ("single instance", "4 heads hierarchical", DISTILLED)
"""What the rows of table 4 begin with that figure 4 compares."""


def figure_4(runs: Sequence[Run]) -> dict[str, Run]:
    """Those runs that the paper's figure 4 compares: the single network, the distilled one, and hierarchical heads.

    They stand under the names of their rows, with their seeds.

    Args:
      runs: of one network on one data set in one setting; the lowest seed that each has without label noise is taken.

    Raises:
      DataError: there are not two of them.
    """
    chosen = {}
    for name, row in comparison.rows_of(runs).items():
        config = row[0].config
        if (methods.of(config).paper_row(config) or "").startswith(_ROWS):
            chosen[f"{name}, seed {config.seed}"] = row[0]
    if len(chosen) < 2:
        raise DataError("figure 4 compares single, distilled and hierarchical networks, and not two of them were run")
    return chosen


def _kernels_of(runs: Sequence[Run]) -> dict[str, Kernels]:
    return {name: weights.read_kernels(run.directory) for name, run in figure_4(runs).items()}


def text_tables(runs: Sequence[Run]) -> list[Table]:
    """Standard deviations and numbers of weights near zero for each network of which figure 4 can be drawn."""
    tables = []
    for network, own in comparison.by_network(runs).items():
        with contextlib.suppress(DataError):
            tables += weights.tables_of(_kernels_of(own), own[0].config.dataset, network)
    return tables


def drawings(runs: Sequence[Run]) -> Iterator[Drawing]:
    """Figure 4 for each network of runs of one data set in one setting."""
    for network, own in comparison.by_network(runs).items():
        caption = f"Weights of {network} by layer, as in figure 4 of Song and Chai (2018)."
        draw = functools.partial(_draw_chosen, own)
        yield Drawing(f"weights_{network}{drawing.ending(runs)}", caption, draw)


def _draw_chosen(runs: Sequence[Run]) -> drawing.Figure:
    return weights.figure(_kernels_of(runs))


def report_parts(runs: Sequence[Run], log_dir: str) -> list[str]:
    """The tables as HTML, where the runs have what the figure compares."""
    return [table_text.write(table, "html") for table in text_tables(runs)]
