"""A network that learns from finished teachers (Song and Chai 2018, table 4)."""

from collab_ensembles.machine import JAX, TENSORFLOW
from collab_ensembles.methods.distillation.options import DistillationConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "distillation",
    "a network that learns from finished teachers (Song and Chai 2018, table 4)",
    DistillationConfig,
    "collab_ensembles.methods.distillation.training",
    backends=(TENSORFLOW, JAX),
)
