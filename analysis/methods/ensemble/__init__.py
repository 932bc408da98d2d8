"""Collaborative ensembles: the tables, figures and claims of Noel (2017), and the result files of the author's code."""

from typing import Any

from analysis import generic
from analysis.methods import Analysis, PublishedGrid
from analysis.methods.ensemble import author_files, noel_claims, noel_figures, noel_rows, noel_tables, report_parts
from collab_ensembles.settings.config import RunConfig


def _place(config: RunConfig) -> tuple[Any, ...]:
    method, weight = noel_rows.setting_of(config)
    return noel_rows.place(method), -weight


ANALYSIS = Analysis(
    rows_of=noel_rows.rows_of,
    text_tables=noel_tables.text_tables,
    long_table=noel_tables.long_table,
    drawings=noel_figures.drawings,
    row_columns=("method", "weight"),
    rows="ensembles",
    place=_place,
    sources=generic.ANALYSIS.sources,
    member=generic.ANALYSIS.member,
    whole=generic.ANALYSIS.whole,
    paper_row=generic.ANALYSIS.paper_row,
    published_error=generic.ANALYSIS.published_error,
    claim_set=noel_claims.CLAIM_SET,
    grids=(
        PublishedGrid(
            "noel",
            "collaborative ensemble",
            "the 13 ensembles of Noel (2017)",
            "final and best test error, final test cost",
            lambda runs: noel_tables.text_tables(runs)[0],
        ),
    ),
    report_parts=report_parts.cost_in_use,
    foreign=author_files.find,
)
