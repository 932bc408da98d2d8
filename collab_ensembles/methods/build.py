"""From a configuration to a model, its optimizers and their learning rates: the one place that knows every system."""

import math
from collections.abc import Callable
from typing import Any

import keras

from collab_ensembles import environment
from collab_ensembles.methods.distillation.model import DistillationModel
from collab_ensembles.methods.fdl.model import FeatureDifferenceModel
from collab_ensembles.methods.fdl.options import JOINT
from collab_ensembles.methods.fdl.recipes import ADADELTA_FACTOR, ADADELTA_RATE, FIRST, RECIPES
from collab_ensembles.methods.multihead.head_graph import build_head_graph, head_groups
from collab_ensembles.methods.multihead.model import MultiheadModel
from collab_ensembles.methods.snapshot.model import SnapshotModel
from collab_ensembles.models import collaboration, schedules
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import SGD, Adam
from collab_ensembles.models.single import SingleModel
from collab_ensembles.networks.build import build_network, network_segments
from collab_ensembles.networks.joined import joined
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.sizes import parse_network
from collab_ensembles.networks.teacher import load_teacher
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.streams import Stream, generator

Shape = tuple[int, int, int]
Rate = Callable[[int], float]
"""A learning rate by the epoch, counted from 0."""


def build_model(config: RunConfig, image_shape: Shape, num_classes: int) -> Model:
    """The networks of a configuration, initialised from its seed, as one model, not compiled."""
    environment.check_keras_lengths()
    return _BUILDERS[config.system](config, image_shape, num_classes)


def compile_for_training(model: Model, config: RunConfig) -> None:
    """Gives a model the optimizers that runs train with."""
    optimizer: keras.Optimizer | dict[str, keras.Optimizer]
    if config.system == "ensemble":
        optimizer = Adam(config.learning_rate)
    elif config.system == "fdl":
        optimizer = feature_difference_optimizers(config)
    else:
        optimizer = _sgd(config)
    model.compile(optimizer, jit_compile=environment.jit_compile())


def feature_difference_optimizers(config: RunConfig) -> dict[str, keras.Optimizer]:
    """The optimizer of each phase of a run, and of pre-training if it has its own, with the rate it begins with."""
    recipe, rates = RECIPES[str(config.recipe)], learning_rates(config)

    def sgd(phase: str, rule: str) -> SGD:
        momentum = recipe.momenta[rule]
        return SGD(
            rates[phase](0),
            momentum=momentum.momentum,
            nesterov=momentum.nesterov,
            decay=config.regularization_rate if momentum.decays else 0.0,
            name=phase,
        )

    optimizers: dict[str, keras.Optimizer] = {}
    if config.pretraining_epochs and recipe.pretraining == "adadelta":
        # Torch's constants.
        optimizers["pretraining"] = keras.optimizers.Adadelta(ADADELTA_RATE, rho=0.9, epsilon=1e-6, name="pretraining")
    elif config.pretraining_epochs and recipe.pretraining == "sgd":
        optimizers["pretraining"] = sgd("pretraining", "cross_entropy")
    return optimizers | {phase: sgd(phase, "cross_entropy" if phase == JOINT else phase) for phase in config.phases}


def _sgd(config: RunConfig) -> SGD:
    decay = config.regularization_rate if _decays_in_optimizer(config) else 0.0
    # The authors of fast geometric ensembles take the other momentum.
    nesterov = config.system != "snapshot" or config.cycle == "cosine"
    return SGD(config.learning_rate, momentum=0.9, nesterov=nesterov, decay=decay)


def learning_rates(config: RunConfig) -> dict[str, Rate]:
    """The learning rate of each of the model's `optimizers()`."""
    initial, epochs = config.learning_rate, config.epochs
    if config.system == "ensemble":
        return {"optimizer": lambda epoch: schedules.learning_rate(initial, epoch + 1, epochs)}
    if config.system == "multihead":
        return {"optimizer": lambda epoch: schedules.step(initial, epoch, epochs)}
    if config.system == "snapshot":
        cosine = {"optimizer": lambda epoch: schedules.cosine_cycles(initial, epoch, epochs, config.snapshots)}
        return {**cosine, **rates_within_epochs(config)}
    return _feature_difference_rates(config)


def _feature_difference_rates(config: RunConfig) -> dict[str, Rate]:
    initial, recipe = config.learning_rate, RECIPES[str(config.recipe)]
    # In the first release the epochs of pre-training were the first ones of the schedule.
    before = 0 if recipe.pretraining == "first_phase" else config.pretraining_epochs

    def rate(epoch: int) -> float:
        joint_epoch = max(epoch - before, 0)
        return schedules.exponential(initial, joint_epoch, recipe.last_rate_from) if recipe.falls else initial

    def pretraining(epoch: int) -> float:
        if recipe.pretraining == "adadelta":
            return ADADELTA_RATE * ADADELTA_FACTOR**epoch
        return schedules.exponential(initial, epoch, recipe.last_rate_from)

    return {
        **dict.fromkeys(("cross_entropy", "similarity", JOINT), rate),
        "pretraining": pretraining,
        "feature_difference": lambda epoch: config.feature_learning_rate,
        "head": lambda epoch: config.head_learning_rate,
    }


def rates_within_epochs(config: RunConfig) -> dict[str, Callable[[float], float]]:
    """Of `learning_rates` those that change with each step, by the epochs that are over: 1.5 in the second's middle."""
    if config.system != "snapshot" or config.cycle != "triangular":
        return {}
    cycles = config.cycle_learning_rate, config.lowest_learning_rate
    arrangement = config.epochs, config.snapshots, config.cycle_epochs
    return {"optimizer": lambda epoch: schedules.triangular_cycles(config.learning_rate, *cycles, epoch, *arrangement)}


def _decays_in_optimizer(config: RunConfig) -> bool:
    """Whether weight decay is the optimizer's, on all variables, and not part of the objective, on kernels alone."""
    return config.system in ("fdl", "snapshot")


def _network(config: RunConfig, image_shape: Shape, num_classes: int, index: int, name: str) -> keras.Model:
    return build_network(
        config.members[index],
        image_shape,
        num_classes,
        revision=config.resnet,
        regularization_rate=0.0 if _decays_in_optimizer(config) else config.regularization_rate,
        decay_scope=config.decay_scope,
        precision=config.precision,
        random=generator(config.seed, Stream.INITIALISATION, index),
        name=name,
    )


def _networks(config: RunConfig, image_shape: Shape, num_classes: int) -> dict[str, keras.Model]:
    names = config.member_names()
    return {name: _network(config, image_shape, num_classes, index, name) for index, name in enumerate(names)}


def _ensemble(config: RunConfig, image_shape: Shape, num_classes: int) -> Model:
    members = _networks(config, image_shape, num_classes)
    if len(members) == 1:
        return SingleModel(next(iter(members.values())))
    cost = collaboration.by_name(config.method, config.target_gradient)
    return EnsembleModel(members, cost, config.weight, config.pairing)


def _multihead(config: RunConfig, image_shape: Shape, num_classes: int) -> Model:
    (member,) = config.members
    if config.teacher:
        return _distillation(config, image_shape, num_classes)
    segments = network_segments(parse_network(member), num_classes)
    names = [segment.name for segment in segments]
    graph = build_head_graph(
        segments,
        image_shape,
        head_groups(config.graph, config.heads, names, config.split_points),
        lambda head, prefix: LayerFactory(
            generator(config.seed, Stream.INITIALISATION, head),
            regularization_rate=config.regularization_rate,
            precision=config.precision,
            prefix=prefix,
        ),
        rescale=config.rescaling == "backprop",
        target=lambda: _network(config, image_shape, num_classes, 0, member),
    )
    return MultiheadModel(
        graph,
        temperature=config.temperature,
        beta=config.beta,
        rescale_losses=config.rescaling == "loss",
        alternating=config.optimization == "alternating",
        target_gradient=config.target_gradient,
        label_smoothing=config.label_smoothing,
    )


def _distillation(config: RunConfig, image_shape: Shape, num_classes: int) -> Model:
    student = _network(config, image_shape, num_classes, 0, "student")
    teacher = joined(load_teachers(config, image_shape, num_classes), "teacher")
    return DistillationModel(student, teacher, temperature=config.temperature, beta=config.beta)


def load_teachers(config: RunConfig, image_shape: Shape, num_classes: int) -> dict[str, keras.Model]:
    """The networks of `config.teacher` by the names that they get; none without.

    Raises:
      ConfigError: see `load_teacher`.
    """
    return {
        f"teacher{number}": load_teacher(path, image_shape, num_classes, config.dataset)
        for number, path in enumerate(config.teacher, start=1)
    }


def _feature_difference(config: RunConfig, image_shape: Shape, num_classes: int) -> Model:
    members = _networks(config, image_shape, num_classes)
    return FeatureDifferenceModel(
        members,
        config.phases,
        head=_head(config, num_classes),
        recipe=RECIPES[str(config.recipe)],
        k=config.k,
        k1=config.k1,
        k2=config.k2,
        bn_updates=config.bn_updates,
        pretraining_epochs=config.pretraining_epochs,
        seed=config.seed,
    )


def _head(config: RunConfig, num_classes: int) -> keras.layers.Dense:
    """The ensemble head, not built, with the initial values that Torch gives it; at first they were Glorot's."""
    seeds = generator(config.seed, Stream.INITIALISATION, len(config.members))
    kernel, biases = (int(seed) for seed in seeds.integers(2**31 - 1, size=2))
    if config.recipe == FIRST:
        initial: dict[str, Any] = {"kernel_initializer": keras.initializers.GlorotUniform(kernel)}
    else:
        bound = 1 / math.sqrt(len(config.members) * num_classes)
        initial = {
            "kernel_initializer": keras.initializers.RandomUniform(-bound, bound, kernel),
            "bias_initializer": keras.initializers.RandomUniform(-bound, bound, biases),
        }
    return keras.layers.Dense(num_classes, **initial, dtype="float32", name="ensemble_head")


def _snapshot(config: RunConfig, image_shape: Shape, num_classes: int) -> Model:
    names = config.member_names()
    members = {name: _network(config, image_shape, num_classes, 0, name) for name in names}
    starts = config.snapshot_starts(config.epochs)
    return SnapshotModel(members, starts, averaging=config.averaging, keep_momentum=config.cycle == "triangular")


_BUILDERS: dict[str, Callable[[RunConfig, Shape, int], Model]] = {
    "ensemble": _ensemble,
    "multihead": _multihead,
    "fdl": _feature_difference,
    "snapshot": _snapshot,
}
