"""Builds collaborative ensembles, and chooses their optimizer and learning rate."""

from collab_ensembles.methods.assembly import build_members
from collab_ensembles.methods.ensemble.options import EnsembleConfig
from collab_ensembles.models import collaboration
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import Adam
from collab_ensembles.models.schedules import Rate, halving
from collab_ensembles.models.single import SingleModel
from collab_ensembles.settings.method import Shape


def build(config: EnsembleConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`."""
    members = build_members(config, image_shape, num_classes)
    if len(members) == 1:
        return SingleModel(next(iter(members.values())))
    cost = collaboration.by_name(config.method, config.target_gradient)
    return EnsembleModel(members) if cost is None else EnsembleModel(members, cost, config.weight, config.pairing)


def optimizer(config: EnsembleConfig) -> Adam:
    """Adam, as in Noel (2017), section 5.2."""
    return Adam(config.learning_rate)


def learning_rates(config: EnsembleConfig) -> dict[str, Rate]:
    """The learning rate is halved three times."""
    return {"optimizer": Rate(lambda epoch: halving(config.learning_rate, epoch + 1, config.epochs))}
