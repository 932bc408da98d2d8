"""What a user has set in Keras changes no network, or is refused in one line."""

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.assembly import build_model
from collab_ensembles.models.single import SingleModel
from collab_ensembles.networks import exported
from collab_ensembles.networks.build import build_network
from collab_ensembles.networks.joined import joined
from collab_ensembles.settings.config import RunConfig

_MEMBERS = ("convnet4", "resnet8", "densenet7-2", "B2R1F2")


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


def _network(member: str, precision: str = "float32") -> keras.Model:
    random = np.random.default_rng(3)
    return build_network(member, (8, 4, 3), 5, random=random, precision=precision, name=member)


def _images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 8, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("member", _MEMBERS)
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_networks_do_not_follow_the_settings(member: str, precision: str) -> None:
    expected = np.asarray(_network(member, precision)(_images()))
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("mixed_float16")
    received = np.asarray(_network(member, precision)(_images()))
    assert received.dtype == np.float32
    np.testing.assert_array_equal(received, expected)


def test_exported_networks_do_not_follow_the_settings(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{number}.keras") for number in range(2)]

    def save(path: str) -> None:
        exported.save(joined({member: _network(member) for member in _MEMBERS}, "ensemble"), path)

    save(paths[0])
    expected = np.asarray(keras.models.load_model(paths[0])(_images()))
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    save(paths[1])
    for path in paths:
        np.testing.assert_array_equal(np.asarray(keras.models.load_model(path)(_images())), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: keras.config.set_floatx("float64"), r"floatx is float64; needed: float32"),
        (lambda: keras.config.set_dtype_policy("mixed_float16"), r"dtype_policy is mixed_float16; needed: float32"),
        (lambda: keras.config.set_epsilon(0.01), r"epsilon is 0\.01; needed: 1e-07"),
    ],
)
def test_models_refuse_other_numbers(change: Callable[[], None], message: str) -> None:
    change()
    with pytest.raises(ConfigError, match=message):
        SingleModel(_network("convnet4"))


@pytest.mark.parametrize("name", ["max_epochs", "max_steps_per_epoch"])
def test_runs_refuse_to_be_cut_short(name: str) -> None:
    getattr(keras.config, f"set_{name}")(1)
    with pytest.raises(ConfigError, match=rf"{name} is 1; needed: None"):
        build_model(RunConfig(members=("B1R1F2",)), (8, 8, 1), 5)
