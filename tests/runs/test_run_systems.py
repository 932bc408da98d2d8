"""run with the systems beside Noel's: each setting has an effect, schedules are the published ones, resume is exact."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from collab_ensembles import environment
from collab_ensembles.methods import assembly
from collab_ensembles.methods.snapshot import training
from collab_ensembles.models.optimizers import SGD
from collab_ensembles.models.schedules import Rate
from collab_ensembles.networks import exported
from collab_ensembles.runs import checkpoint_file, run, run_data, run_directory, run_model
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from reference import log_mean_softmax
from trainings import SMALL, TREE, copied_after, series, train

_INSTANCES = {**SMALL, "system": "multihead", "members": ("convnet2",), "graph": "instances"}
_FDL = {**SMALL, "system": "fdl", "members": ("convnet2", "convnet2"), "pretraining_epochs": 0}
_JOINT = {**_FDL, "phases": ("joint", "head")}
_SNAPSHOTS = {**SMALL, "system": "snapshot", "members": ("convnet2",), "snapshots": 2}
_TRIANGULAR = {**_SNAPSHOTS, "epochs": 7, "cycle": "triangular", "cycle_epochs": 2}

# For each field, a configuration in which changing it must change the statistics, and the change.
_CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (_INSTANCES, {"heads": 3}),
    (_INSTANCES, {"temperature": 1.0}),
    (_INSTANCES, {"beta": 0.9}),
    (_INSTANCES, {"target_gradient": True}),
    (_INSTANCES, {"optimization": "alternating"}),
    (_INSTANCES, {"label_smoothing": 0.1}),
    (_INSTANCES, {"label_noise": 0.5}),
    (_INSTANCES, {"augment": False}),
    (TREE, {"graph": "hierarchical"}),
    (TREE, {"split_points": ("block2",)}),
    (TREE, {"rescaling": "loss"}),
    (TREE, {"rescaling": "none"}),
    (_FDL, {"phases": ("cross_entropy", "feature_difference", "head")}),
    (_FDL, {"phases": ("cross_entropy",)}),
    (_FDL, {"pretraining_epochs": 1}),
    (_FDL, {"feature_learning_rate": 0.1}),
    (_FDL, {"head_learning_rate": 0.01}),
    (_FDL, {"regularization_rate": 0.1}),
    (_FDL, {"bn_updates": "once"}),
    (_FDL, {"recipe": "mnist"}),
    (_FDL, {"recipe": "0.1.0"}),
    (_JOINT, {"k": 3.0}),
    (_JOINT, {"k1": 3.0}),
    (_JOINT, {"k2": 3.0}),
    ({**_SNAPSHOTS, "epochs": 4}, {"snapshots": 4}),
    (_SNAPSHOTS, {"averaging": "logits"}),
    ({**_SNAPSHOTS, "epochs": 7}, {"cycle": "triangular"}),
    (_TRIANGULAR, {"cycle_epochs": 4}),
    (_TRIANGULAR, {"cycle_learning_rate": 0.03}),
    (_TRIANGULAR, {"lowest_learning_rate": 1e-3}),
]
_seen: dict[str, dict[str, bytes]] = {}


def _series(config: RunConfig, directory: Path, data_dir: str, **options: Any) -> dict[str, bytes]:
    return series(train(config, directory, data_dir, **options))


@pytest.fixture
def trained(tmp_path: Path, data_dir: str) -> Callable[..., dict[str, bytes]]:
    def train(**settings: Any) -> dict[str, bytes]:
        config = RunConfig(**settings)
        key = config.digest()
        if key not in _seen:
            _seen[key] = _series(config, tmp_path / key, data_dir)
        return _seen[key]

    return train


def test_all_settings_that_reach_a_run_are_tried_above() -> None:
    tried = {name for _, change in _CHANGES for name in change}
    # Of these: test_run.py; methods/test_teaching.py and test_run_teaching.py; methods/test_language.py;
    # methods/test_nodes.py.
    elsewhere = ("ensemble", "teaching", "language", "nodes")
    systems = [registry.method(name).config for name in registry.names() if name not in elsewhere]
    own = {field.name for config in systems for field in config.own_fields()}
    # A teacher: test_run_teachers.py.
    assert own - tried == {"teacher"}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("base", "change"), _CHANGES, ids=lambda value: ",".join(value) if len(value) == 1 else None)
def test_every_setting_has_an_effect(
    base: dict[str, Any], change: dict[str, Any], trained: Callable[..., dict[str, bytes]]
) -> None:
    before, after = trained(**base), trained(**{**base, **change})
    assert any(after.get(key) != value for key, value in before.items() if key.endswith("_costs"))


# Settings, and after how many of four epochs they are cut off: after the pre-training, where a cycle begins.
_RESUMED = {
    "alternating instances with noisy labels": ({**_INSTANCES, "optimization": "alternating", "label_noise": 0.4}, 2),
    "three networks, every phase": ({**_FDL, "members": ("convnet2",) * 3, "pretraining_epochs": 1}, 1),
    "the single objective": (_JOINT, 3),
    "snapshots": (_SNAPSHOTS, 2),
    "fast geometric snapshots": (_TRIANGULAR, 2),
}


def _weights(directory: Path, epochs: int) -> dict[str, bytes]:
    with np.load(directory / checkpoint_file.DIRECTORY / f"epoch-{epochs:05d}.npz") as values:
        return {key: values[key].tobytes() for key in values.files if key != "seconds"}


@pytest.mark.parametrize(("settings", "pause"), _RESUMED.values(), ids=_RESUMED)
def test_a_run_goes_on_bit_for_bit(settings: dict[str, Any], pause: int, tmp_path: Path, data_dir: str) -> None:
    config = RunConfig(**{**settings, "epochs": 4})
    with copied_after({pause: tmp_path / "parts"}):
        whole = _series(config, tmp_path / "whole", data_dir)
    assert _series(config, tmp_path / "parts", data_dir) == whole
    assert run_directory.read_status(str(tmp_path / "parts")).resumed == [pause]
    weights = _weights(tmp_path / "whole", 4)
    assert any(key.startswith(("optimizer/", "head/", "joint/")) for key in weights)
    assert _weights(tmp_path / "parts", 4) == weights


def _rates(settings: dict[str, Any], epochs: tuple[int, ...]) -> dict[str, list[float]]:
    config = RunConfig(**settings)
    rates = registry.training(config).learning_rates(config)
    return {name: [rate.of(epoch) for epoch in epochs] for name, rate in rates.items()}


def test_the_learning_rates_are_the_published_ones() -> None:
    heads = _rates({"system": "multihead", "epochs": 200}, (0, 99, 100, 149, 150, 199))
    assert heads["optimizer"] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    # After one epoch of pre-training, at the rate of the first, epochs count from 0 again.
    fdl = _rates({"system": "fdl", "dataset": "cifar100"}, (1, 101, 221, 222, 249))
    falling = [1e-5 + 0.1 * math.exp(-0.03 * epoch) for epoch in (0, 100, 220)] + [2e-5, 2e-5]
    assert fdl["cross_entropy"] == fdl["similarity"] == pytest.approx(falling)
    assert fdl["feature_difference"] == [1e-5] * 5
    assert fdl["head"] == [0.1] * 5
    assert _rates({"system": "fdl", "dataset": "cifar100"}, (0,))["pretraining"] == pytest.approx([0.10001])
    first = _rates({"system": "fdl", "dataset": "cifar100", "recipe": "0.1.0"}, (0, 219, 220))
    assert first["cross_entropy"] == pytest.approx([0.10001, 1e-5 + 0.1 * math.exp(-0.03 * 219), 2e-5])
    mnist = _rates({"system": "fdl", "members": ("fdlnet2",) * 2, "dataset": "mnist"}, (0, 9, 10, 1008))
    assert mnist["pretraining"][:2] == pytest.approx([1.0, 0.7**9])
    assert mnist["cross_entropy"] == mnist["similarity"] == [0.1] * 4
    assert (mnist["feature_difference"], mnist["head"]) == ([2e-4] * 4, [1e-3] * 4)
    snapshots = _rates({"system": "snapshot", "epochs": 10, "snapshots": 2}, (0, 4, 5, 9))
    last = 0.05 * (math.cos(math.pi * 4 / 5) + 1)
    assert snapshots["optimizer"] == pytest.approx([0.1, last, 0.1, last])


def test_the_learning_rates_of_fast_geometric_ensembles_are_the_published_ones() -> None:
    fast = _rates({"system": "snapshot", "cycle": "triangular", "epochs": 200}, (0, 99, 160, 161, 162, 199))
    assert fast["optimizer"] == pytest.approx([0.05, 0.05, 0.05 * (1 - 0.305 / 0.4 * 0.99), 1e-2, 5e-4, 1e-2])


@pytest.mark.usefixtures("eager")
def test_rates_that_change_within_an_epoch_reach_each_step(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[float] = []

    def rate(epoch: float) -> float:
        times.append(epoch)
        return 0.0 if epoch >= 2 else 0.01

    monkeypatch.setattr(training, "learning_rates", lambda config: {"optimizer": Rate(rate, by_step=True)})
    series = train(RunConfig(**{**_TRIANGULAR, "epochs": 4}), tmp_path, data_dir)["snapshot2"]
    assert times == pytest.approx([step / 3 for step in range(4 * 3)])
    assert len(set(series["train_costs_mean"][:3])) == 3
    # Batch normalisation of the images apart, which goes on averaging.
    first, second = (_weights(tmp_path, epochs) for epochs in (3, 4))
    kernels = [key for key in first if key.startswith("snapshot2/") and "normalization" not in key]
    assert kernels
    assert all(first[key] == second[key] for key in kernels)


def _optimizers(**settings: Any) -> dict[str, keras.Optimizer]:
    config = RunConfig(**settings)
    model = assembly.build_model(config, (8, 8, 1), 10)
    assembly.compile_for_training(model, config)
    return model.optimizers()


def _settings(optimizer: keras.Optimizer) -> tuple[float, float, bool, float]:
    assert isinstance(optimizer, SGD)
    return float(optimizer.learning_rate), optimizer.momentum, optimizer.nesterov, optimizer.decay


def test_the_optimizers_are_the_published_ones() -> None:
    heads = _optimizers(system="multihead", members=("convnet2",), graph="instances")
    assert _settings(heads["optimizer"]) == (pytest.approx(0.1), 0.9, True, 0.0)
    phases = _optimizers(system="fdl", members=("convnet2",) * 2)
    assert list(phases) == ["pretraining", "cross_entropy", "similarity", "feature_difference", "head"]
    snapshots = _optimizers(system="snapshot", members=("convnet2",))
    assert _settings(snapshots["optimizer"]) == (pytest.approx(0.1), 0.9, True, 5e-4)
    fast = _optimizers(system="snapshot", members=("convnet2",), cycle="triangular")
    assert _settings(fast["optimizer"]) == (pytest.approx(0.1), 0.9, False, 5e-4)


@pytest.mark.parametrize(
    ("settings", "coupled", "kernels"),
    [
        ({"system": "multihead", "members": ("densenet7-2",)}, 0.0, 1e-4),
        ({"system": "fdl", "members": ("densenet7-2",) * 2}, 5e-4, 0.0),
    ],
)
def test_weights_decay_once_in_the_objective_or_in_the_optimizer(
    settings: dict[str, Any], coupled: float, kernels: float
) -> None:
    config = RunConfig(**settings)
    model = assembly.build_model(config, (8, 8, 1), 10)
    assembly.compile_for_training(model, config)
    assert next(iter(model.optimizers().values())).decay == coupled
    layers = [layer for layer in next(iter(model.members.values())).layers if hasattr(layer, "kernel")]
    rates = [2 * float(layer.kernel_regularizer.l2) if layer.kernel_regularizer else 0.0 for layer in layers]
    assert rates == pytest.approx([kernels] * len(layers))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "settings",
    [
        {**SMALL, "members": ("B2R1F2", "B2R1F3")},
        TREE,
        _FDL,
        _SNAPSHOTS,
    ],
    ids=lambda settings: settings.get("system", "ensemble"),
)
def test_an_ensemble_is_exported_as_one_network(settings: dict[str, Any], tmp_path: Path, data_dir: str) -> None:
    config = RunConfig(**settings)
    run.run(config, str(tmp_path / "run"), run.Options(data_dir))
    model, _ = run_model.restore(str(tmp_path / "run"))
    assert set(model.inference_names()) == {*config.member_names(), "ensemble"}
    exported.save(model.inference_network("ensemble"), str(tmp_path / "ensemble.keras"))
    images = run_data.load(config, data_dir).test_images[:50].astype(np.float32)
    expected = model.ensemble_logits(model.logits(images)).numpy()
    received = keras.models.load_model(tmp_path / "ensemble.keras").predict(images, verbose=0)
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    # Not the mean where there is a head, or where probabilities are averaged.
    mean = np.mean([logits.numpy() for logits in model.logits(images)], axis=0)
    assert np.allclose(received, mean, rtol=1e-2, atol=1e-2) == (config.system in ("ensemble", "multihead"))


@pytest.mark.usefixtures("eager")
def test_snapshots_that_have_not_come_are_not_exported(tmp_path: Path, data_dir: str) -> None:
    config = RunConfig(**{**_SNAPSHOTS, "epochs": 6, "snapshots": 3})
    for epochs, names in ((1, ["snapshot1"]), (3, ["snapshot2", "snapshot1", "ensemble"])):
        run.run(config, str(tmp_path), run.Options(data_dir, stop_after=epochs))
        model, _ = run_model.restore(str(tmp_path))
        assert model.inference_names() == names
    images = run_data.load(config, data_dir).test_images[:50].astype(np.float32)
    expected = log_mean_softmax([np.asarray(model.inference_network(name)(images), float) for name in names[:2]])
    np.testing.assert_allclose(model.inference_network("ensemble")(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("eager")
def test_the_memory_that_training_took_is_noted(tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = itertools.chain([100], itertools.repeat(350))
    monkeypatch.setattr(environment, "peak_memory", lambda: next(peaks))
    status = run.run(RunConfig(**_INSTANCES), str(tmp_path), run.Options(data_dir))
    assert status.training_memory == 250
