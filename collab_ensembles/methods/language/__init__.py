"""Two agents with partial views that share a discrete language (Lacaille 2018, chapter 4)."""

from collab_ensembles.methods.language.grids import GRIDS
from collab_ensembles.methods.language.options import LanguageConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "language",
    "two agents with partial views that share a discrete language (Lacaille 2018, chapter 4)",
    LanguageConfig,
    "collab_ensembles.methods.language.training",
    GRIDS,
)
