"""Nodes that exchange outputs: the tables, figures and claims of Lacaille (2018), chapter 2."""

import dataclasses

from analysis import generic
from analysis.methods import PublishedGrid
from analysis.methods.nodes import claims, figures, outcomes, tables

ANALYSIS = dataclasses.replace(
    generic.ANALYSIS,
    text_tables=tables.text_tables,
    drawings=figures.drawings,
    place=outcomes.order,
    paper_row=outcomes.row_of,
    statistics=outcomes.STATISTICS,
    claim_set=claims.CLAIM_SET,
    grids=tuple(
        PublishedGrid(
            grid,
            "nodes run",
            "nodes that exchange outputs, of Lacaille (2018)",
            "test accuracy of the mean node and of all together; steps to a mark; queues; final and best test error, "
            "time and memory of training",
            tables.accuracy_table,
        )
        for grid in (
            *("lacaille-2.1", "lacaille-2.2", "lacaille-2.1-five"),
            # Runs of lacaille-2.3 learn in two ways: they have tables, but no common directory of results.
            *("lacaille-2.3-five-vae", "lacaille-2.3-five-bigan"),
        )
    ),
)
