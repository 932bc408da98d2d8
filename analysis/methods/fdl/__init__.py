"""Feature-difference ensembles: the tables, figures and claims of Das and Dutta Roy (2022)."""

import dataclasses

from analysis import comparison, generic
from analysis.methods import PublishedGrid
from analysis.methods.fdl import poster, poster_claims, poster_figures
from collab_ensembles.methods.fdl.options import PHASES, FeatureDifferenceConfig
from collab_ensembles.settings.config import RunConfig


def _row(config: RunConfig) -> str | None:
    rows = (name for name, own in poster.OF_MEMBERS.items() if comparison.has_settings(config, **own))
    name, count = next(rows, None), len(config.members)
    if count == 1:
        return "single" if name == "RIE" else None
    return poster.row_name(name, count) if name else None


def _place(config: FeatureDifferenceConfig) -> tuple[int, int, bool, int]:
    """Before snapshots, from a single network to the most of them, all phases last."""
    return 0, len(config.members), config.phases == PHASES, len(config.phases)


TABLE = PublishedGrid(
    "das-table",
    "feature-difference or snapshot ensemble",
    "the table of Das and Dutta Roy (2022)",
    "final and best test error, time and memory of training; accuracy as in the poster's table",
    lambda runs: poster.poster_tables(runs)[0],
)
"""The grid of two systems: snapshots are in it too."""

ANALYSIS = dataclasses.replace(
    generic.ANALYSIS,
    text_tables=poster.text_tables,
    drawings=poster_figures.drawings,
    place=_place,
    paper_row=_row,
    published_error=poster.published_error,
    best_notes=("The published accuracies of feature-difference ensembles are of this kind.",),
    statistics={"similarity_loss": "SimilarityLoss", "feature_difference": "FeatureDifference"},
    claim_set=poster_claims.CLAIM_SET,
    grids=(
        PublishedGrid(
            "fdl-mnist",
            "feature-difference ensemble",
            "one-layer networks of Das and Dutta Roy (2022)",
            "final and best test error, time and memory of training; accuracy by the number of filters",
            lambda runs: poster.poster_tables(runs)[0],
        ),
        TABLE,
    ),
)
