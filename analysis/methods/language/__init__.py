"""Two agents and their language: the table, figures and claims of Lacaille (2018), chapter 4."""

import dataclasses

from analysis import comparison, generic
from analysis.methods import PublishedGrid
from analysis.methods.language import claims, figures, tables
from analysis.methods.language.outcomes import STATISTICS
from collab_ensembles.methods.language.options import LEVELS, LanguageConfig
from collab_ensembles.settings.config import RunConfig


def _place(config: LanguageConfig) -> tuple[int]:
    """In the thesis' order."""
    return (LEVELS.index(config.level),)


def _row(config: LanguageConfig) -> str | None:
    """Of the networks that the table here has; the thesis does not say which it had."""
    is_default = config.members == config.default("members")
    return config.level if is_default and comparison.has_settings(config, level=config.level) else None


def _student(config: RunConfig) -> str:
    return config.member_names()[1]


ANALYSIS = dataclasses.replace(
    generic.ANALYSIS,
    text_tables=tables.text_tables,
    long_table=tables.long_table,
    drawings=figures.drawings,
    place=_place,
    member=_student,
    paper_row=_row,
    statistics=STATISTICS,
    claim_set=claims.CLAIM_SET,
    grids=(
        PublishedGrid(
            "lacaille-4.1",
            "run of two agents",
            "two agents with a language of Lacaille (2018)",
            "test accuracy at the best validation epoch; measures of the languages; final and best test error, time "
            "and memory of training",
            tables.accuracy_table,
        ),
    ),
)
