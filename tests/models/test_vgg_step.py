"""One minibatch of two VGG-16 on CIFAR-10's shape: each phase changes its own variables and no other's."""

from collections.abc import Callable

import numpy as np
import pytest

from collab_ensembles import build
from collab_ensembles.config import RunConfig
from collab_ensembles.models import FeatureDifferenceModel


@pytest.fixture(scope="module")
def model() -> FeatureDifferenceModel:
    config = RunConfig(system="fdl", dataset="cifar10")
    model = build.build_model(config, (32, 32, 3), 10)
    assert isinstance(model, FeatureDifferenceModel)
    build.compile_for_training(model, config)
    return model


def _changed(model: FeatureDifferenceModel, step: Callable[[], object]) -> set[str]:
    """The names of the trained variables that a step changes."""
    variables = {key: variable for key, variable in model.training_variables().items() if variable.trainable}
    before = {key: variable.numpy() for key, variable in variables.items()}
    step()
    return {key for key, variable in variables.items() if not np.array_equal(variable.numpy(), before[key])}


def test_each_phase_changes_its_own_variables_and_no_others(
    model: FeatureDifferenceModel, rng: np.random.Generator
) -> None:
    images = rng.integers(0, 256, (8, 32, 32, 3)).astype(np.float32)
    labels = rng.integers(0, 10, 8).astype(np.int32)
    networks = {
        f"{name}/{variable.path}" for name, member in model.members.items() for variable in member.trainable_variables
    }
    head = {key for key in model.training_variables() if key.startswith("ensemble_head/")}
    assert len(networks) == 2 * (13 * 4 + 2)
    # A convolution's bias is undone by the normalisation that follows, so that decay alone moves it, from 0.
    movable = {key for key in networks if not ("convolution" in key and key.endswith("bias"))}
    first = _changed(model, lambda: model.first_phase(images, labels))
    assert movable <= first <= networks
    second = _changed(model, lambda: model.similarity_phase(images, labels))
    assert movable <= second <= networks
    # What comes after the last convolution gives no features.
    after = {key for key in networks if "logits" in key or key.endswith(tuple(_last_normalization(model)))}
    third = _changed(model, lambda: model.feature_difference_phase(images))
    assert movable - after <= third <= networks - after
    fourth = _changed(model, lambda: model.head_phase(images, labels))
    assert fourth == head


def _last_normalization(model: FeatureDifferenceModel) -> list[str]:
    layers = [layer.name for layer in next(iter(model.members.values())).layers if "normalization" in layer.name]
    return [f"{layers[-1]}/{kind}" for kind in ("gamma", "beta")]
