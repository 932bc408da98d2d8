"""Students whose minibatches a teacher chooses: the table, figures and claims of Lacaille (2018), chapter 3."""

import dataclasses

from analysis import generic
from analysis.methods import PublishedGrid
from analysis.methods.teaching import thesis, thesis_claims, thesis_figures

ANALYSIS = dataclasses.replace(
    generic.ANALYSIS,
    text_tables=thesis.text_tables,
    drawings=thesis_figures.drawings,
    place=thesis.place,
    sources=thesis.sources,
    paper_row=thesis.row_of,
    published_error=thesis.published_error,
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
    claim_set=thesis_claims.CLAIM_SET,
    grids=(
        PublishedGrid(
            "lacaille-3.1",
            "student or teacher",
            "students of Lacaille (2018), chapter 3",
            "accuracy, updates and passes; final and best test error, time and memory of training",
            thesis.table,
        ),
    ),
)
