"""Teachers are networks from the student's images to logits of its classes, or they are refused in one line."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.teacher import load_teacher

# Of saving: Keras 3.15 passes NumPy a keyword that NumPy 2.4 deprecates, and one network has no shapes yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation", "ignore:You are saving a model that has not")

_SHAPE, _CLASSES = (8, 8, 1), 4


def _dense(shape: tuple[int | None, ...] = _SHAPE, units: int = _CLASSES, activation: str | None = None) -> keras.Model:
    inputs = keras.Input(shape)
    x = layers.GlobalAveragePooling2D()(inputs) if len(shape) == 3 else inputs
    return keras.Model(inputs, layers.Dense(units, activation)(layers.Rescaling(1 / 255)(x)))


def _two_inputs() -> keras.Model:
    inputs = [keras.Input(_SHAPE), keras.Input(_SHAPE)]
    return keras.Model(inputs, layers.Dense(_CLASSES)(layers.Flatten()(layers.Add()(inputs))))


def _two_outputs() -> keras.Model:
    network = _dense()
    return keras.Model(network.input, [network.output, network.output])


def _nested_softmax() -> keras.Model:
    inputs = keras.Input(_SHAPE)
    return keras.Model(
        inputs, layers.Average()([_dense(activation="softmax")(inputs), _dense(activation="softmax")(inputs)])
    )


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (_dense(activation="softmax"), "gives probabilities; needed: logits"),
        (keras.Sequential([_dense(), layers.Softmax()]), "gives probabilities; needed: logits"),
        (_nested_softmax(), "gives probabilities; needed: logits"),
        (_dense(activation="sigmoid"), "gives probabilities; needed: logits"),
        (keras.Sequential([keras.Input(_SHAPE), _dense(activation="sigmoid")]), "gives probabilities; needed: logits"),
        (_dense(units=3), r"to \(3,\); needed for digits: from images \(8, 8, 1\) to 4 logits"),
        (_dense((8, 8, 3)), r"from \(8, 8, 3\) to \(4,\); needed for digits"),
        (_dense((64,)), r"from \(64,\) to \(4,\); needed for digits"),
        (_two_inputs(), r"from \(8, 8, 1\) and \(8, 8, 1\) to"),
        (_two_outputs(), r"to \(4,\) and \(4,\); needed for digits"),
        (keras.Sequential([layers.Flatten(), layers.Dense(_CLASSES)]), "from unknown shapes to unknown shapes"),
    ],
)
def test_what_is_no_teacher_is_refused(network: keras.Model, message: str, tmp_path: Path) -> None:
    path = str(tmp_path / "teacher.keras")
    network.save(path)
    with pytest.raises(ConfigError, match=message):
        load_teacher(path, _SHAPE, _CLASSES, "digits")


@pytest.mark.parametrize("shape", [_SHAPE, (None, None, 1)])
@pytest.mark.parametrize("activation", [None, "log_softmax"])
def test_logits_are_taken(
    shape: tuple[int | None, ...], activation: str | None, tmp_path: Path, rng: np.random.Generator
) -> None:
    network, path = _dense(shape, activation=activation), str(tmp_path / "teacher.keras")
    network.save(path)
    images = rng.integers(0, 256, (3, *_SHAPE)).astype(np.float32)
    np.testing.assert_array_equal(load_teacher(path, _SHAPE, _CLASSES, "digits")(images), network(images))
