"""Links against NumPy, their gradients against finite differences, and weights that the epoch sets."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.models import collaboration
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.links import (
    Link,
    absolute_difference,
    soft_cross_entropy,
    squared_difference,
)
from reference import finite_differences, softmax

Batch = tuple[np.ndarray, np.ndarray]

COSTS: dict[Any, Callable[[np.ndarray, np.ndarray], float]] = {
    soft_cross_entropy: lambda s, t: float(-np.mean(np.sum(softmax(s) * np.log(softmax(t)), axis=1))),
    squared_difference: lambda s, t: float(np.mean(np.sum((s - t) ** 2, axis=1))),
    absolute_difference: lambda s, t: float(np.mean(np.sum(np.abs(s - t), axis=1))),
}


@pytest.fixture
def logits(rng: np.random.Generator) -> list[np.ndarray]:
    return [2 * rng.normal(size=(4, 5)) for _ in range(3)]


def member(name: str) -> keras.Model:
    """From images of 8 x 8 pixels to logits of 5 classes, by one matrix."""
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 256)(inputs))
    kernel = keras.initializers.GlorotUniform(ord(name))
    return keras.Model(inputs, keras.layers.Dense(5, use_bias=False, kernel_initializer=kernel)(x), name=name)


def ensemble(*arguments: Any, names: str = "abc", eager: bool = True, **options: Any) -> EnsembleModel:
    model = EnsembleModel({name: member(name) for name in names}, *arguments, **options)
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=eager)
    return model


@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.parametrize("cost", COSTS)
def test_the_gradient_reaches_the_source_only_if_it_is_not_stopped(
    cost: Any, stopped: bool, logits: list[np.ndarray]
) -> None:
    link, source, target = Link("s", "t", cost, stop_gradient=stopped), logits[0], logits[1]
    with tf.GradientTape() as tape:
        tensors = {"s": tf.constant(source), "t": tf.constant(target)}
        tape.watch(tensors)
        value = link.value(tensors)
    gradients = tape.gradient(value, tensors, unconnected_gradients="zero")
    assert float(value) == pytest.approx(COSTS[cost](source, target), rel=1e-12)
    of_target = finite_differences(lambda at: COSTS[cost](source, at), target)
    np.testing.assert_allclose(gradients["t"], of_target, atol=1e-7)
    of_source = 0 * source if stopped else finite_differences(lambda at: COSTS[cost](at, target), source)
    np.testing.assert_allclose(gradients["s"], of_source, atol=0 if stopped else 1e-7)


def test_each_link_has_its_weight_and_the_cost_needs_no_labels(logits: list[np.ndarray]) -> None:
    a, b, c = (each.astype(np.float32) for each in logits)
    links = [
        Link("a", "b", soft_cross_entropy, 0.5),
        Link("c", "a", squared_difference, lambda epoch: 0.1 * (epoch + 1), stop_gradient=False),
        Link("b", "c", absolute_difference, keras.Variable(0.25)),
        Link("a", "c", absolute_difference, 0.5),
        Link("b", "a", lambda source, target: np.nan, 0.0),
    ]
    model = ensemble(links=links)
    for epoch in (0, 4, 1):
        model.begin_epoch(epoch)
        expected = 0.5 * (COSTS[soft_cross_entropy](a, b) + COSTS[absolute_difference](a, c))
        expected += 0.1 * (epoch + 1) * COSTS[squared_difference](c, a) + 0.25 * COSTS[absolute_difference](b, c)
        assert float(model.collaboration_cost([a, b, c])) == pytest.approx(expected, rel=1e-5)
    assert float(ensemble().collaboration_cost([a, b, c])) == 0


def test_a_member_that_is_only_learned_from_learns_as_it_does_alone(batch: Batch) -> None:
    """A teacher and its student: one link, stopped; of its two ends only the target changes with it."""
    plain, linked = ensemble(names="ab"), ensemble(names="ab", links=[Link("a", "b", soft_cross_entropy, 0.7)])
    for model in (plain, linked):
        model.train_step(batch)
    teachers, students = ([each.members[name].get_weights()[0] for each in (plain, linked)] for name in "ab")
    np.testing.assert_array_equal(*teachers)
    assert np.abs(students[0] - students[1]).max() > 1e-4


@pytest.mark.parametrize("pairing", ["chain", "all"])
@pytest.mark.parametrize(("method", "options"), [("CE", {}), ("CE", {"target_gradient": True}), ("L2", {}), ("L1", {})])
def test_links_give_the_bits_of_the_costs_of_pairs(method: str, options: Any, pairing: str, batch: Batch) -> None:
    """The costs as functions of logits and pairs, against the list of links given by itself."""
    cost = collaboration.by_name(method, **options)
    assert cost is not None
    pairs = [("abc"[i], "abc"[j]) for i, j in collaboration.pairs(3, pairing)]
    models = [
        ensemble(cost, 0.3, pairing),
        ensemble(lambda logits, pairs: cost(logits, pairs), 0.3, pairing),
        ensemble(links=collaboration.links(cost, pairs, 0.3)),
    ]
    for model in models:
        model.train_step(batch)
        model.train_step(batch)
    for model in models[1:]:
        assert [each.tobytes() for each in model.get_weights()] == [each.tobytes() for each in models[0].get_weights()]


def test_a_schedule_moves_the_weight_and_costs_no_new_trace(batch: Batch) -> None:
    """Against the same epochs with numbers for weights; the cost is called when a step is traced."""
    traces = []

    def counted(source: Any, target: Any) -> Any:
        traces.append(1)
        return squared_difference(source, target)

    def schedule(epoch: int) -> float:
        return (0.0, 0.2, 0.05, 0.1)[epoch]

    model = ensemble(names="ab", eager=False, links=[Link("a", "b", counted, schedule)])
    start = model.get_weights()
    received = model.fit(*batch, batch_size=6, epochs=4, shuffle=False, verbose=0).history["loss"]
    assert len(traces) == 1
    expected = []
    for epoch in range(4):
        other = ensemble(names="ab", links=[Link("a", "b", squared_difference, schedule(epoch))])
        other.set_weights(start)
        expected += other.fit(*batch, batch_size=6, shuffle=False, verbose=0).history["loss"]
        start = other.get_weights()
    np.testing.assert_allclose(received, expected, rtol=1e-4)
    assert len(model.variables) == 2


def test_the_weight_of_a_collaboration_cost_can_be_a_schedule(logits: list[np.ndarray]) -> None:
    model = ensemble(collaboration.squared_distance, lambda epoch: 0.1 * epoch, names="ab")
    costs = []
    for epoch in range(3):
        model.begin_epoch(epoch)
        costs.append(float(model.collaboration_cost(logits[:2])))
    unit = 0.1 * np.mean((logits[0] - logits[1]) ** 2, axis=0).sum()
    np.testing.assert_allclose(costs, [0, unit, 2 * unit], rtol=1e-5)
    for wrong in (-1.0, float("inf"), None, "high"):
        with pytest.raises(ValueError, match=f"gives {wrong} for epoch 0; allowed: numbers from 0"):
            ensemble(collaboration.squared_distance, lambda epoch, wrong=wrong: wrong, names="ab")


@pytest.mark.parametrize(
    ("build", "fragment"),
    [
        (lambda: Link("a", "a", squared_difference), "from 'a' to itself"),
        (lambda: Link("a", "b", squared_difference, -1.0), "weight -1.0; allowed: numbers from 0"),
        (lambda: Link("a", "b", squared_difference, mean_of=0), "mean_of=0; allowed"),
        (lambda: Link("a", "b", squared_difference, mean_of=1.5), "mean_of=1.5; allowed: whole numbers"),
        (lambda: Link("a", "b", squared_difference, "1"), "weight that is a str; needed: a number"),
        (lambda: Link("a", "b", squared_difference, keras.Variable([1.0, 2.0])), "needed: a number"),
        (lambda: Link("a", "b", "CE"), "cost of a link 'CE'; needed: a function"),
        (lambda: ensemble("CE"), "collaboration cost 'CE'; needed: a function"),
        (lambda: ensemble(links=Link("a", "b", squared_difference)), "a Link in place of links; needed: a list"),
        (lambda: ensemble(links=["ab"]), "a str in place of links; needed: a list"),
        (lambda: ensemble(weight=5.0), "received weight without a collaboration cost"),
        (lambda: ensemble(weight=lambda epoch: 1.0), "received weight without a collaboration cost"),
        (lambda: ensemble(pairing="all"), "received pairing without a collaboration cost"),
        (
            lambda: ensemble(None, 5.0, "all", links=[Link("a", "b", squared_difference)]),
            "received weight and pairing without a collaboration cost",
        ),
        (lambda: ensemble(links=[Link("a", "x", squared_difference)]), "links of x; allowed: members, a, b, c"),
        (lambda: ensemble(collaboration.squared_distance, links=[Link("a", "b", squared_difference)]), "one of them"),
    ],
)
def test_wrong_links_are_refused_in_one_line(build: Any, fragment: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        build()
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)
