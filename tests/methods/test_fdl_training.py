"""Feature-difference ensembles over epochs: moving averages, random pairs, pretraining, evaluation, resume."""

import functools
import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.methods.fdl.model import FeatureDifferenceModel
from collab_ensembles.methods.fdl.options import PHASES
from collab_ensembles.methods.fdl.recipes import RECIPES
from collab_ensembles.models.single import SingleModel
from collab_ensembles.runs import checkpoint
from collab_ensembles.runs.logger import Record
from feature_differences import (
    CLASSES,
    are_equal,
    feature_difference_model,
    forward,
    moving_values,
    phase_optimizers,
    reference_losses,
    run_phase,
    small_network,
    state_of,
    trainable_values,
    values_of,
)
from reference import cross_entropy, softmax

Batch = tuple[np.ndarray, np.ndarray]
Weights = list[np.ndarray]


def _averaged(moving: Weights, weights: Weights, images: np.ndarray) -> Weights:
    moments = itertools.chain(*forward(weights, images)[2])
    return [0.9 * old + 0.1 * new for old, new in zip(moving, moments, strict=True)]


@pytest.mark.parametrize("bn_updates", ["once", "every_phase"])
def test_moving_averages_take_in_a_minibatch_once_or_in_every_phase(bn_updates: str, small_batch: Batch) -> None:
    model, twin = feature_difference_model(bn_updates=bn_updates), feature_difference_model()
    expected = [
        _averaged(m, w, small_batch[0]) for m, w in zip(moving_values(model), trainable_values(model), strict=True)
    ]
    if bn_updates == "every_phase":
        for phase in ("cross_entropy", "similarity"):
            run_phase(twin, phase, small_batch)
            expected = [_averaged(m, w, small_batch[0]) for m, w in zip(expected, trainable_values(twin), strict=True)]
    model.train_step(small_batch)
    for received, wanted in zip(itertools.chain(*moving_values(model)), itertools.chain(*expected), strict=True):
        np.testing.assert_allclose(received, wanted, rtol=1e-4, atol=1e-6)


def test_when_averages_are_updated_changes_nothing_else_but_the_head(small_batch: Batch) -> None:
    once, every = (feature_difference_model(bn_updates=bn_updates) for bn_updates in ("once", "every_phase"))
    for model in (once, every):
        model.train_step(small_batch)
    assert are_equal(*(list(itertools.chain(*trainable_values(model))) for model in (once, every)))
    assert once.head is not None
    assert every.head is not None
    assert not are_equal(values_of(once.head.variables), values_of(every.head.variables))


def _pairs_of(model: FeatureDifferenceModel, epoch: int, steps: int = 60) -> list[int]:
    model.begin_epoch(epoch)
    return [int(model.next_pair()) for _ in range(steps)]


def test_pairs_are_functions_of_seed_epoch_and_step() -> None:
    model, same, other = (feature_difference_model((0, 1, 2), seed=seed) for seed in (5, 5, 6))
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
    model = feature_difference_model((0, 1, 2), seed=1)
    for _ in range(2):
        model.similarity_phase(*small_batch)  # momentum that could move a network by itself
    order = [list(itertools.combinations(range(3), 2))[drawn] for drawn in _pairs_of(model, 3, 12)]
    assert len(set(order)) == 3
    model.begin_epoch(3)
    step = tf.function(model.similarity_phase) if graph else model.similarity_phase
    for index, pair in enumerate(order):
        alone = feature_difference_model(pair) if pair not in order[:index] else None
        if alone:
            _copy(model, alone, pair)
        before = trainable_values(model), _slots(model)
        step(*small_batch)
        idle = ({0, 1, 2} - set(pair)).pop()
        for earlier, later in zip(before, (trainable_values(model), _slots(model)), strict=True):
            assert [are_equal(earlier[i], later[i]) for i in range(3)] == [i == idle for i in range(3)]
        if alone:
            alone.similarity_phase(*small_batch)
            for index, wanted in zip(pair, trainable_values(alone), strict=True):
                for received, value in zip(trainable_values(model)[index], wanted, strict=True):
                    np.testing.assert_allclose(received, value, rtol=1e-5, atol=1e-6)


def _slots(model: FeatureDifferenceModel) -> list[Weights]:
    momenta = values_of(model.optimizers()["similarity"].momentums)
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
    model, steps = feature_difference_model(pretraining_epochs=1), []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: steps.append([int(each.iterations) for each in model.optimizers().values()])
    )
    _fit(model, small_batch, 3, callbacks=[note])
    assert steps == [[3, 0, 0, 3], [6, 3, 3, 6], [9, 6, 6, 9]]
    resumed = feature_difference_model(pretraining_epochs=1)
    resumed.begin_epoch(1)
    resumed.train_step(small_batch)
    assert [int(each.iterations) for each in resumed.optimizers().values()] == [1, 1, 1, 1]


def test_pretraining_before_the_single_objective_is_cross_entropy_with_its_optimizer(small_batch: Batch) -> None:
    joint, plain = (
        feature_difference_model(phases=("joint",), pretraining_epochs=1),
        feature_difference_model(phases=("cross_entropy",)),
    )
    for model in (joint, plain):
        model.train_step(small_batch)
    assert are_equal(*(list(state_of(model).values()) for model in (joint, plain)))
    for model in (joint, plain):
        model.begin_epoch(1)
        model.train_step(small_batch)
    assert not are_equal(*(list(state_of(model).values()) for model in (joint, plain)))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("phases", [PHASES, ("cross_entropy",), ("joint",)])
def test_evaluation_needs_no_optimizers(phases: tuple[str, ...], small_batch: Batch) -> None:
    model = feature_difference_model(phases=phases)
    for _ in range(3):
        model.train_step(small_batch)
    copy = feature_difference_model(phases=phases, compiled=False)
    assert copy.optimizers() == {}
    for key, variable in copy.training_variables().items():
        variable.assign(model.training_variables()[key])
    copy.compile()
    received = copy.evaluate(*small_batch, batch_size=7, verbose=0, return_dict=True)
    weights, moving = trainable_values(model), moving_values(model)
    costs, similarity, difference = reference_losses(weights, small_batch, moving)
    logits = [forward(w, small_batch[0], m)[0] for w, m in zip(weights, moving, strict=True)]
    together = sum(logits) / 2
    if model.head is not None:
        kernel, bias = values_of(model.head.variables)
        together = np.concatenate(logits, axis=1) @ kernel + bias
    assert [received["m0_cost"], received["m1_cost"]] == pytest.approx(costs, rel=1e-4)
    assert received["loss"] == pytest.approx(sum(costs), rel=1e-4)
    assert received["similarity_loss"] == pytest.approx(similarity, rel=1e-3)
    assert received["feature_difference"] == pytest.approx(difference, rel=1e-4)
    assert received["ensemble_cost"] == pytest.approx(cross_entropy(small_batch[1], together), rel=1e-4)
    assert received["ensemble_error"] == pytest.approx(np.mean(together.argmax(axis=1) != small_batch[1]))


@pytest.mark.usefixtures("eager")
def test_one_network_is_trained_as_a_single_model_is(small_batch: Batch) -> None:
    model = feature_difference_model((0,), ("cross_entropy",))
    single = SingleModel(small_network(0))
    single.compile(phase_optimizers(("cross_entropy",))["cross_entropy"])
    for each in (model, single):
        each.fit(*small_batch, batch_size=3, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(trainable_values(model)[0], values_of(single.trainable_variables), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert model.statistics_names == ["m0"]
    assert model.further_series == {}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("members", "phases"), [((0, 1), PHASES), ((0, 1, 2), ("cross_entropy", "similarity"))])
def test_a_resumed_training_goes_on_bit_for_bit(
    members: tuple[int, ...], phases: tuple[str, ...], small_batch: Batch, tmp_path: Path
) -> None:
    """The first epoch alone is pretraining, so that the last two need what all phases left behind.

    Traced: tests/runs/test_run_systems.py.
    """
    options = {"recipe": RECIPES["cifar"], "bn_updates": "every_phase", "pretraining_epochs": 1}
    make = functools.partial(feature_difference_model, members, phases, **options, seed=2)
    whole, second = make(), make()

    def save(epoch: int, logs: Any) -> None:
        if epoch == 1:
            checkpoint.save(str(tmp_path), whole, Record(2, 1.0, {}), "digest")

    save_callback = keras.callbacks.LambdaCallback(on_epoch_end=save)
    expected = _fit(whole, small_batch, 4, validation_data=small_batch, callbacks=[save_callback])
    assert checkpoint.restore(str(tmp_path), second, "digest") is not None
    received = _fit(second, small_batch, 4, first=2, validation_data=small_batch)
    assert {key: values[2:] for key, values in expected.items()} == received
    assert state_of(whole).keys() == state_of(second).keys()
    assert are_equal(list(state_of(whole).values()), list(state_of(second).values()))


def test_a_compiled_step_has_the_same_pairs_and_numbers(small_batch: Batch) -> None:
    """As on a GPU: with XLA. After one step, rounding is all that may differ."""
    plain, compiled = (feature_difference_model((0, 1, 2), ("cross_entropy", "similarity"), seed=4) for _ in range(2))
    plain.train_step(small_batch)
    tf.function(compiled.train_step, jit_compile=True)(tuple(tf.constant(each) for each in small_batch))
    for key, value in state_of(plain).items():
        np.testing.assert_allclose(state_of(compiled)[key], value, rtol=1e-3, atol=1e-5, err_msg=key)


def _iterations(model: FeatureDifferenceModel) -> dict[str, int]:
    return {phase: int(each.iterations) for phase, each in model.optimizers().items()}


def test_pretraining_by_its_own_optimizer_is_plain_training_of_the_networks_alone(small_batch: Batch) -> None:
    model = feature_difference_model(recipe=RECIPES["cifar"], pretraining_epochs=1)
    plain = feature_difference_model(phases=("cross_entropy",))
    plain.optimizers()["cross_entropy"].learning_rate.assign(0.1)
    for each in (model, plain):
        each.train_step(small_batch)
    assert are_equal(*(list(itertools.chain(*trainable_values(each))) for each in (model, plain)))
    assert _iterations(model) == {"pretraining": 1, **dict.fromkeys(PHASES, 0)}
    model.begin_epoch(1)
    model.train_step(small_batch)
    assert _iterations(model) == {"pretraining": 1, **dict.fromkeys(PHASES, 1)}


def test_on_mnist_similarity_waits_for_the_second_joint_epoch_and_the_head_for_its_pass(small_batch: Batch) -> None:
    model = feature_difference_model(recipe=RECIPES["mnist"], pretraining_epochs=2)
    batches = tf.data.Dataset.from_tensor_slices(small_batch).batch(3)
    counts: list[dict[str, int]] = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: counts.append(_iterations(model)))
    clock = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: model.begin_epoch(epoch))
    callbacks = [clock, *model.callbacks(batches), note]
    model.fit(batches, epochs=5, shuffle=False, verbose=0, validation_data=small_batch, callbacks=callbacks)
    after = [tuple(count.values()) for count in counts]
    assert after == [(3, 0, 0, 0, 0), (6, 0, 0, 0, 0), (6, 3, 0, 3, 3), (6, 6, 3, 6, 6), (6, 9, 6, 9, 9)]


def test_the_pass_of_the_head_is_softmax_regression_on_networks_that_stay(small_batch: Batch) -> None:
    model = feature_difference_model(recipe=RECIPES["mnist"])
    model.train_step(small_batch)
    before = trainable_values(model), moving_values(model)
    assert model.head is not None
    kernel, bias = (each.astype(float) for each in values_of(model.head.variables))
    (callback,) = model.callbacks(tf.data.Dataset.from_tensor_slices(small_batch).batch(3))
    callback.on_test_begin()
    for earlier, later in zip(before, (trainable_values(model), moving_values(model)), strict=True):
        assert are_equal(list(itertools.chain(*earlier)), list(itertools.chain(*later)))
    images, labels = small_batch
    inputs = np.concatenate([forward(w, images, m)[0] for w, m in zip(*before, strict=True)], axis=1)
    for start in range(0, len(labels), 3):
        x, y = inputs[start : start + 3], labels[start : start + 3]
        error = (softmax(x @ kernel + bias) - np.eye(CLASSES)[y]) / len(y)
        kernel, bias = kernel - 0.5 * x.T @ error, bias - 0.5 * error.sum(axis=0)
    received = values_of(model.head.variables)
    np.testing.assert_allclose(received[0], kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(received[1], bias, rtol=1e-4, atol=1e-5)


def test_on_mnist_momentum_begins_at_zero_in_each_epoch(small_batch: Batch) -> None:
    kept, fresh = (feature_difference_model(recipe=RECIPES[name], pretraining_epochs=0) for name in ("cifar", "mnist"))
    for model, stays in ((kept, True), (fresh, False)):
        for phase in PHASES[:3]:
            run_phase(model, phase, small_batch)
        model.begin_epoch(1)
        for phase in PHASES[:3]:
            momenta = values_of(model.optimizers()[phase].momentums)
            assert any(np.any(value) for value in momenta) == stays


def test_all_networks_are_run_forward_where_one_pair_has_its_step(small_batch: Batch) -> None:
    model = feature_difference_model((0, 1, 2), bn_updates="every_phase", seed=1)
    before = moving_values(model), trainable_values(model)
    model.similarity_phase(*small_batch)
    for old, weights, received in zip(*before, moving_values(model), strict=True):
        for wanted, value in zip(_averaged(old, weights, small_batch[0]), received, strict=True):
            np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-6)
