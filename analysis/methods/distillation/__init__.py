"""Distilled networks: compared with multi-head networks, in the tables, figures and claims of Song and Chai (2018)."""

import dataclasses

from analysis import comparison
from analysis.methods import multihead
from analysis.methods.multihead.song_chai_top5 import DISTILLED
from collab_ensembles.methods.distillation.options import DistillationConfig
from collab_ensembles.settings.config import RunConfig


def _place(config: RunConfig) -> tuple[int]:
    """Behind multi-head networks."""
    return (1,)


def _teachers(config: DistillationConfig) -> tuple[str, ...]:
    return config.teacher


def _row(config: DistillationConfig) -> str | None:
    is_plain = comparison.has_settings(config, teacher=config.teacher)
    return f"{DISTILLED}{len(config.teacher)}" if is_plain else None


ANALYSIS = dataclasses.replace(
    multihead.ANALYSIS,
    place=_place,
    sources=_teachers,
    paper_row=_row,
    # Statistics of student and teacher together, which nobody would use together.
    whole="",
    cost_notes=("The time of a distilled network is its own training's; that of its teachers comes on top.",),
    grids=(),
)
