"""Builds two agents that share a language, and chooses their optimizer and learning rate."""

import keras

from collab_ensembles.methods.language import agent
from collab_ensembles.methods.language.messages import Temperature
from collab_ensembles.methods.language.model import LanguageModel
from collab_ensembles.methods.language.options import LanguageConfig
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import KERAS_EPSILON, Adam
from collab_ensembles.models.schedules import Rate
from collab_ensembles.networks.sizes import MLPSize, parse_network
from collab_ensembles.settings.method import Shape
from collab_ensembles.streams import Stream, generator


def build(config: LanguageConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`. The masks depend on the seed alone, and are the same at all levels."""
    agents = {}
    for index, (name, member) in enumerate(zip(config.member_names(), config.members, strict=True)):
        size = parse_network(member)
        assert isinstance(size, MLPSize)
        initial = generator(config.seed, Stream.INITIALISATION, index)
        agents[name] = agent.build(
            size, config.inverted(index, image_shape), num_classes, config.message_length, initial, name
        )
    return LanguageModel(
        agents,
        config.level,
        weight=config.likelihood_weight,
        temperature=Temperature(config.temperature, config.annealing, config.lowest_temperature),
        batch_size=config.batch_size,
        num_classes=num_classes,
        seed=config.seed,
    )


def optimizer(config: LanguageConfig) -> keras.Optimizer:
    """Adam with Keras' constants."""
    return Adam(config.single_rate, epsilon=KERAS_EPSILON)


def learning_rates(config: LanguageConfig) -> dict[str, Rate]:
    """The rate does not change."""
    return {"optimizer": Rate(lambda epoch: config.single_rate)}
