"""Collaborative ensembles (Noel 2017)."""

from collab_ensembles.methods.ensemble.grids import GRIDS
from collab_ensembles.methods.ensemble.options import EnsembleConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "ensemble",
    "collaborative ensembles (Noel 2017)",
    EnsembleConfig,
    "collab_ensembles.methods.ensemble.training",
    GRIDS,
)
