"""Feature-difference ensembles (Das and Dutta Roy 2022)."""

from collab_ensembles.methods.fdl.grids import GRIDS
from collab_ensembles.methods.fdl.options import FeatureDifferenceConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "fdl",
    "feature-difference ensembles (Das and Dutta Roy 2022)",
    FeatureDifferenceConfig,
    "collab_ensembles.methods.fdl.training",
    GRIDS,
)
