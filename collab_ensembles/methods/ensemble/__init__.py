"""Collaborative ensembles (Noel 2017)."""

from collab_ensembles.machine import JAX, TENSORFLOW
from collab_ensembles.methods.ensemble import grids, question_grids
from collab_ensembles.methods.ensemble.options import EnsembleConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "ensemble",
    "collaborative ensembles (Noel 2017)",
    EnsembleConfig,
    "collab_ensembles.methods.ensemble.training",
    {**grids.GRIDS, **question_grids.GRIDS},
    backends=(TENSORFLOW, JAX),
    inputs=("weight",),
)
