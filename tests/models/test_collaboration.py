"""Collaboration costs against NumPy, and their gradients against finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.models import collaboration
from reference import finite_differences, softmax

CHAIN_OF_3 = [(0, 1), (1, 2)]


@pytest.fixture
def logits(rng: np.random.Generator) -> list[np.ndarray]:
    return [3 * rng.normal(size=(4, 5)) for _ in range(3)]


def _ce(target: np.ndarray, prediction: np.ndarray) -> float:
    return float(np.mean(-np.sum(softmax(target) * np.log(softmax(prediction)), axis=1)))


def _expected(method: str, logits: list[np.ndarray], pairs: list[tuple[int, int]]) -> float:
    if method == "CE":
        return sum(_ce(logits[i], logits[j]) + _ce(logits[j], logits[i]) for i, j in pairs)
    distance = np.square if method == "L2" else np.abs
    return float(np.mean([np.sum(distance(logits[i] - logits[j]), axis=1) for i, j in pairs]))


def _gradients(
    method: str, logits: list[np.ndarray], pairs: list[tuple[int, int]], **options: bool
) -> list[np.ndarray]:
    cost = collaboration.by_name(method, **options)
    assert cost is not None
    with tf.GradientTape() as tape:
        tensors = [tf.constant(each) for each in logits]
        tape.watch(tensors)
        value = cost(tensors, pairs)
    return [gradient.numpy() for gradient in tape.gradient(value, tensors)]


@pytest.mark.parametrize("pairs", [[(0, 1)], CHAIN_OF_3, [(0, 1), (0, 2), (1, 2)]])
@pytest.mark.parametrize("method", ["CE", "L2", "L1"])
def test_costs_equal_an_independent_computation(
    method: str, pairs: list[tuple[int, int]], logits: list[np.ndarray]
) -> None:
    cost = collaboration.by_name(method)
    assert cost is not None
    value = cost([keras.ops.convert_to_tensor(each) for each in logits], pairs)
    np.testing.assert_allclose(float(value), _expected(method, logits, pairs), rtol=1e-12)


def test_ce_sums_and_distances_average_over_pairs(logits: list[np.ndarray]) -> None:
    """The reference code: tf.add_n for CE, reduce_mean over the stacked differences for L1 and L2."""
    same = [logits[0], logits[1], logits[0]]
    for method, ratio in (("CE", 2), ("L2", 1), ("L1", 1)):
        cost = collaboration.by_name(method)
        assert cost is not None
        np.testing.assert_allclose(float(cost(same, CHAIN_OF_3)), ratio * float(cost(same, [(0, 1)])), rtol=1e-12)


@pytest.mark.parametrize("method", ["L2", "L1"])
def test_gradients_of_distances_equal_finite_differences(method: str, logits: list[np.ndarray]) -> None:
    received = _gradients(method, logits, CHAIN_OF_3)
    for member in range(3):

        def value(at: np.ndarray, member: int = member) -> float:
            return _expected(method, [*logits[:member], at, *logits[member + 1 :]], CHAIN_OF_3)

        np.testing.assert_allclose(received[member], finite_differences(value, logits[member]), atol=1e-7)


def test_gradient_of_ce_treats_targets_as_constants(logits: list[np.ndarray]) -> None:
    """By finite differences of the cost in which the logits behind the targets stay where they are."""
    received = _gradients("CE", logits, CHAIN_OF_3)
    for member, neighbours in ((0, [1]), (1, [0, 2]), (2, [1])):

        def value(at: np.ndarray, neighbours: list[int] = neighbours) -> float:
            return sum(_ce(logits[neighbour], at) for neighbour in neighbours)

        np.testing.assert_allclose(received[member], finite_differences(value, logits[member]), atol=1e-7)


def test_target_gradient_gives_the_gradient_of_the_whole_cost(logits: list[np.ndarray]) -> None:
    received = _gradients("CE", logits, CHAIN_OF_3, target_gradient=True)
    for member in range(3):

        def value(at: np.ndarray, member: int = member) -> float:
            return _expected("CE", [*logits[:member], at, *logits[member + 1 :]], CHAIN_OF_3)

        np.testing.assert_allclose(received[member], finite_differences(value, logits[member]), atol=1e-7)
    assert np.abs(received[0] - _gradients("CE", logits, CHAIN_OF_3)[0]).max() > 1e-3


def test_confident_members_keep_finite_costs_and_gradients() -> None:
    far = [np.array([[1000.0, 0.0]]), np.array([[0.0, 1000.0]])]
    for method in ("CE", "L2", "L1"):
        assert all(np.isfinite(gradient).all() for gradient in _gradients(method, far, [(0, 1)]))


def test_pairings() -> None:
    assert list(collaboration.pairs(4)) == [(0, 1), (1, 2), (2, 3)]
    assert list(collaboration.pairs(3, "all")) == [(0, 1), (0, 2), (1, 2)]
    assert list(collaboration.pairs(2, "all")) == list(collaboration.pairs(2, "chain"))
    with pytest.raises(ValueError, match="unknown pairing 'ring'; allowed: chain, all"):
        collaboration.pairs(3, "ring")
