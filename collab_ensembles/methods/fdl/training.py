"""Builds feature-difference ensembles, and chooses their optimizers and learning rates."""

import math
from typing import Any

import keras

from collab_ensembles.methods.assembly import build_members
from collab_ensembles.methods.fdl.model import FeatureDifferenceModel
from collab_ensembles.methods.fdl.options import JOINT, FeatureDifferenceConfig
from collab_ensembles.methods.fdl.recipes import ADADELTA_FACTOR, ADADELTA_RATE, FIRST, RECIPES, exponential
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import SGD
from collab_ensembles.models.schedules import Rate
from collab_ensembles.settings.method import Shape
from collab_ensembles.streams import Stream, generator


def build(config: FeatureDifferenceConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`."""
    members = build_members(config, image_shape, num_classes, decays=False)
    return FeatureDifferenceModel(
        members,
        config.phases,
        head=_head(config, num_classes),
        recipe=RECIPES[config.recipe],
        k=config.k,
        k1=config.k1,
        k2=config.k2,
        bn_updates=config.bn_updates,
        pretraining_epochs=config.pretraining_epochs,
        seed=config.seed,
    )


def _head(config: FeatureDifferenceConfig, num_classes: int) -> keras.layers.Dense:
    """The ensemble head, not built, with Torch's initial values; in the first release they were Glorot's."""
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


def optimizer(config: FeatureDifferenceConfig) -> dict[str, keras.Optimizer]:
    """The optimizer of each phase, and of pre-training if it has its own, with its initial rate."""
    recipe, rates = RECIPES[config.recipe], learning_rates(config)

    def sgd(phase: str, rule: str) -> SGD:
        momentum = recipe.momenta[rule]
        return SGD(
            rates[phase].of(0),
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


def learning_rates(config: FeatureDifferenceConfig) -> dict[str, Rate]:
    """The learning rate of each phase and of pre-training."""
    initial, recipe = config.single_rate, RECIPES[config.recipe]
    # In the first release the schedule included the epochs of pre-training.
    before = 0 if recipe.pretraining == "first_phase" else config.pretraining_epochs

    def rate(epoch: float) -> float:
        joint_epoch = max(epoch - before, 0)
        return exponential(initial, joint_epoch, recipe.last_rate_from) if recipe.falls else initial

    def pretraining(epoch: float) -> float:
        if recipe.pretraining == "adadelta":
            return ADADELTA_RATE * ADADELTA_FACTOR**epoch
        return exponential(initial, epoch, recipe.last_rate_from)

    return {
        **dict.fromkeys(("cross_entropy", "similarity", JOINT), Rate(rate)),
        "pretraining": Rate(pretraining),
        "feature_difference": Rate(lambda epoch: config.feature_learning_rate),
        "head": Rate(lambda epoch: config.head_learning_rate),
    }
