"""Students whose minibatches a teacher chooses: the table, figures and claims of Lacaille (2018), chapter 3."""

import dataclasses

from analysis import generic
from analysis.methods import PublishedGrid
from analysis.methods.teaching import claims, figures, outcomes, tables

ANALYSIS = dataclasses.replace(
    generic.ANALYSIS,
    text_tables=tables.text_tables,
    drawings=figures.drawings,
    place=outcomes.place,
    sources=outcomes.sources,
    paper_row=outcomes.row_of,
    published_error=outcomes.published_error,
    whole="",
    ends_early=True,
    cost_notes=(
        "Training ends when validation says so; the error is that of the epoch with the lowest validation error.",
    ),
    statistics={
        "updates": "Updates",
        "forward_passes": "ForwardPasses",
        "validation_error_percent": "ValidationErrors",
        "best_epoch": "BestEpoch",
    },
    claim_set=claims.CLAIM_SET,
    grids=(
        PublishedGrid(
            "lacaille-3.1",
            "student or teacher",
            "students of Lacaille (2018), chapter 3",
            "accuracy, updates and passes; final and best test error, time and memory of training",
            tables.table,
        ),
    ),
)
