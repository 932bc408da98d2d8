"""Multi-head collaborative learning (Song and Chai 2018)."""

from collab_ensembles.machine import JAX, TENSORFLOW
from collab_ensembles.methods.multihead.grids import GRIDS
from collab_ensembles.methods.multihead.options import MultiheadConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "multihead",
    "multi-head collaborative learning (Song and Chai 2018)",
    MultiheadConfig,
    "collab_ensembles.methods.multihead.training",
    GRIDS,
    backends=(TENSORFLOW, JAX),
)
