"""Our Adam against its formula and against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.optimizers import Adam


def _by_formula(start: np.ndarray, gradients: list[np.ndarray], rates: list[float]) -> np.ndarray:
    """Kingma and Ba (2015), section 2, with TensorFlow's epsilon, in float64."""
    w, m, v = start.astype(float), 0.0, 0.0
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * np.square(g, dtype=float)
        w = w - rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)
    return w


@pytest.mark.parametrize("graph", [False, True])
def test_it_follows_the_formula_with_a_changing_rate(graph: bool, rng: np.random.Generator) -> None:
    starts = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 2), (4,))]
    variables = [keras.Variable(start) for start in starts]
    optimizer = Adam(0.1)
    optimizer.build(variables)
    step = (tf.function if graph else lambda f: f)(lambda gradients: optimizer.apply(gradients, variables))
    rates = [0.1, 0.1, 0.05, 0.05, 0.025]
    gradients = [[rng.normal(size=start.shape).astype(np.float32) for start in starts] for _ in rates]
    for rate, each in zip(rates, gradients, strict=True):
        optimizer.learning_rate.assign(rate)
        step([tf.constant(gradient) for gradient in each])
    for index, variable in enumerate(variables):
        expected = _by_formula(starts[index], [each[index] for each in gradients], rates)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations) == len(rates)


def test_it_equals_keras_with_the_same_epsilon_and_not_with_keras_default(rng: np.random.Generator) -> None:
    """Gradients of 1e-7 tell 1e-8 from 1e-7."""
    results = []
    for optimizer in (Adam(0.01), keras.optimizers.Adam(0.01, epsilon=1e-8), keras.optimizers.Adam(0.01)):
        variable = keras.Variable(np.ones(3, np.float32))
        optimizer.build([variable])
        for scale in (1.0, 2.0, -3.0):
            optimizer.apply([tf.constant([1e-7, 2e-7, 1.0]) * scale], [variable])
        results.append(variable.numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)
    assert np.abs(results[0] - results[2]).max() > 1e-3


def test_it_survives_serialisation() -> None:
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(Adam(0.02, epsilon=1e-6)))
    assert isinstance(copy, Adam)
    assert copy.get_config() == Adam(0.02, epsilon=1e-6).get_config()
