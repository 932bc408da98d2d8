"""Exported networks consist of Keras' own layers and give the same outputs."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from collab_ensembles.networks import exported
from collab_ensembles.networks.build import build_network


@pytest.fixture
def without_our_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras as it is for someone without this package: it knows none of the registered layers."""
    registered: dict[str, Any] = keras.saving.get_custom_objects()
    for name in [name for name in registered if name.startswith("collab_ensembles")]:
        monkeypatch.delitem(registered, name)
    assert not [name for name in keras.saving.get_custom_objects() if "collab_ensembles" in name]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize(
    ("member", "precision"),
    [("resnet8", "float32"), ("resnet8", "mixed_bfloat16"), ("densenet7-2", "float32"), ("convnet4", "float32")],
)
@pytest.mark.usefixtures("without_our_layers")
def test_an_exported_network_loads_without_this_package(
    member: str, precision: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    net = build_network(member, (8, 8, 3), 5, precision=precision, random=rng, name="net")
    for variable in net.variables:
        variable.assign(rng.uniform(0.2, 0.8, variable.shape))
    path = str(tmp_path / "net.keras")
    exported.save(net, path)
    with zipfile.ZipFile(path) as archive:
        assert not [s for s in _strings(json.loads(archive.read("config.json"))) if "collab_ensembles" in s]
    loaded = keras.models.load_model(path)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in net.layers]
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}
    images = rng.integers(0, 256, (3, 8, 8, 3)).astype(np.float32)
    expected, received = net(images).numpy(), loaded(images).numpy()
    tolerance = 1e-5 if precision == "float32" else 0.05
    np.testing.assert_allclose(received, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    assert exported.own_classes(net) == []


class _Own(keras.layers.Layer):
    pass


def test_layers_whose_code_a_file_does_not_bring_are_named() -> None:
    nested = keras.Sequential([keras.Input((3,)), _Own()])
    assert exported.own_classes(keras.Sequential([keras.Input((3,)), nested, keras.layers.Dense(2)])) == ["_Own"]
