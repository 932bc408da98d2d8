"""Feature-difference ensembles: losses, phases, random pairs, batch normalisation, head and resume.

Steps are compared with NumPy, in float64: a forward pass written here, its gradient by finite differences.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles import checkpoint
from collab_ensembles.config import RunConfig
from collab_ensembles.feature_difference_options import PHASES
from collab_ensembles.logger import Record
from collab_ensembles.models import SingleModel
from collab_ensembles.models.fdl import (
    FeatureDifferenceModel,
    feature_difference,
    feature_difference_optimizers,
    similarity_loss,
)
from collab_ensembles.optimizers import SGD
from reference import convolve, cross_entropy, finite_differences, softmax

Batch = tuple[np.ndarray, np.ndarray]
Weights = list[np.ndarray]

_CLASSES = 3
_EPSILON = 1e-3
_K, _K1, _K2 = 0.7, 1.3, 0.4
_BEFORE_THE_LAST_CONVOLUTION = 5
"""Trainable variables of a network, up to and with those of its last convolution."""


@pytest.fixture
def small_batch(rng: np.random.Generator) -> Batch:
    """Seven images of 4 x 4 pixels and their labels, in 3 classes."""
    return rng.integers(0, 256, (7, 4, 4, 1), np.uint8), rng.integers(0, _CLASSES, 7).astype(np.int32)


def _network(index: int, dtype: str = "float32") -> keras.Model:
    """Two convolutions with batch normalisation; biases and scales that say something."""
    kernels = (keras.initializers.GlorotNormal(100 * index + number) for number in range(3))
    options: dict[str, Any] = {
        "beta_initializer": keras.initializers.RandomNormal(stddev=0.3, seed=index),
        "gamma_initializer": keras.initializers.RandomNormal(1.0, 0.3, seed=50 + index),
        "epsilon": _EPSILON,
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
    logits = keras.layers.Dense(_CLASSES, kernel_initializer=next(kernels), name="logits")(x)
    return keras.Model(inputs, logits, name=f"m{index}")


def _optimizers(phases: Sequence[str]) -> dict[str, SGD]:
    """Rates at which a step can be measured in float32."""
    decaying = functools.partial(SGD, momentum=0.9, nesterov=True, decay=0.01)
    makers: dict[str, Callable[[], SGD]] = {
        "joint": functools.partial(decaying, 0.2),
        "cross_entropy": functools.partial(decaying, 0.2),
        "similarity": functools.partial(decaying, 0.3),
        "feature_difference": functools.partial(SGD, 0.1, momentum=0.85),
        "head": functools.partial(SGD, 0.5),
    }
    return {phase: makers[phase]() for phase in phases}


def _model(
    members: Sequence[int] = (0, 1), phases: Sequence[str] = PHASES, compiled: bool = True, **options: Any
) -> FeatureDifferenceModel:
    model = FeatureDifferenceModel(
        {f"m{index}": _network(index) for index in members},
        phases,
        head_initializer=keras.initializers.GlorotNormal(9),
        k=_K,
        k1=_K1,
        k2=_K2,
        **options,
    )
    if compiled:
        model.compile(_optimizers(phases))
    return model


def _values(variables: Sequence[keras.Variable]) -> Weights:
    return [variable.numpy() for variable in variables]


def _weights(model: FeatureDifferenceModel) -> list[Weights]:
    return [_values(member.trainable_variables) for member in model.members.values()]


def _moving(model: FeatureDifferenceModel) -> list[Weights]:
    return [_values(member.non_trainable_variables) for member in model.members.values()]


def _state(model: FeatureDifferenceModel) -> dict[str, np.ndarray]:
    return {key: variable.numpy() for key, variable in model.training_variables().items()}


def _are_equal(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(some, others, strict=True))


def _forward(
    weights: Weights, images: np.ndarray, moving: Weights | None = None
) -> tuple[np.ndarray, list[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Logits, features and moments of one network of `_network`; normalised by the batch unless `moving` is given."""
    kernel1, scale1, offset1, kernel2, bias2, scale2, offset2, dense, bias = (each.astype(float) for each in weights)
    features, moments, x = [], [], images / 128
    for layer, (kernel, shift, scale, offset) in enumerate(
        ((kernel1, 0.0, scale1, offset1), (kernel2, bias2, scale2, offset2))
    ):
        x = convolve(x, kernel) + shift
        features.append(x)
        moments.append((x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))))
        mean, variance = moving[2 * layer : 2 * layer + 2] if moving else moments[-1]
        x = np.maximum((x - mean) / np.sqrt(variance + _EPSILON) * scale + offset, 0)
    return x.mean(axis=(1, 2)) @ dense + bias, features, moments


def _difference(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    """L_FDL of the poster for two networks."""
    return sum(float(np.sum((a - b) ** 2)) / a.size for a, b in zip(some, others, strict=True)) / len(some)


def _losses(
    weights: list[Weights], batch: Batch, moving: list[Weights] | None = None
) -> tuple[list[float], float, float]:
    """The cross-entropies of all networks, and the means over all pairs of S and L_FDL."""
    passes = [_forward(each, batch[0], moving[index] if moving else None)[:2] for index, each in enumerate(weights)]
    costs = [cross_entropy(batch[1], logits) for logits, _ in passes]
    pairs = list(itertools.combinations(range(len(weights)), 2))
    similarity = float(np.mean([(costs[i] - costs[j]) ** 2 for i, j in pairs]))
    return costs, similarity, float(np.mean([_difference(passes[i][1], passes[j][1]) for i, j in pairs]))


def _objective(phase: str, weights: list[Weights], batch: Batch) -> float:
    costs, similarity, difference = _losses(weights, batch)
    return {
        "cross_entropy": sum(costs),
        "similarity": similarity,
        "feature_difference": -difference,
        "joint": -difference + _K * similarity + _K1 * costs[0] + _K2 * costs[1],
    }[phase]


def _after_one_step(
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


def _run(model: FeatureDifferenceModel, phase: str, batch: Batch) -> Any:
    if phase in ("cross_entropy", "joint"):
        return model.first_phase(*batch)
    if phase == "feature_difference":
        return model.feature_difference_phase(batch[0])
    return model.similarity_phase(*batch) if phase == "similarity" else model.head_phase(*batch)


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
    model = _model(phases=("joint",) if phase == "joint" else PHASES)
    before = _weights(model)
    expected = _after_one_step(
        model.optimizers()[phase], before, lambda weights: _objective(phase, weights, small_batch)
    )
    _run(model, phase, small_batch)
    moved = 0
    for start, received, wanted in zip(
        *(itertools.chain(*each) for each in (before, _weights(model), expected)), strict=True
    ):
        np.testing.assert_allclose(received - start, wanted - start, rtol=2e-3, atol=3e-6)
        moved += int(np.any(received != start))
    trained = _BEFORE_THE_LAST_CONVOLUTION if phase == "feature_difference" else 9
    assert moved == 2 * trained


def test_a_step_of_the_head_is_that_of_softmax_regression_on_logits_in_inference_mode(small_batch: Batch) -> None:
    model = _model()
    for _ in range(3):
        model.first_phase(*small_batch)  # moving averages of their own
    inputs = np.concatenate(
        [_forward(w, small_batch[0], m)[0] for w, m in zip(_weights(model), _moving(model), strict=True)], axis=1
    )
    assert model.head is not None
    kernel, bias = _values(model.head.variables)
    assert kernel.shape == (2 * _CLASSES, _CLASSES)
    error = (softmax(inputs @ kernel + bias) - np.eye(_CLASSES)[small_batch[1]]) / len(inputs)
    model.head_phase(*small_batch)
    received = _values(model.head.variables)
    np.testing.assert_allclose(received[0], kernel - 0.5 * inputs.T @ error, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(received[1], bias - 0.5 * error.sum(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("phase", [*PHASES, "joint"])
def test_a_phase_changes_its_own_variables_alone(phase: str, small_batch: Batch) -> None:
    phases = ("joint", "head") if phase == "joint" else PHASES
    model = _model(phases=phases)
    before = _state(model)
    _run(model, phase, small_batch)
    changed = {key for key, value in _state(model).items() if value.tobytes() != before[key].tobytes()}
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
    whole, parts = (_model(phases=phases, bn_updates="every_phase") for _ in range(2))
    whole.train_step(small_batch)
    for phase in phases:
        _run(parts, phase, small_batch)
    assert _are_equal(list(_state(whole).values()), list(_state(parts).values()))
    assert {name: int(each.iterations) for name, each in whole.optimizers().items()} == dict.fromkeys(phases, 1)


@pytest.mark.parametrize("members", [(0, 1), (0, 1, 2)])
def test_statistics_are_those_before_the_step(members: tuple[int, ...], small_batch: Batch) -> None:
    model = _model(members)
    weights = _weights(model)
    costs, similarity, difference = _losses(weights, small_batch)
    logits = [_forward(each, small_batch[0])[0] for each in weights]
    assert model.head is not None
    kernel, bias = _values(model.head.variables)
    statistics = model.train_step(small_batch)
    assert [float(statistics[f"m{index}_cost"]) for index in members] == pytest.approx(costs, rel=1e-4)
    assert float(statistics["loss"]) == pytest.approx(sum(costs), rel=1e-4)
    assert float(statistics["similarity_loss"]) == pytest.approx(similarity, rel=1e-3)
    assert float(statistics["feature_difference"]) == pytest.approx(difference, rel=1e-4)
    together = np.concatenate(logits, axis=1) @ kernel + bias
    assert float(statistics["ensemble_cost"]) == pytest.approx(cross_entropy(small_batch[1], together), rel=1e-4)
    assert model.further_series["feature_difference"] == "feature_difference"


def test_the_single_objective_is_the_posters(small_batch: Batch) -> None:
    model = _model(phases=("joint",))
    expected = _objective("joint", _weights(model), small_batch)
    assert float(model.train_step(small_batch)["loss"]) == pytest.approx(expected, rel=1e-4)


def test_the_single_objective_needs_no_other_phase(small_batch: Batch) -> None:
    """k = 0 and no feature difference would be the plain ensemble; the statistics say what is missing from that."""
    statistics = _model(phases=("joint",)).train_step(small_batch)
    plain = _model(phases=("cross_entropy",)).train_step(small_batch)
    for name in ("m0_cost", "m1_cost", "ensemble_cost", "similarity_loss", "feature_difference"):
        assert float(statistics[name]) == pytest.approx(float(plain[name]), rel=1e-6)


def test_feature_differences_rise_and_costs_become_similar(small_batch: Batch) -> None:
    model = _model()
    for phase in ("similarity", "feature_difference"):
        model.optimizers()[phase].learning_rate.assign(0.01)
    _, similarity, difference = _losses(_weights(model), small_batch)
    for _ in range(3):
        model.feature_difference_phase(small_batch[0])
    _, after, risen = _losses(_weights(model), small_batch)
    assert risen > 1.01 * difference
    for _ in range(3):
        model.similarity_phase(*small_batch)
    assert _losses(_weights(model), small_batch)[1] < 0.95 * after
    assert similarity > 0


def _averaged(moving: Weights, weights: Weights, images: np.ndarray) -> Weights:
    moments = itertools.chain(*_forward(weights, images)[2])
    return [0.9 * old + 0.1 * new for old, new in zip(moving, moments, strict=True)]


@pytest.mark.parametrize("bn_updates", ["once", "every_phase"])
def test_moving_averages_take_in_a_minibatch_once_or_in_every_phase(bn_updates: str, small_batch: Batch) -> None:
    model, twin = _model(bn_updates=bn_updates), _model()
    expected = [_averaged(m, w, small_batch[0]) for m, w in zip(_moving(model), _weights(model), strict=True)]
    if bn_updates == "every_phase":
        for phase in ("cross_entropy", "similarity"):
            _run(twin, phase, small_batch)
            expected = [_averaged(m, w, small_batch[0]) for m, w in zip(expected, _weights(twin), strict=True)]
    tf.function(model.train_step)(small_batch)
    for received, wanted in zip(itertools.chain(*_moving(model)), itertools.chain(*expected), strict=True):
        np.testing.assert_allclose(received, wanted, rtol=1e-4, atol=1e-6)


def test_when_averages_are_updated_changes_nothing_else_but_the_head(small_batch: Batch) -> None:
    once, every = (_model(bn_updates=bn_updates) for bn_updates in ("once", "every_phase"))
    for model in (once, every):
        model.train_step(small_batch)
    assert _are_equal(*(list(itertools.chain(*_weights(model))) for model in (once, every)))
    assert once.head is not None
    assert every.head is not None
    assert not _are_equal(_values(once.head.variables), _values(every.head.variables))


def _pairs_of(model: FeatureDifferenceModel, epoch: int, steps: int = 60) -> list[int]:
    model.begin_epoch(epoch)
    return [int(model.next_pair()) for _ in range(steps)]


def test_pairs_are_functions_of_seed_epoch_and_step() -> None:
    model, same, other = (_model((0, 1, 2), seed=seed) for seed in (5, 5, 6))
    pairs = _pairs_of(model, 1)
    assert _pairs_of(same, 1) == pairs
    assert _pairs_of(model, 2) != pairs
    assert _pairs_of(model, 1) == pairs
    assert _pairs_of(other, 1) != pairs
    draw = tf.function(model.next_pair)
    model.begin_epoch(1)
    assert [int(draw()) for _ in range(60)] == pairs
    # Were all pairs as likely, each count is within 20 +- 3.65 in two cases of three.
    assert all(8 <= pairs.count(pair) <= 32 for pair in range(3))
    assert set(pairs) == {0, 1, 2}


@pytest.mark.parametrize("graph", [False, True])
def test_of_three_networks_one_pair_has_its_step_and_the_other_nothing(graph: bool, small_batch: Batch) -> None:
    model = _model((0, 1, 2), seed=1)
    for _ in range(2):
        model.similarity_phase(*small_batch)  # momentum that could move a network by itself
    order = [list(itertools.combinations(range(3), 2))[drawn] for drawn in _pairs_of(model, 3, 12)]
    assert len(set(order)) == 3
    model.begin_epoch(3)
    step = tf.function(model.similarity_phase) if graph else model.similarity_phase
    for index, pair in enumerate(order):
        alone = _model(pair) if pair not in order[:index] else None
        if alone:
            _copy(model, alone, pair)
        before = _weights(model), _slots(model)
        step(*small_batch)
        idle = ({0, 1, 2} - set(pair)).pop()
        for earlier, later in zip(before, (_weights(model), _slots(model)), strict=True):
            assert [_are_equal(earlier[i], later[i]) for i in range(3)] == [i == idle for i in range(3)]
        if alone:
            alone.similarity_phase(*small_batch)
            for index, wanted in zip(pair, _weights(alone), strict=True):
                for received, value in zip(_weights(model)[index], wanted, strict=True):
                    np.testing.assert_allclose(received, value, rtol=1e-5, atol=1e-6)


def _slots(model: FeatureDifferenceModel) -> list[Weights]:
    momenta = _values(model.optimizers()["similarity"].momentums)
    return [momenta[9 * index : 9 * index + 9] for index in range(len(model.members))]


def _copy(model: FeatureDifferenceModel, alone: FeatureDifferenceModel, pair: tuple[int, int]) -> None:
    """Weights, moving averages and momenta of two networks."""
    slots = alone.optimizers()["similarity"].momentums
    for place, index in enumerate(pair):
        member = list(model.members.values())[index]
        for source, target in zip(member.variables, list(alone.members.values())[place].variables, strict=True):
            target.assign(source)
        for value, target in zip(_slots(model)[index], slots[9 * place : 9 * place + 9], strict=True):
            target.assign(value)


def _fit(model: FeatureDifferenceModel, batch: Batch, epochs: int, first: int = 0, **options: Any) -> dict[str, list]:
    clock = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: model.begin_epoch(epoch))
    options["callbacks"] = [clock, *options.get("callbacks", [])]
    return model.fit(
        *batch, batch_size=3, epochs=epochs, initial_epoch=first, shuffle=False, verbose=0, **options
    ).history


def test_pretraining_epochs_have_cross_entropy_and_head_alone(small_batch: Batch) -> None:
    model, steps = _model(pretraining_epochs=1), []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: steps.append([int(each.iterations) for each in model.optimizers().values()])
    )
    _fit(model, small_batch, 3, callbacks=[note])
    assert steps == [[3, 0, 0, 3], [6, 3, 3, 6], [9, 6, 6, 9]]
    resumed = _model(pretraining_epochs=1)
    resumed.begin_epoch(1)
    resumed.train_step(small_batch)
    assert [int(each.iterations) for each in resumed.optimizers().values()] == [1, 1, 1, 1]


def test_pretraining_before_the_single_objective_is_cross_entropy_with_its_optimizer(small_batch: Batch) -> None:
    joint, plain = _model(phases=("joint",), pretraining_epochs=1), _model(phases=("cross_entropy",))
    for model in (joint, plain):
        model.train_step(small_batch)
    assert _are_equal(*(list(_state(model).values()) for model in (joint, plain)))
    for model in (joint, plain):
        model.begin_epoch(1)
        model.train_step(small_batch)
    assert not _are_equal(*(list(_state(model).values()) for model in (joint, plain)))


@pytest.mark.parametrize("phases", [PHASES, ("cross_entropy",), ("joint",)])
def test_evaluation_needs_no_optimizers(phases: tuple[str, ...], small_batch: Batch) -> None:
    model = _model(phases=phases)
    for _ in range(3):
        model.train_step(small_batch)
    copy = _model(phases=phases, compiled=False)
    assert copy.optimizers() == {}
    for key, variable in copy.training_variables().items():
        variable.assign(model.training_variables()[key])
    copy.compile()
    received = copy.evaluate(*small_batch, batch_size=7, verbose=0, return_dict=True)
    weights, moving = _weights(model), _moving(model)
    costs, similarity, difference = _losses(weights, small_batch, moving)
    logits = [_forward(w, small_batch[0], m)[0] for w, m in zip(weights, moving, strict=True)]
    together = sum(logits) / 2
    if model.head is not None:
        kernel, bias = _values(model.head.variables)
        together = np.concatenate(logits, axis=1) @ kernel + bias
    assert [received["m0_cost"], received["m1_cost"]] == pytest.approx(costs, rel=1e-4)
    assert received["loss"] == pytest.approx(sum(costs), rel=1e-4)
    assert received["similarity_loss"] == pytest.approx(similarity, rel=1e-3)
    assert received["feature_difference"] == pytest.approx(difference, rel=1e-4)
    assert received["ensemble_cost"] == pytest.approx(cross_entropy(small_batch[1], together), rel=1e-4)
    assert received["ensemble_error"] == pytest.approx(np.mean(together.argmax(axis=1) != small_batch[1]))


def test_one_network_is_trained_as_a_single_model_is(small_batch: Batch) -> None:
    model = _model((0,), ("cross_entropy",))
    single = SingleModel(_network(0))
    single.compile(_optimizers(("cross_entropy",))["cross_entropy"])
    for each in (model, single):
        each.fit(*small_batch, batch_size=3, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(_weights(model)[0], _values(single.trainable_variables), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert model.statistics_names == ["m0"]
    assert model.further_series == {}


@pytest.mark.parametrize(("members", "phases"), [((0, 1), PHASES), ((0, 1, 2), ("cross_entropy", "similarity"))])
def test_a_resumed_training_goes_on_bit_for_bit(
    members: tuple[int, ...], phases: tuple[str, ...], small_batch: Batch, tmp_path: Path
) -> None:
    """The first epoch alone is pretraining, so that the last two need what all phases left behind."""
    make = functools.partial(_model, members, phases, pretraining_epochs=1, seed=2)
    whole, second = make(), make()

    def save(epoch: int, logs: Any) -> None:
        if epoch == 1:
            checkpoint.save(str(tmp_path), whole, Record(2, 1.0, {}), "digest")

    save_callback = keras.callbacks.LambdaCallback(on_epoch_end=save)
    expected = _fit(whole, small_batch, 4, validation_data=small_batch, callbacks=[save_callback])
    assert checkpoint.restore(str(tmp_path), second, "digest") is not None
    received = _fit(second, small_batch, 4, first=2, validation_data=small_batch)
    assert {key: values[2:] for key, values in expected.items()} == received
    assert _state(whole).keys() == _state(second).keys()
    assert _are_equal(list(_state(whole).values()), list(_state(second).values()))


def test_a_compiled_step_has_the_same_pairs_and_numbers(small_batch: Batch) -> None:
    """As on a GPU: with XLA. After one step, rounding is all that may differ."""
    plain, compiled = (_model((0, 1, 2), ("cross_entropy", "similarity"), seed=4) for _ in range(2))
    plain.train_step(small_batch)
    tf.function(compiled.train_step, jit_compile=True)(tuple(tf.constant(each) for each in small_batch))
    for key, value in _state(plain).items():
        np.testing.assert_allclose(_state(compiled)[key], value, rtol=1e-3, atol=1e-5, err_msg=key)


def test_features_of_low_precision_are_compared_in_float32(small_batch: Batch) -> None:
    model = FeatureDifferenceModel({f"m{i}": _network(i, "mixed_bfloat16") for i in range(2)}, ("cross_entropy",))
    logits, features = model.logits_and_features(small_batch[0])
    assert {tensor.dtype for tensor in (*logits, *itertools.chain(*features))} == {tf.float32}


def test_the_optimizers_of_a_run() -> None:
    config = RunConfig(system="fdl", dataset="cifar10", members=("vgg16", "vgg16"), head_learning_rate=0.05)
    settings = {
        phase: (float(each.learning_rate), each.momentum, each.nesterov, each.decay)
        for phase, each in feature_difference_optimizers(config).items()
    }
    assert list(settings) == list(PHASES)
    assert settings["cross_entropy"] == settings["similarity"] == pytest.approx((0.1, 0.9, True, 5e-4))
    assert settings["feature_difference"] == pytest.approx((1e-4, 0.85, False, 0.0))
    assert settings["head"] == pytest.approx((0.05, 0.0, False, 0.0))
    config = RunConfig(system="fdl", members=("vgg16", "vgg16"), dataset="cifar10", phases=("joint",))
    (joint,) = feature_difference_optimizers(config).items()
    assert (joint[0], joint[1].momentum, joint[1].nesterov, joint[1].decay) == ("joint", 0.9, True, 5e-4)


def test_what_does_not_fit_is_refused() -> None:
    two = {"a": _network(0), "b": _network(1)}
    with pytest.raises(ValueError, match="one has cross_entropy alone"):
        FeatureDifferenceModel({"a": two["a"]}, ("cross_entropy", "similarity"))
    with pytest.raises(ValueError, match="defined for two"):
        FeatureDifferenceModel({**two, "c": _network(2)}, ("joint",))
    with pytest.raises(ValueError, match="head_initializer"):
        FeatureDifferenceModel(two)
    for phases in ((), ("similarity",), ("cross_entropy", "head", "similarity"), ("joint", "similarity"), ("other",)):
        with pytest.raises(ValueError, match="received phases"):
            FeatureDifferenceModel(two, phases)
    model = FeatureDifferenceModel(two, ("cross_entropy", "similarity"))
    with pytest.raises(ValueError, match="needed: cross_entropy, similarity"):
        model.compile(_optimizers(("cross_entropy",)))
