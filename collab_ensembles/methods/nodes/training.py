"""Builds nodes, and chooses their optimizer and learning rate."""

import keras

from collab_ensembles.methods.assembly import build_member
from collab_ensembles.methods.nodes.model import NodesModel
from collab_ensembles.methods.nodes.options import NodesConfig
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import KERAS_EPSILON, Adam
from collab_ensembles.models.schedules import Rate
from collab_ensembles.settings.method import Shape


def build(config: NodesConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`."""
    members = {
        name: build_member(config, image_shape, num_classes, 0, name, draw=number)
        for number, name in enumerate(config.member_names())
    }
    return NodesModel(
        members,
        content=config.content,
        epoch_steps=config.steps // config.epochs,
        batch_size=config.batch_size,
        neighbours=config.neighbours,
        consume=config.consume,
        broadcast=config.broadcast,
        queue_capacity=config.queue_capacity,
        temperature=config.temperature,
        decision=config.decision,
        seed=config.seed,
    )


def optimizer(config: NodesConfig) -> keras.Optimizer:
    """Adam with Keras' constants."""
    return Adam(config.learning_rate, epsilon=KERAS_EPSILON)


def learning_rates(config: NodesConfig) -> dict[str, Rate]:
    """The rate does not change."""
    return {"optimizer": Rate(lambda epoch: config.learning_rate)}
