"""Builds nodes, and chooses their optimizer and learning rate."""

import functools
from typing import Any

from collab_ensembles.methods.assembly import build_member
from collab_ensembles.methods.nodes import coders
from collab_ensembles.methods.nodes.learners import Classifier, Learner
from collab_ensembles.methods.nodes.model import NodesModel
from collab_ensembles.methods.nodes.options import NodesConfig
from collab_ensembles.methods.nodes.schedule import Schedule
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import KERAS_EPSILON, Adam
from collab_ensembles.models.schedules import Rate
from collab_ensembles.networks.sizes import StridedSize, parse_network
from collab_ensembles.settings.method import Shape
from collab_ensembles.streams import Stream, generator

_ADVERSARIAL_MEMORY = 0.5


def build(config: NodesConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`."""
    return NodesModel(learners(config, image_shape, num_classes), **model_settings(config))


def learners(config: NodesConfig, image_shape: Shape, num_classes: int) -> dict[str, Learner]:
    """What each node trains, by its name."""
    names = enumerate(config.member_names())
    return {name: learner(config, image_shape, num_classes, number, name) for number, name in names}


def model_settings(config: NodesConfig) -> dict[str, Any]:
    """The further arguments of `NodesModel`."""
    return {
        "content": config.content,
        "epoch_steps": config.steps // config.epochs,
        "batch_size": config.batch_size,
        "queue_capacity": config.queue_capacity,
        "schedule": functools.partial(schedule, config),
        "decision": config.decision,
        "probes": not config.supervised,
        "seed": config.seed,
    }


def learner(config: NodesConfig, image_shape: Shape, num_classes: int, number: int, name: str) -> Learner:
    """What the node of a number, from 0, trains."""
    if config.supervised:
        member = build_member(config, image_shape, num_classes, 0, name, draw=number)
        return Classifier(member, config.content, config.temperature)
    size = parse_network(config.members[0])
    assert isinstance(size, StridedSize)
    initial = generator(config.seed, Stream.INITIALISATION, number)
    networks = coders.build(size, image_shape, num_classes, config.learning, initial, name)
    kind = coders.VAE if config.learning == "vae" else coders.BiGAN
    return kind(networks, config.communicates)


def schedule(config: NodesConfig, examples: int) -> Schedule:
    """Who learns from which of the examples when."""
    return Schedule(
        examples,
        nodes=config.nodes,
        neighbours=config.neighbours,
        consume=config.consume,
        broadcast=config.broadcast,
        capacity=config.queue_capacity,
        batch_size=config.batch_size,
        seed=config.seed,
    )


def optimizer(config: NodesConfig) -> Adam:
    """Adam with Keras' constants; for the BiGAN with the momentum that DCGAN recommends."""
    memory = _ADVERSARIAL_MEMORY if config.learning == "bigan" else 0.9
    return Adam(config.single_rate, beta_1=memory, epsilon=KERAS_EPSILON)


def learning_rates(config: NodesConfig) -> dict[str, Rate]:
    """The rate does not change."""
    return {"optimizer": Rate(lambda epoch: config.single_rate)}
