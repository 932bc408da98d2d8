"""What a system's settings become: the arguments of its model, each from the setting of its own name."""

import math
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from collab_ensembles.methods.assembly import build_model
from collab_ensembles.methods.distillation import training as distillation
from collab_ensembles.methods.fdl import training as fdl
from collab_ensembles.methods.fdl.recipes import RECIPES
from collab_ensembles.methods.multihead import training as multihead
from collab_ensembles.methods.snapshot import training as snapshot
from collab_ensembles.methods.teaching import training as teaching
from collab_ensembles.models.optimizers import KERAS_EPSILON
from collab_ensembles.settings.config import RunConfig

_SHAPE = (8, 8, 1)


def _arguments(module: ModuleType, model: str, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """With which named arguments the model of a configuration is made."""
    received: dict[str, Any] = {}
    monkeypatch.setattr(module, model, lambda *members, **arguments: received.update(arguments))
    module.build(config, _SHAPE, 10)
    return received


@pytest.mark.parametrize("rescaling", ["none", "loss", "backprop"])
def test_heads(rescaling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"temperature": 3.0, "beta": 0.25, "target_gradient": True}
    config = RunConfig(system="multihead", members=("densenet7-2",), graph="simple", rescaling=rescaling, **own)
    graph: dict[str, Any] = {}
    monkeypatch.setattr(multihead, "build_head_graph", lambda *parts, **arguments: graph.update(arguments))
    received = _arguments(multihead, "MultiheadModel", config, monkeypatch)
    others = {"rescale_losses": rescaling == "loss", "alternating": False, "label_smoothing": 0.0}
    assert received == {**own, **others}
    assert graph["rescale"] == (rescaling == "backprop")


@pytest.mark.parametrize(
    ("settings", "argument", "value"),
    [
        ({"graph": "single", "label_smoothing": 0.125}, "label_smoothing", 0.125),
        ({"graph": "instances", "optimization": "alternating"}, "alternating", True),
    ],
)
def test_further_heads(settings: dict[str, Any], argument: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(system="multihead", members=("densenet7-2",), **settings)
    assert _arguments(multihead, "MultiheadModel", config, monkeypatch)[argument] == value


def test_distilled_students(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"temperature": 3.0, "beta": 0.25}
    config = RunConfig(system="distillation", members=("densenet7-2",), teacher=("one.keras", "two.keras"), **own)
    loaded: list[tuple[Any, ...]] = []
    monkeypatch.setattr(distillation, "load_teacher", lambda path, *fit: loaded.append((path, *fit)))
    monkeypatch.setattr(distillation, "joined", lambda teachers, name: sorted(teachers))
    assert _arguments(distillation, "DistillationModel", config, monkeypatch) == own
    assert loaded == [(path, _SHAPE, 10, "digits") for path in config.teacher]


def test_taught_students(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"stack": 3, "difficulty": "euclidean", "targets": "true", "patience": 7, "batch_size": 11, "seed": 5}
    config = RunConfig(system="teaching", members=("mlp8-8",), dropout=0.25, learning_rate="0.003", **own)
    dropouts: list[float] = []
    monkeypatch.setattr(teaching, "build_member", lambda *settings, dropout: dropouts.append(dropout))
    assert _arguments(teaching, "TeachingModel", config, monkeypatch) == own
    assert dropouts == [0.25, 0.25]
    optimizer = teaching.optimizer(config)
    assert (float(optimizer.learning_rate), optimizer.epsilon) == (pytest.approx(0.003), KERAS_EPSILON)


def test_feature_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"k": 2.0, "k1": 3.0, "k2": 4.0, "bn_updates": "once", "pretraining_epochs": 6, "seed": 5}
    config = RunConfig(system="fdl", members=("convnet2",) * 2, phases=("joint", "head"), recipe="mnist", **own)
    received = _arguments(fdl, "FeatureDifferenceModel", config, monkeypatch)
    head = received.pop("head")
    assert received == {**own, "recipe": RECIPES["mnist"]}
    # Torch's initial values: uniform within 1 / sqrt(inputs), biases too.
    head.build((None, 20))
    for values in head.get_weights():
        assert 0.8 / math.sqrt(20) < np.abs(values).max() <= 1 / math.sqrt(20)
        assert values.min() < 0 < values.max()


@pytest.mark.parametrize("cycle", ["cosine", "triangular"])
def test_snapshots(cycle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(system="snapshot", members=("convnet2",), cycle=cycle, epochs=8, snapshots=2, averaging="logits")
    received = _arguments(snapshot, "SnapshotModel", config, monkeypatch)
    assert received == {"averaging": "logits", "keep_momentum": cycle == "triangular"}


@pytest.mark.parametrize(
    "settings",
    [
        {"members": ("B1R1F2", "B1R1F3")},
        {"system": "multihead", "members": ("densenet7-2",)},
        {"system": "multihead", "members": ("densenet7-2",), "graph": "single"},
        {"system": "fdl", "members": ("convnet2",) * 2},
        {"system": "snapshot", "members": ("resnet8",), "snapshots": 2},
        {"system": "nodes", "members": ("strided4",), "nodes": 2},
    ],
    ids=lambda settings: "-".join(map(str, (settings.get("system"), settings.get("graph")))),
)
def test_convolutions_have_the_precision_of_the_run(settings: dict[str, Any]) -> None:
    for precision, dtype in (("float32", "float32"), ("mixed_bfloat16", "bfloat16")):
        model = build_model(RunConfig(**settings, precision=precision), _SHAPE, 10)
        networks = [model, *(model.inference_network(name) for name in model.inference_names() if name != "ensemble")]
        layers = [layer for each in networks for layer in each._flatten_layers()]
        layers = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
        assert layers
        assert {layer.compute_dtype for layer in layers} == {dtype}


@pytest.mark.parametrize(
    "settings",
    [
        {"members": ("B1R1F2",) * 2},
        {"system": "multihead", "members": ("densenet7-2",)},
        {"system": "fdl", "members": ("convnet2",) * 2},
        {"system": "nodes", "members": ("strided4",), "nodes": 2},
        {"system": "nodes", "members": ("strided4",), "nodes": 2, "learning": "vae", "content": "none"},
        {"system": "language", "dataset": "mnist"},
    ],
    ids=lambda settings: "-".join(map(str, (settings.get("system"), settings.get("learning")))),
)
def test_equal_networks_begin_with_values_of_their_own_and_of_the_seed(settings: dict[str, Any]) -> None:
    """No two kernels are equal: not of two members, heads, nodes or agents, nor of one of them with two seeds."""
    kernels = []
    for seed in (0, 1):
        model = build_model(RunConfig(**settings, seed=seed), (28, 28, 1), 10)
        kernels += [variable.numpy().tobytes() for variable in model.trainable_variables if "kernel" in variable.path]
    assert len(kernels) > 3
    assert len(set(kernels)) == len(kernels)
