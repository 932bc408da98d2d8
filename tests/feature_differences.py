"""Small feature-difference ensembles, and what they compute in NumPy, in float64: a forward pass, losses, a step."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from collab_ensembles.methods.fdl.model import FeatureDifferenceModel
from collab_ensembles.methods.fdl.options import PHASES
from collab_ensembles.methods.fdl.recipes import FIRST, RECIPES
from collab_ensembles.models.optimizers import SGD
from reference import convolve, cross_entropy, finite_differences

Batch = tuple[np.ndarray, np.ndarray]
Weights = list[np.ndarray]

CLASSES = 3
EPSILON = 1e-3
K, K1, K2 = 0.7, 1.3, 0.4
BEFORE_THE_LAST_CONVOLUTION = 5
"""Trainable variables of a network, up to and with those of its last convolution."""


def small_network(index: int, dtype: str = "float32") -> keras.Model:
    """Two convolutions with batch normalisation; biases and scales that say something."""
    kernels = (keras.initializers.GlorotNormal(100 * index + number) for number in range(3))
    options: dict[str, Any] = {
        "beta_initializer": keras.initializers.RandomNormal(stddev=0.3, seed=index),
        "gamma_initializer": keras.initializers.RandomNormal(1.0, 0.3, seed=50 + index),
        "epsilon": EPSILON,
        "momentum": 0.9,
    }
    x = inputs = keras.Input((4, 4, 1))
    x = keras.layers.Rescaling(1 / 128)(x)
    for number, bias in ((1, False), (2, True)):
        layer = keras.layers.Conv2D(
            2,
            3,
            padding="same",
            use_bias=bias,
            kernel_initializer=next(kernels),
            dtype=dtype,
            name=f"convolution{number}",
        )
        x = keras.layers.BatchNormalization(name=f"normalization{number}", **options)(layer(x))
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(CLASSES, kernel_initializer=next(kernels), name="logits")(x)
    return keras.Model(inputs, logits, name=f"m{index}")


def phase_optimizers(phases: Sequence[str]) -> dict[str, SGD]:
    """Rates at which a step can be measured in float32."""
    decaying = functools.partial(SGD, momentum=0.9, nesterov=True, decay=0.01)
    makers: dict[str, Callable[[], SGD]] = {
        "pretraining": functools.partial(decaying, 0.1),
        "joint": functools.partial(decaying, 0.2),
        "cross_entropy": functools.partial(decaying, 0.2),
        "similarity": functools.partial(decaying, 0.3),
        "feature_difference": functools.partial(SGD, 0.1, momentum=0.85),
        "head": functools.partial(SGD, 0.5),
    }
    return {phase: makers[phase]() for phase in phases}


def feature_difference_model(
    members: Sequence[int] = (0, 1), phases: Sequence[str] = PHASES, compiled: bool = True, **options: Any
) -> FeatureDifferenceModel:
    model = FeatureDifferenceModel(
        {f"m{index}": small_network(index) for index in members},
        phases,
        head=ensemble_head(),
        k=K,
        k1=K1,
        k2=K2,
        **{"recipe": RECIPES[FIRST], "bn_updates": "once", **options},
    )
    if compiled:
        own = options.get("recipe", RECIPES[FIRST]).pretraining != "first_phase" and options.get("pretraining_epochs")
        model.compile(phase_optimizers([*(["pretraining"] if own else []), *phases]))
    return model


def ensemble_head() -> keras.layers.Dense:
    return keras.layers.Dense(CLASSES, kernel_initializer=keras.initializers.GlorotNormal(9), name="ensemble_head")


def values_of(variables: Sequence[keras.Variable]) -> Weights:
    return [variable.numpy() for variable in variables]


def trainable_values(model: FeatureDifferenceModel) -> list[Weights]:
    return [values_of(member.trainable_variables) for member in model.members.values()]


def moving_values(model: FeatureDifferenceModel) -> list[Weights]:
    return [values_of(member.non_trainable_variables) for member in model.members.values()]


def state_of(model: FeatureDifferenceModel) -> dict[str, np.ndarray]:
    return {key: variable.numpy() for key, variable in model.training_variables().items()}


def are_equal(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(some, others, strict=True))


def forward(
    weights: Weights, images: np.ndarray, moving: Weights | None = None
) -> tuple[np.ndarray, list[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Logits, features and moments of one network of `small_network`; normalised by the batch without `moving`."""
    kernel1, scale1, offset1, kernel2, bias2, scale2, offset2, dense, bias = (each.astype(float) for each in weights)
    features, moments, x = [], [], images / 128
    for layer, (kernel, shift, scale, offset) in enumerate(
        ((kernel1, 0.0, scale1, offset1), (kernel2, bias2, scale2, offset2))
    ):
        x = convolve(x, kernel) + shift
        features.append(x)
        moments.append((x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))))
        mean, variance = moving[2 * layer : 2 * layer + 2] if moving else moments[-1]
        x = np.maximum((x - mean) / np.sqrt(variance + EPSILON) * scale + offset, 0)
    return x.mean(axis=(1, 2)) @ dense + bias, features, moments


def difference(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    """L_FDL of the poster for two networks."""
    return sum(float(np.sum((a - b) ** 2)) / a.size for a, b in zip(some, others, strict=True)) / len(some)


def reference_losses(
    weights: list[Weights], batch: Batch, moving: list[Weights] | None = None
) -> tuple[list[float], float, float]:
    """The cross-entropies of all networks, and the means over all pairs of S and L_FDL."""
    passes = [forward(each, batch[0], moving[index] if moving else None)[:2] for index, each in enumerate(weights)]
    costs = [cross_entropy(batch[1], logits) for logits, _ in passes]
    pairs = list(itertools.combinations(range(len(weights)), 2))
    similarity = float(np.mean([(costs[i] - costs[j]) ** 2 for i, j in pairs]))
    return costs, similarity, float(np.mean([difference(passes[i][1], passes[j][1]) for i, j in pairs]))


def reference_objective(phase: str, weights: list[Weights], batch: Batch) -> float:
    costs, similarity, difference = reference_losses(weights, batch)
    return {
        "cross_entropy": sum(costs),
        "similarity": similarity,
        "feature_difference": -difference,
        "joint": -difference + K * similarity + K1 * costs[0] + K2 * costs[1],
    }[phase]


def after_one_step(
    optimizer: SGD, weights: list[Weights], objective: Callable[[list[Weights]], float]
) -> list[Weights]:
    """From momentum 0, by the optimizer's formula along the gradient of finite differences."""
    start = [[each.astype(float) for each in network] for network in weights]
    result = []
    for i, network in enumerate(start):
        stepped = []
        for j, value in enumerate(network):

            def along(moved: np.ndarray, i: int = i, j: int = j) -> float:
                changed = [list(each) for each in start]
                changed[i][j] = moved
                return objective(changed)

            gradient = finite_differences(along, value) + optimizer.decay * value
            factor = 1 + optimizer.momentum if optimizer.nesterov else 1.0
            stepped.append(value - float(optimizer.learning_rate) * factor * gradient)
        result.append(stepped)
    return result


def run_phase(model: FeatureDifferenceModel, phase: str, batch: Batch) -> Any:
    if phase in ("cross_entropy", "joint"):
        return model.first_phase(*batch)
    if phase == "feature_difference":
        return model.feature_difference_phase(batch[0])
    return model.similarity_phase(*batch) if phase == "similarity" else model.head_phase(*batch)
