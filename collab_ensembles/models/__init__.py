"""Groups of networks as Keras models with a training step of their own."""

from collab_ensembles.models.distillation import DistillationModel
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.fdl import FeatureDifferenceModel
from collab_ensembles.models.model import Model
from collab_ensembles.models.multihead import MultiheadModel
from collab_ensembles.models.single import SingleModel
from collab_ensembles.models.snapshot import SnapshotModel

__all__ = [
    "DistillationModel",
    "EnsembleModel",
    "FeatureDifferenceModel",
    "Model",
    "MultiheadModel",
    "SingleModel",
    "SnapshotModel",
]
