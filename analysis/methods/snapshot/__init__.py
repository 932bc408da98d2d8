"""Snapshots: compared with feature-difference ensembles, in the tables and claims of Das and Dutta Roy (2022)."""

import dataclasses

from analysis import comparison
from analysis.methods import fdl
from collab_ensembles.methods.snapshot.options import SnapshotConfig
from collab_ensembles.settings.config import RunConfig


def _place(config: SnapshotConfig) -> tuple[int, int]:
    """Behind feature-difference ensembles."""
    return 1, config.snapshots


def _last(config: RunConfig) -> str:
    """The network as the whole training leaves it."""
    return config.member_names()[-1]


def _row(config: RunConfig) -> str | None:
    if comparison.has_settings(config):
        return "SSE"
    return "FGE" if comparison.has_settings(config, cycle="triangular") else None


ANALYSIS = dataclasses.replace(
    fdl.ANALYSIS, place=_place, member=_last, paper_row=_row, best_notes=(), statistics={}, grids=(fdl.TABLE,)
)
