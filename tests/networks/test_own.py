"""Networks of one's own are what their files make of the seed, or are refused in one line."""

import random
from pathlib import Path

import keras
import numpy as np
import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks import own_files
from collab_ensembles.networks.own import build_own
from collab_ensembles.settings import grid
from collab_ensembles.settings.config import RunConfig

# Of saving: Keras 3.15 passes NumPy a keyword that NumPy 2.4 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

_SHAPE, _CLASSES = (8, 8, 1), 10

_FILE = """
from __future__ import annotations
import dataclasses
import sys
import keras

@dataclasses.dataclass
class Width:
    units: int

def net(shape, classes, activation=None, width=Width(3)):
    images = keras.Input(shape)
    x = keras.layers.Dense(width.units, "relu")(keras.layers.Flatten()(images))
    return keras.Model(images, keras.layers.Dense(classes, activation)(x))

def build(shape, classes, seed):
    return net(shape, classes)

def deep(shape, classes, seed):
    return keras.Sequential([keras.Input(shape), net(shape, 4), keras.layers.Dense(classes)])

def by_seed(shape, classes, seed):
    return net(shape, classes, width=Width(1 + seed % 5))

def raises(shape, classes, seed):
    raise RuntimeError("no\\nluck")

def leaves(shape, classes, seed):
    sys.exit(3)

def nothing(shape, classes, seed):
    pass

def few(shape):
    pass

def other_shape(shape, classes, seed):
    return net((9, 9, 1), classes)

def other_classes(shape, classes, seed):
    return net(shape, 7)

def softmax(shape, classes, seed):
    return net(shape, classes, "softmax")

def sigmoid(shape, classes, seed):
    return net(shape, classes, "sigmoid")

def two_outputs(shape, classes, seed):
    network = net(shape, classes)
    return keras.Model(network.input, [network.output, network.output])

def two_inputs(shape, classes, seed):
    images = [keras.Input(shape), keras.Input(shape)]
    x = keras.layers.Flatten()(keras.layers.Add()(images))
    return keras.Model(images, keras.layers.Dense(classes)(x))

def without_input(shape, classes, seed):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)])

number = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(_FILE)
    (folder / "beside.py").write_text("from own_helper import build\n")
    (folder / "own_helper.py").write_text("def build(shape, classes, seed):\n    pass\n")
    (folder / "wrong.py").write_text("x = 1\ndef build(:\n")
    (folder / "damaged.keras").write_bytes(b"no archive")
    (folder / "folder.keras").mkdir()
    return folder


def _build(member: str, seed: int = 0, name: str = "a") -> keras.Model:
    own = own_files.parse(own_files.sealed(member))
    assert own is not None
    return build_own(own, _SHAPE, _CLASSES, seed=seed, name=name)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("beside.py:build", r"beside\.py:build: imports .*/own_helper\.py, whose changes no run would notice; put"),
        ("mine.py:raises", r"mine\.py:raises: line \d+: RuntimeError: no luck$"),
        ("mine.py:leaves", "SystemExit: 3"),
        ("mine.py:nothing", "gave a NoneType; needed: a keras.Model"),
        ("mine.py:few", "TypeError: few"),
        ("mine.py:other_shape", r"from \(9, 9, 1\) to \(10,\); needed"),
        ("mine.py:other_classes", r"from \(8, 8, 1\) to \(7,\); needed"),
        ("mine.py:softmax", "gives probabilities; needed: logits"),
        ("mine.py:sigmoid", "gives probabilities; needed: logits"),
        ("mine.py:two_outputs", r"to \(10,\) and \(10,\); needed"),
        ("mine.py:two_inputs", r"from \(8, 8, 1\) and \(8, 8, 1\) to"),
        ("mine.py:without_input", r"from unknown shapes .*keras\.Input"),
        ("mine.py:number", "no such function"),
        ("mine.py:missing", "no such function"),
        ("wrong.py:build", "line 2: SyntaxError"),
        ("nowhere.py:build", "no such file"),
        ("nowhere.keras", "no such file"),
        ("damaged.keras", "not a Keras file that can be loaded"),
        ("folder.keras", "is a directory"),
    ],
)
def test_what_is_no_network_for_the_data_is_refused_in_one_line(
    folder: Path, member: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `python -m` does with the present directory.
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ConfigError, match=message) as refusal:
        _build(str(folder / member))
    assert "\n" not in str(refusal.value)


def test_a_functions_network_follows_the_seed_alone(folder: Path) -> None:
    def weights(function: str, seed: int) -> list[np.ndarray]:
        random.seed()
        return _build(f"{folder}/mine.py:{function}", seed).get_weights()

    first, again, other = weights("build", 1), weights("build", 1), weights("build", 2)
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert weights("by_seed", 3)[0].shape == (64, 4)
    state = random.getstate()
    _build(f"{folder}/mine.py:build")
    assert random.getstate() == state


def test_a_saved_network_begins_with_its_weights_and_stays_frozen(folder: Path) -> None:
    network = _build(f"{folder}/mine.py:deep", name="deep")
    network.layers[0].trainable = False
    network.save(folder / "saved.keras")
    loaded = _build(f"{folder}/saved.keras", seed=5, name="other")
    assert (loaded.name, len(loaded.trainable_variables), len(loaded.variables)) == ("other", 2, 6)
    assert all(np.array_equal(*pair) for pair in zip(network.get_weights(), loaded.get_weights(), strict=True))


def test_settings_have_the_digest_of_the_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "changing.py"
    path.write_text(_FILE)
    monkeypatch.chdir(folder)
    before = RunConfig(members=("changing.py:build", "ST"))
    assert before == RunConfig(members=(f"{path}:build", "ST")) == RunConfig.from_json(before.to_json())
    path.write_text(_FILE + "\n")
    after = RunConfig(members=("changing.py:build", "ST"))
    assert after.digest() != before.digest()
    assert after.run_name() == before.run_name()
    own = own_files.parse(before.members[0])
    assert own is not None
    with pytest.raises(ConfigError, match="changed while it was in use"):
        build_own(own, _SHAPE, _CLASSES, seed=0, name="a")
    path.unlink()
    # Settings that a run has recorded need no file.
    assert RunConfig.from_json(before.to_json()) == before


def test_names_are_short_safe_and_different(folder: Path) -> None:
    for name in ("ST", "ST_2", "ensemble", "a b.c"):
        (folder / f"{name}.keras").write_bytes(name.encode())
    members = ("ST", "ST.keras", "ST_2.keras", "ensemble.keras", "a b.c.keras", "mine.py:build", "mine.py:deep")
    members = tuple(name if name == "ST" else str(folder / name) for name in members)
    config = RunConfig(members=members)
    names = config.member_names()
    assert names == ("ST", "ST_2", "ST_2_2", "ensemble_2", "a_b_c", "mine", "deep")
    assert "/" not in config.run_name()


def test_a_grid_takes_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    configs = grid.plan("noel", {"members": ["mine.py:build", "mine.py:deep"]}, [0])
    assert {config.member_names() for config in configs} == {("mine", "deep")}
    assert len({config.digest() for config in configs}) == 13


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"system": "multihead"}, "takes only networks of this package"),
        ({"precision": "mixed_bfloat16"}, "--precision=mixed_bfloat16 is for convolutions"),
        ({"resnet": "fixed"}, "--resnet has an effect only"),
    ],
)
def test_settings_that_do_not_reach_such_networks_are_refused(
    folder: Path, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        RunConfig(members=(f"{folder}/mine.py:build",), **settings)
