"""Our optimizers against their formulas, Adam against Keras' own and SGD against PyTorch's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.models.optimizers import SGD, Adam


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


_SGD_SETTINGS = [(0.0, False, 0.0), (0.0, False, 0.1), (0.9, False, 0.0), (0.85, False, 0.1), (0.9, True, 0.1)]
_RATES = [0.1, 0.1, 0.05, 0.2, 0.025]


def _sgd_updates(
    settings: tuple[float, bool, float], start: np.ndarray, gradients: list[np.ndarray], graph: bool
) -> np.ndarray:
    """What our SGD makes of a variable, at changing rates."""
    momentum, nesterov, decay = settings
    variable = keras.Variable(start)
    optimizer = SGD(_RATES[0], momentum=momentum, nesterov=nesterov, decay=decay)
    optimizer.build([variable])
    step = (tf.function if graph else lambda f: f)(lambda gradient: optimizer.apply([gradient], [variable]))
    for rate, gradient in zip(_RATES, gradients, strict=True):
        optimizer.learning_rate.assign(rate)
        step(tf.constant(gradient))
    assert int(optimizer.iterations) == len(_RATES)
    return variable.numpy()


@pytest.mark.parametrize("settings", _SGD_SETTINGS)
@pytest.mark.parametrize("graph", [False, True])
def test_sgd_follows_its_formula(settings: tuple[float, bool, float], graph: bool, rng: np.random.Generator) -> None:
    """Sutskever et al. (2013), in the form of TensorFlow 1: the rate stands outside of the momentum."""
    momentum, nesterov, decay = settings
    start, *gradients = rng.normal(size=(1 + len(_RATES), 3, 2)).astype(np.float32)
    w, v = start.astype(float), 0.0
    for rate, gradient in zip(_RATES, gradients, strict=True):
        g = gradient + decay * w
        v = momentum * v + g
        w = w - rate * (g + momentum * v if nesterov else v)
    np.testing.assert_allclose(_sgd_updates(settings, start, gradients, graph), w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", _SGD_SETTINGS)
def test_sgd_equals_pytorchs(settings: tuple[float, bool, float], rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    momentum, nesterov, decay = settings
    start, *gradients = rng.normal(size=(1 + len(_RATES), 3, 2)).astype(np.float32)
    variable = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.SGD([variable], lr=1.0, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    for rate, gradient in zip(_RATES, gradients, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        variable.grad = torch.tensor(gradient)
        optimizer.step()
    received = _sgd_updates(settings, start, gradients, graph=True)
    np.testing.assert_allclose(received, variable.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_sgd_moves_only_the_variables_it_is_given() -> None:
    """Neither momentum nor decay reaches another one."""
    variables = [keras.Variable(np.ones(2, np.float32)) for _ in range(2)]
    optimizer = SGD(0.1, momentum=0.9, decay=0.1)
    optimizer.build(variables)
    optimizer.apply([tf.ones(2)] * 2, variables)
    before = variables[1].numpy(), optimizer.momentums[1].numpy()
    optimizer.apply([tf.ones(2)], variables[:1])
    assert np.array_equal(before, (variables[1].numpy(), optimizer.momentums[1].numpy()))
    assert np.all(variables[0].numpy() < before[0])


def test_sgd_survives_serialisation() -> None:
    given = SGD(0.02, momentum=0.85, nesterov=True, decay=5e-4)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(given))
    assert isinstance(copy, SGD)
    assert copy.get_config() == given.get_config()
    assert copy.decay == 5e-4
