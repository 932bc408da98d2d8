"""Builds the model of a configuration, for every system."""

import keras

from collab_ensembles import environment
from collab_ensembles.errors import ConfigError
from collab_ensembles.models.model import Model
from collab_ensembles.networks.build import build_network
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.method import Shape
from collab_ensembles.settings.team import Team
from collab_ensembles.streams import Stream, generator


def build_model(config: RunConfig, image_shape: Shape, num_classes: int, team: Team | None = None) -> Model:
    """Builds the networks of a configuration as one model, initialised from its seed and not compiled.

    Args:
      config: of the run.
      image_shape: (height, width, channels).
      num_classes: the number of logits.
      team: the processes that are to train it; default: this one.

    Raises:
      ConfigError: files that the settings name do not fit the data, or the package of the system is broken.
    """
    environment.check_keras_lengths()
    if team is not None:
        return registry.spread(config).build(config, image_shape, num_classes, team)
    model = registry.training(config).build(config, image_shape, num_classes)
    if not isinstance(model, Model):
        raise ConfigError(
            f"--system={config.system}: build in {registry.method(config.system).training} gave a "
            f"{type(model).__name__}; needed: a collab_ensembles.models.model.Model"
        )
    return model


def compile_for_training(model: Model, config: RunConfig) -> None:
    """Compiles a model with the optimizers that runs train with."""
    model.compile(registry.training(config).optimizer(config), jit_compile=environment.jit_compile())


def build_member(
    config: RunConfig,
    image_shape: Shape,
    num_classes: int,
    index: int,
    name: str,
    *,
    decays: bool = True,
    dropout: float = 0.0,
    draw: int | None = None,
) -> keras.Model:
    """Builds the member with the given index, with its own initial values.

    Args:
      config: the configuration.
      image_shape: (height, width, channels).
      num_classes: the number of logits.
      index: among the members.
      name: the name of the network.
      decays: True if the network's losses include the weight decay of its kernels; False if the optimizer decays.
      dropout: see `build_network`.
      draw: the number of the initial values, where several networks are this member; default: the index.
    """
    return build_network(
        config.members[index],
        image_shape,
        num_classes,
        revision=config.resnet,
        regularization_rate=config.regularization_rate if decays else 0.0,
        decay_scope=config.decay_scope,
        precision=config.precision,
        dropout=dropout,
        pad=config.pad,
        random=generator(config.seed, Stream.INITIALISATION, config.initialised_as(index) if draw is None else draw),
        name=name,
    )


def build_members(
    config: RunConfig, image_shape: Shape, num_classes: int, *, decays: bool = True
) -> dict[str, keras.Model]:
    """All members by their names; see `build_member`."""
    return {
        name: build_member(config, image_shape, num_classes, index, name, decays=decays)
        for index, name in enumerate(config.member_names())
    }
