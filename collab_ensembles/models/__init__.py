"""Groups of networks as Keras models with a training step of their own."""

from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.model import Model
from collab_ensembles.models.single import SingleModel

__all__ = ["EnsembleModel", "Model", "SingleModel"]
