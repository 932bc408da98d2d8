"""A teacher that chooses the minibatches of a student (Lacaille 2018, chapter 3)."""

from collab_ensembles.methods.teaching.grids import GRIDS
from collab_ensembles.methods.teaching.options import TeachingConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "teaching",
    "a teacher that chooses the minibatches of a student (Lacaille 2018, chapter 3)",
    TeachingConfig,
    "collab_ensembles.methods.teaching.training",
    GRIDS,
)
