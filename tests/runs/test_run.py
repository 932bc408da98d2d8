"""run: each setting reaches what it should, and a run directory tells the truth."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.errors import ConfigError, DivergenceError, RunDirectoryError
from collab_ensembles.methods import assembly
from collab_ensembles.methods.ensemble import training
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.optimizers import Adam
from collab_ensembles.runs import naming, run, run_directory, run_model, run_training, uncertainty
from collab_ensembles.runs.run_options import Options
from collab_ensembles.runs.unpickle import read_pickle
from collab_ensembles.settings.config import RunConfig
from trainings import TINY, Contents, train

_NOISE = {"method": "L2", "unlabelled": "uniform"}

# For each field, a configuration in which changing it must change the statistics, and the change.
CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"split": "validation"}),
    ({}, {"train_limit": 64}),
    ({}, {"members": ("B2R1F2", "B1R1F4")}),
    ({}, {"resnet": "fixed"}),
    ({}, {"method": "L1"}),
    ({"method": "L2"}, {"weight": 0.0001}),
    ({"method": "CE", "members": ("B1R1F3",) * 3}, {"pairing": "all"}),
    ({"method": "CE"}, {"target_gradient": True}),
    ({}, {"regularization_rate": 0.1}),
    ({"regularization_rate": 0.1}, {"decay_scope": "all"}),
    ({}, {"batch_size": 48}),
    ({}, {"learning_rate": 0.01}),
    ({}, {"shuffle": "permute"}),
    ({}, {"augment": True}),
    ({}, {"seed": 1}),
    ({"method": "L2"}, {"links": ("B2R1F2<-B1R1F3:1",)}),
    ({"method": "L2"}, {"weight_schedule": "linear"}),
    ({"method": "L2", "weight_schedule": "step", "epochs": 2}, {"schedule_start": 1}),
    ({"method": "L2", "weight_schedule": "cosine", "epochs": 2}, {"schedule_end": 1}),
    ({"members": ("B1R1F2", "B1R1F2")}, {"shared_initialisation": True}),
    ({"method": "L2"}, {"unlabelled": "rest"}),
    (_NOISE, {"unlabelled_every": 2}),
    (_NOISE, {"unlabelled_batch": 4}),
    (_NOISE, {"unlabelled_cost": "pseudo_labels"}),
    ({}, {"class_weight": "balanced"}),
    ({}, {"early_stopping": 1}),
    ({"epochs": 2}, {"test_every": 2}),
]
_seen: dict[str, list[float]] = {}


def _numbers(contents: Contents) -> list[float]:
    keys = ("train_costs", "train_costs_mean", "test_costs")
    return [float(value) for content in contents.values() for key in keys for value in content[key]]


def _trained(config: RunConfig, directory: Path, data_dir: str) -> list[float]:
    """The numbers of a training; most tests below begin with the same one."""
    key = config.digest()
    if key not in _seen:
        _seen[key] = _numbers(train(config, directory / key, data_dir))
    return _seen[key]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("settings", "change"), CHANGES, ids=lambda value: "-".join(value) or "tiny")
def test_every_setting_changes_the_statistics(
    settings: dict[str, Any], change: dict[str, Any], tmp_path: Path, data_dir: str
) -> None:
    config = dataclasses.replace(TINY, **{"epochs": 1, **settings})
    before, after = (_trained(each, tmp_path, data_dir) for each in (config, dataclasses.replace(config, **change)))
    assert np.isfinite(before).all()
    assert len(before) != len(after) or not np.allclose(before, after, rtol=1e-4, atol=0)


def test_all_settings_that_reach_a_run_are_tried_above() -> None:
    tried = {name for _, change in CHANGES for name in change}
    # epochs: the schedule below; precision, pad: tests/networks; dataset, folders: tests/data; other systems:
    # test_run_systems; continue_from: test_start_weights.
    fields = dataclasses.fields(RunConfig())
    elsewhere = {"epochs", "precision", "dataset", "system", "label_noise"}
    elsewhere |= {"pad", "continue_from", *RunConfig().folder_defaults()}
    assert tried | elsewhere == {field.name for field in fields}


def test_the_optimizer_is_the_references_and_its_rate_follows_the_schedule(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[type, float, float, float]] = []
    train_step = EnsembleModel.fit

    def fit(self: Any, *arguments: Any, **options: Any) -> Any:
        def note(epoch: int, logs: Any) -> None:
            optimizer = self.optimizer
            seen.append((type(optimizer), optimizer.epsilon, optimizer.beta_2, float(optimizer.learning_rate)))

        options["callbacks"].append(keras.callbacks.LambdaCallback(on_epoch_end=note))
        return train_step(self, *arguments, **options)

    monkeypatch.setattr(EnsembleModel, "fit", fit)
    status = run.run(dataclasses.replace(TINY, epochs=4), str(tmp_path), run.Options(data_dir, stop_after=3))
    rates = [2.0**-10, 2.0**-11, 2.0**-12]
    assert seen == [(Adam, 1e-8, 0.999, rate) for rate in rates]
    assert (status.state, status.epochs_done) == ("stopped", 3)


def test_equal_members_start_from_different_values_that_depend_on_the_seed() -> None:
    def kernels(seed: int) -> list[np.ndarray]:
        config = RunConfig(members=("B1R1F3", "B1R1F3"), seed=seed)
        model = assembly.build_model(config, (8, 8, 1), 10)
        return [member.get_layer("first_convolution").kernel.numpy() for member in model.members.values()]

    assert not np.array_equal(*kernels(0))
    assert np.array_equal(kernels(0), kernels(0))
    assert not np.array_equal(kernels(0), kernels(1))


def test_params_have_the_references_names() -> None:
    params = RunConfig(dataset="mnist", method="CE", weight=0.1, batch_size=32).reference_params()
    assert params["collab_method"] == "cross_ent"
    assert params["collab_weight"] == 0.1
    assert (params["epochs"], params["batch_size"], params["learning_rate"]) == (30, 32, 2.0**-10)
    assert params["regularization_rate"] == 1e-4
    assert params["list_of_params"] == [
        {"start_filter": 8, "num_bricks": 3, "num_times": 1},
        {"start_filter": 16, "num_bricks": 3, "num_times": 2},
    ]
    methods = [RunConfig(method=method).reference_params()["collab_method"] for method in ("plain", "L1", "L2")]
    assert methods == ["None", "L1", "L2"]


def test_a_directory_of_other_settings_is_not_touched(tmp_path: Path, data_dir: str) -> None:
    other = dataclasses.replace(TINY, seed=1)
    run_directory.write_config(str(tmp_path), other)
    with pytest.raises(RunDirectoryError, match="has a run with other settings"):
        run.run(TINY, str(tmp_path), run.Options(data_dir))
    assert run_directory.read_config(str(tmp_path)) == other


@pytest.mark.usefixtures("eager")
def test_a_cost_that_is_no_number_ends_the_run_and_keeps_the_epoch_before(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(TINY, epochs=4)
    rates = [2.0**-10, float("nan")]
    monkeypatch.setattr(training, "halving", lambda initial, epoch, epochs: rates[min(epoch, 2) - 1])
    with pytest.raises(
        DivergenceError, match=r"^epoch 2: the training cost of B\dR1F\d is nan \(plain, seed 0\)"
    ) as caught:
        run.run(config, str(tmp_path), run.Options(data_dir))
    status = run_directory.read_status(str(tmp_path))
    assert (status.state, status.epochs_done) == ("failed", 1)
    assert "epoch 2: the training cost" in status.reason
    assert "the checkpoint after epoch 1 is kept; try a smaller --learning_rate" in str(caught.value)
    with pytest.raises(DivergenceError) as without:
        run.run(config, str(tmp_path / "rarely"), run.Options(data_dir, checkpoint_every=3))
    assert "is nan (plain, seed 0); try a smaller --learning_rate" in str(without.value)
    model, _ = run_model.restore(str(tmp_path))
    assert all(np.isfinite(variable.numpy()).all() for variable in model.trainable_variables)


@pytest.mark.usefixtures("eager")
def test_what_is_done_is_left_alone(tmp_path: Path, data_dir: str) -> None:
    config = dataclasses.replace(TINY, epochs=1)
    first = train(config, tmp_path, data_dir)
    assert train(config, tmp_path, data_dir)["ensemble"]["end_time"] == first["ensemble"]["end_time"]
    assert run_directory.read_status(str(tmp_path)).state == "done"


@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_calibration_is_measured_at_the_end_and_not_before(tmp_path: Path, data_dir: str) -> None:
    directory, options = str(tmp_path / "run"), Options(data_dir=data_dir, threads=1)
    run.run(dataclasses.replace(TINY, epochs=2), directory, dataclasses.replace(options, stop_after=1))
    assert uncertainty.read(directory, 1) == uncertainty.read(directory, 2) == uncertainty.Measures()
    config = dataclasses.replace(TINY, epochs=2)
    status = run.run(config, directory, options)
    measures = uncertainty.read(directory, 2).outputs
    stem = naming.statistics_names(config)["ensemble"]
    cost = read_pickle(str(tmp_path / "run" / f"{stem}.pkl"))["test_costs"][1]
    assert measures["ensemble"]["nll"] == pytest.approx(cost, rel=1e-5)
    assert {name: values["error"] for name, values in measures.items() if name in status.test_errors} == pytest.approx(
        status.test_errors
    )


def test_a_failure_is_noted_with_its_reason(tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError("no room for the batches")

    monkeypatch.setattr(run_training, "_training_batches", fail)
    with pytest.raises(MemoryError):
        run.run(TINY, str(tmp_path), run.Options(data_dir))
    status = run_directory.read_status(str(tmp_path))
    assert (status.state, status.reason) == ("failed", "MemoryError: no room for the batches")


def test_settings_that_do_not_fit_the_data_leave_nothing_behind(tmp_path: Path, data_dir: str) -> None:
    with pytest.raises(ConfigError, match="exceeds the 16 training examples"):
        run.run(dataclasses.replace(TINY, train_limit=16), str(tmp_path / "run"), run.Options(data_dir))
    assert not (tmp_path / "run").exists()


def test_two_processes_do_not_train_the_same_run(tmp_path: Path, data_dir: str) -> None:
    with run_directory.lock(str(tmp_path)), pytest.raises(RunDirectoryError, match="another process is training"):
        run.run(TINY, str(tmp_path), run.Options(data_dir), lock_patience=0.5)


@pytest.mark.usefixtures("eager")
def test_the_status_tells_how_it_was_computed(tmp_path: Path, data_dir: str) -> None:
    run.run(dataclasses.replace(TINY, epochs=1), str(tmp_path), run.Options(data_dir, threads=3))
    environment = json.loads((tmp_path / "status.json").read_text())["environment"]
    assert environment["threads"] == 3
    assert environment["precision"] == "float32"
    assert environment["jit_compile"] is bool(tf.config.list_physical_devices("GPU"))
    assert environment["processor"].strip() == environment["processor"] != ""
    assert environment["keras"] == keras.__version__
