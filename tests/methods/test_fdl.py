"""Feature-difference ensembles: losses, the step of each phase and the statistics, against NumPy."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.methods.fdl.model import FeatureDifferenceModel, feature_difference, similarity_loss
from collab_ensembles.methods.fdl.options import PHASES
from collab_ensembles.methods.fdl.training import optimizer
from collab_ensembles.settings.config import RunConfig
from feature_differences import (
    BEFORE_THE_LAST_CONVOLUTION,
    CLASSES,
    after_one_step,
    are_equal,
    feature_difference_model,
    forward,
    moving_values,
    phase_optimizers,
    reference_losses,
    reference_objective,
    run_phase,
    small_network,
    state_of,
    trainable_values,
    values_of,
)
from reference import cross_entropy, softmax

Batch = tuple[np.ndarray, np.ndarray]


@pytest.mark.parametrize("members", [2, 3])
def test_the_losses_are_those_of_the_poster(members: int, rng: np.random.Generator) -> None:
    shapes = ((4, 5, 3, 2), (4, 2, 2, 6), (4, 1, 1, 1))
    features = [[rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(members)]
    costs = [np.float32(cost) for cost in rng.uniform(0, 3, members)]
    pairs = list(itertools.combinations(range(members), 2))
    expected = []
    for i, j in pairs:
        layers = []
        for a, b in zip(features[i], features[j], strict=True):
            total = sum((float(a[index]) - float(b[index])) ** 2 for index in np.ndindex(a.shape))
            layers.append(total / (a.shape[0] * a.shape[1] * a.shape[2] * a.shape[3]))
        expected.append(sum(layers) / 3)
    tensors = [[tf.constant(each) for each in network] for network in features]
    assert float(feature_difference(tensors, pairs)) == pytest.approx(np.mean(expected), rel=1e-5)
    squares = [(float(costs[i]) - float(costs[j])) ** 2 for i, j in pairs]
    assert float(similarity_loss([tf.constant(cost) for cost in costs], pairs)) == pytest.approx(
        np.mean(squares), rel=1e-5
    )


@pytest.mark.parametrize("phase", ["cross_entropy", "similarity", "feature_difference", "joint"])
def test_a_step_of_a_phase_follows_its_gradient(phase: str, small_batch: Batch) -> None:
    model = feature_difference_model(phases=("joint",) if phase == "joint" else PHASES)
    before = trainable_values(model)
    expected = after_one_step(
        model.optimizers()[phase], before, lambda weights: reference_objective(phase, weights, small_batch)
    )
    run_phase(model, phase, small_batch)
    moved = 0
    for start, received, wanted in zip(
        *(itertools.chain(*each) for each in (before, trainable_values(model), expected)), strict=True
    ):
        np.testing.assert_allclose(received - start, wanted - start, rtol=2e-3, atol=3e-6)
        moved += int(np.any(received != start))
    trained = BEFORE_THE_LAST_CONVOLUTION if phase == "feature_difference" else 9
    assert moved == 2 * trained


def test_a_step_of_the_head_is_that_of_softmax_regression_on_logits_in_inference_mode(small_batch: Batch) -> None:
    model = feature_difference_model()
    for _ in range(3):
        model.first_phase(*small_batch)  # moving averages of their own
    inputs = np.concatenate(
        [forward(w, small_batch[0], m)[0] for w, m in zip(trainable_values(model), moving_values(model), strict=True)],
        axis=1,
    )
    assert model.head is not None
    kernel, bias = values_of(model.head.variables)
    assert kernel.shape == (2 * CLASSES, CLASSES)
    error = (softmax(inputs @ kernel + bias) - np.eye(CLASSES)[small_batch[1]]) / len(inputs)
    model.head_phase(*small_batch)
    received = values_of(model.head.variables)
    np.testing.assert_allclose(received[0], kernel - 0.5 * inputs.T @ error, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(received[1], bias - 0.5 * error.sum(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("phase", [*PHASES, "joint"])
def test_a_phase_changes_its_own_variables_alone(phase: str, small_batch: Batch) -> None:
    phases = ("joint", "head") if phase == "joint" else PHASES
    model = feature_difference_model(phases=phases)
    before = state_of(model)
    run_phase(model, phase, small_batch)
    changed = {key for key, value in state_of(model).items() if value.tobytes() != before[key].tobytes()}
    owners = {phase} if phase == "head" else {phase, "m0", "m1"}
    assert {key.split("/")[0].replace("ensemble_head", "head") for key in changed} == owners
    trained = {id(variable) for variable in model.variables_of(phase)}
    for key, variable in model.training_variables().items():
        if "moving" in key:
            assert (key in changed) == (phase != "head"), key
        elif key.split("/")[0] in ("m0", "m1", "ensemble_head"):
            assert (key in changed) == (id(variable) in trained), key


@pytest.mark.parametrize(
    "phases", [PHASES, ("cross_entropy", "feature_difference"), ("cross_entropy",), ("joint", "head")]
)
def test_a_whole_step_is_its_phases_one_after_the_other(phases: tuple[str, ...], small_batch: Batch) -> None:
    whole, parts = (feature_difference_model(phases=phases, bn_updates="every_phase") for _ in range(2))
    whole.train_step(small_batch)
    for phase in phases:
        run_phase(parts, phase, small_batch)
    assert are_equal(list(state_of(whole).values()), list(state_of(parts).values()))
    assert {name: int(each.iterations) for name, each in whole.optimizers().items()} == dict.fromkeys(phases, 1)


@pytest.mark.parametrize("members", [(0, 1), (0, 1, 2)])
def test_statistics_are_those_before_the_step(members: tuple[int, ...], small_batch: Batch) -> None:
    model = feature_difference_model(members)
    weights = trainable_values(model)
    costs, similarity, difference = reference_losses(weights, small_batch)
    logits = [forward(each, small_batch[0])[0] for each in weights]
    assert model.head is not None
    kernel, bias = values_of(model.head.variables)
    statistics = model.train_step(small_batch)
    assert [float(statistics[f"m{index}_cost"]) for index in members] == pytest.approx(costs, rel=1e-4)
    assert float(statistics["loss"]) == pytest.approx(sum(costs), rel=1e-4)
    assert float(statistics["similarity_loss"]) == pytest.approx(similarity, rel=1e-3)
    assert float(statistics["feature_difference"]) == pytest.approx(difference, rel=1e-4)
    together = np.concatenate(logits, axis=1) @ kernel + bias
    assert float(statistics["ensemble_cost"]) == pytest.approx(cross_entropy(small_batch[1], together), rel=1e-4)
    assert model.further_series["feature_difference"] == "feature_difference"


def test_the_single_objective_is_the_posters(small_batch: Batch) -> None:
    model = feature_difference_model(phases=("joint",))
    expected = reference_objective("joint", trainable_values(model), small_batch)
    assert float(model.train_step(small_batch)["loss"]) == pytest.approx(expected, rel=1e-4)


def test_the_single_objective_has_the_same_statistics(small_batch: Batch) -> None:
    statistics = feature_difference_model(phases=("joint",)).train_step(small_batch)
    plain = feature_difference_model(phases=("cross_entropy",)).train_step(small_batch)
    for name in ("m0_cost", "m1_cost", "ensemble_cost", "similarity_loss", "feature_difference"):
        assert float(statistics[name]) == pytest.approx(float(plain[name]), rel=1e-6)


def test_feature_differences_rise_and_costs_become_similar(small_batch: Batch) -> None:
    model = feature_difference_model()
    for phase in ("similarity", "feature_difference"):
        model.optimizers()[phase].learning_rate.assign(0.01)
    _, _, difference = reference_losses(trainable_values(model), small_batch)
    for _ in range(3):
        model.feature_difference_phase(small_batch[0])
    _, after, risen = reference_losses(trainable_values(model), small_batch)
    assert risen > 1.01 * difference
    for _ in range(3):
        model.similarity_phase(*small_batch)
    assert reference_losses(trainable_values(model), small_batch)[1] < 0.95 * after


def test_features_of_low_precision_are_compared_in_float32(small_batch: Batch) -> None:
    model = FeatureDifferenceModel({f"m{i}": small_network(i, "mixed_bfloat16") for i in range(2)}, ("cross_entropy",))
    logits, features = model.logits_and_features(small_batch[0])
    assert {tensor.dtype for tensor in (*logits, *itertools.chain(*features))} == {tf.float32}


def test_the_optimizers_of_a_run() -> None:
    config = RunConfig(system="fdl", dataset="cifar10", members=("vgg16", "vgg16"), head_learning_rate=0.05)
    settings = {
        phase: (float(each.learning_rate), each.momentum, each.nesterov, each.decay)
        for phase, each in optimizer(config).items()
    }
    assert list(settings) == ["pretraining", *PHASES]
    assert settings["pretraining"] == pytest.approx((0.10001, 0.9, True, 5e-4))
    assert settings["cross_entropy"] == settings["similarity"] == pytest.approx((0.10001, 0.9, True, 5e-4))
    assert settings["feature_difference"] == pytest.approx((1e-5, 0.85, True, 5e-4))
    assert settings["head"] == pytest.approx((0.05, 0.9, True, 5e-4))
    config = dataclasses.replace(config, recipe="0.1.0", feature_learning_rate=1e-4)
    first = {
        phase: (float(each.learning_rate), each.momentum, each.nesterov, each.decay)
        for phase, each in optimizer(config).items()
    }
    assert list(first) == list(PHASES)
    assert first["feature_difference"] == pytest.approx((1e-4, 0.85, False, 0.0))
    assert first["head"] == pytest.approx((0.05, 0.0, False, 0.0))
    config = RunConfig(system="fdl", members=("vgg16", "vgg16"), dataset="cifar10", phases=("joint",))
    _, joint = optimizer(config).items()
    assert (joint[0], joint[1].momentum, joint[1].nesterov, joint[1].decay) == ("joint", 0.9, True, 5e-4)
    config = RunConfig(system="fdl", members=("fdlnet8",) * 2, dataset="mnist")
    one_layer = optimizer(config)
    pretraining = one_layer.pop("pretraining")
    assert isinstance(pretraining, keras.optimizers.Adadelta)
    assert (float(pretraining.learning_rate), pretraining.rho) == (1.0, 0.9)
    received = {
        phase: (float(each.learning_rate), each.momentum, each.nesterov, each.decay)
        for phase, each in one_layer.items()
    }
    assert received["cross_entropy"] == pytest.approx((0.1, 0.95, False, 1e-4))
    assert received["similarity"] == pytest.approx((0.1, 0.9, False, 1e-4))
    assert received["feature_difference"] == pytest.approx((2e-4, 0.85, False, 1e-4))
    assert received["head"] == pytest.approx((1e-3, 0.9, False, 1e-4))


def test_what_does_not_fit_is_refused() -> None:
    two = {"a": small_network(0), "b": small_network(1)}
    with pytest.raises(ValueError, match="allowed for one member: cross_entropy"):
        FeatureDifferenceModel({"a": two["a"]}, ("cross_entropy", "similarity"))
    with pytest.raises(ValueError, match="single objective: two"):
        FeatureDifferenceModel({**two, "c": small_network(2)}, ("joint",))
    with pytest.raises(ValueError, match="received no head"):
        FeatureDifferenceModel(two)
    for phases in ((), ("similarity",), ("cross_entropy", "head", "similarity"), ("joint", "similarity"), ("other",)):
        with pytest.raises(ValueError, match="received phases"):
            FeatureDifferenceModel(two, phases)
    model = FeatureDifferenceModel(two, ("cross_entropy", "similarity"))
    with pytest.raises(ValueError, match="needed: cross_entropy, similarity"):
        model.compile(phase_optimizers(("cross_entropy",)))
