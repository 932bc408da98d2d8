"""run: each setting reaches what it should, and a run directory tells the truth."""

import dataclasses
import json
import os
import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from collab_ensembles import build, checkpoint_file, naming, run, run_directory
from collab_ensembles.config import RunConfig
from collab_ensembles.errors import ConfigError, DivergenceError, RunDirectoryError
from collab_ensembles.optimizers import Adam

TINY = RunConfig(members=("B2R1F2", "B1R1F3"), train_limit=96, batch_size=32, epochs=2)

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
]


def _train(config: RunConfig, directory: Path, data_dir: str, **options: Any) -> dict[str, dict[str, Any]]:
    run.run(config, str(directory), run.Options(data_dir, **options))
    contents = {}
    for output, stem in naming.statistics_names(config).items():
        with open(directory / f"{stem}.pkl", "rb") as file:
            contents[output] = pickle.load(file)
    return contents


def _numbers(contents: dict[str, dict[str, Any]]) -> list[float]:
    keys = ("train_costs", "train_costs_mean", "test_costs")
    return [float(value) for content in contents.values() for key in keys for value in content[key]]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def eager() -> Any:
    """Building the graph would take most of the time."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
@pytest.mark.parametrize(("settings", "change"), CHANGES, ids=lambda value: "-".join(value) or "tiny")
def test_every_setting_changes_the_statistics(
    settings: dict[str, Any], change: dict[str, Any], tmp_path: Path, data_dir: str
) -> None:
    config = dataclasses.replace(TINY, epochs=1, **settings)
    before = _numbers(_train(config, tmp_path / "before", data_dir))
    after = _numbers(_train(dataclasses.replace(config, **change), tmp_path / "after", data_dir))
    assert np.isfinite(before).all()
    assert len(before) != len(after) or not np.allclose(before, after, rtol=1e-4, atol=0)


def test_all_settings_that_reach_a_run_are_tried_above() -> None:
    tried = {name for _, change in CHANGES for name in change}
    # epochs: the schedule below; precision: tests/networks; dataset: tests/datasets; other systems: test_run_systems.
    fields = [
        field for field in dataclasses.fields(RunConfig) if "ensemble" in (field.metadata["systems"] or "ensemble")
    ]
    elsewhere = {"epochs", "precision", "dataset", "system", "label_noise"}
    assert tried | elsewhere == {field.name for field in fields}


def test_the_optimizer_is_the_references_and_its_rate_follows_the_schedule(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[type, float, float, float]] = []
    train_step = build.EnsembleModel.fit

    def fit(self: Any, *arguments: Any, **options: Any) -> Any:
        def note(epoch: int, logs: Any) -> None:
            optimizer = self.optimizer
            seen.append((type(optimizer), optimizer.epsilon, optimizer.beta_2, float(optimizer.learning_rate)))

        options["callbacks"].append(keras.callbacks.LambdaCallback(on_epoch_end=note))
        return train_step(self, *arguments, **options)

    monkeypatch.setattr(build.EnsembleModel, "fit", fit)
    status = run.run(dataclasses.replace(TINY, epochs=4), str(tmp_path), run.Options(data_dir, stop_after=3))
    rates = [2.0**-10, 2.0**-11, 2.0**-12]
    assert seen == [(Adam, 1e-8, 0.999, rate) for rate in rates]
    assert (status.state, status.epochs_done) == ("stopped", 3)


def test_equal_members_start_from_different_values_that_depend_on_the_seed() -> None:
    def kernels(seed: int) -> list[np.ndarray]:
        config = RunConfig(members=("B1R1F3", "B1R1F3"), seed=seed)
        model = run.build_model(config, (8, 8, 1), 10)
        return [member.get_layer("first_convolution").kernel.numpy() for member in model.members.values()]

    assert not np.array_equal(*kernels(0))
    assert np.array_equal(kernels(0), kernels(0))
    assert not np.array_equal(kernels(0), kernels(1))


def test_params_have_the_references_names() -> None:
    params = run.reference_params(RunConfig(dataset="mnist", method="CE", weight=0.1, batch_size=32))
    assert params["collab_method"] == "cross_ent"
    assert params["collab_weight"] == 0.1
    assert (params["epochs"], params["batch_size"], params["learning_rate"]) == (30, 32, 2.0**-10)
    assert params["regularization_rate"] == 1e-4
    assert params["list_of_params"] == [
        {"start_filter": 8, "num_bricks": 3, "num_times": 1},
        {"start_filter": 16, "num_bricks": 3, "num_times": 2},
    ]
    methods = [run.reference_params(RunConfig(method=method))["collab_method"] for method in ("None", "L1", "L2")]
    assert methods == ["None", "L1", "L2"]


Outcome = tuple[dict[str, bytes], dict[str, bytes]]

RESUMED = dataclasses.replace(TINY, epochs=4, method="L2", shuffle="permute", augment=True)


def _series(contents: dict[str, dict[str, Any]]) -> dict[str, bytes]:
    """All statistics, to the bit."""
    return {
        f"{output}/{key}": value.tobytes()
        for output, content in contents.items()
        for key, value in content.items()
        if isinstance(value, np.ndarray)
    }


def _weights(directory: Path) -> dict[str, bytes]:
    with np.load(directory / checkpoint_file.DIRECTORY / "epoch-00004.npz") as values:
        return {key: values[key].tobytes() for key in values.files if key != "seconds"}


def _outcome(directory: Path, data_dir: str) -> Outcome:
    """Statistics and weights after training to the end."""
    return _series(_train(RESUMED, directory, data_dir)), _weights(directory)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> Outcome:
    return _outcome(tmp_path_factory.mktemp("undisturbed"), data_dir)


def _cut_off(directory: Path, data_dir: str, epochs: int, **options: Any) -> None:
    """Leaves a run directory as a process that was killed after so many epochs does."""
    _train(RESUMED, directory, data_dir, stop_after=epochs, **options)
    status = run_directory.read_status(str(directory))
    run_directory.write_status(str(directory), dataclasses.replace(status, state="running"))
    (directory / "status.json123.tmp").write_bytes(b"{")


def _flip(path: Path, position: int = 1000) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("epochs", [1, 3, 4])
def test_a_run_that_was_cut_off_ends_with_the_same_bits(
    epochs: int, tmp_path: Path, data_dir: str, undisturbed: Outcome
) -> None:
    _cut_off(tmp_path, data_dir, epochs)
    assert _outcome(tmp_path, data_dir) == undisturbed
    status = run_directory.read_status(str(tmp_path))
    # After the last epoch there is nothing to take up.
    assert (status.state, status.epochs_done, status.resumed) == ("done", 4, [epochs] if epochs < 4 else [])
    assert not list(tmp_path.glob("*.tmp"))


def test_of_damaged_checkpoints_the_one_before_is_used(
    tmp_path: Path,
    data_dir: str,
    undisturbed: Outcome,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _cut_off(tmp_path, data_dir, 3)
    _flip(tmp_path / checkpoint_file.DIRECTORY / "epoch-00003.npz")
    assert _outcome(tmp_path, data_dir) == undisturbed
    assert "epoch-00003.npz: truncated or altered" in caplog.text
    assert run_directory.read_status(str(tmp_path)).resumed == [2]


def test_without_a_good_checkpoint_a_run_starts_over(
    tmp_path: Path,
    data_dir: str,
    undisturbed: Outcome,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _cut_off(tmp_path, data_dir, 2)
    for path in (tmp_path / checkpoint_file.DIRECTORY).iterdir():
        path.write_bytes(path.read_bytes()[:-7])
    assert _outcome(tmp_path, data_dir) == undisturbed
    assert "no checkpoint is left that can be used" in caplog.text
    assert run_directory.read_status(str(tmp_path)).resumed == []


def test_what_was_altered_after_the_end_is_made_again(tmp_path: Path, data_dir: str, undisturbed: Outcome) -> None:
    _train(RESUMED, tmp_path, data_dir)
    pickles = sorted(tmp_path.glob("*.pkl"))
    _flip(pickles[0], 100)
    pickles[1].unlink()
    assert _series(_train(RESUMED, tmp_path, data_dir)) == undisturbed[0]
    (tmp_path / "status.json").write_text("{")
    assert _series(_train(RESUMED, tmp_path, data_dir)) == undisturbed[0]
    assert run_directory.is_done(str(tmp_path))


def test_checkpoints_may_be_written_more_rarely(tmp_path: Path, data_dir: str) -> None:
    _train(RESUMED, tmp_path, data_dir, stop_after=3, checkpoint_every=2)
    assert sorted(os.listdir(tmp_path / checkpoint_file.DIRECTORY)) == ["epoch-00002.npz", "epoch-00003.npz"]


def test_the_restored_model_gives_the_statistics_of_its_epoch(tmp_path: Path, data_dir: str) -> None:
    contents = _train(RESUMED, tmp_path, data_dir, stop_after=1)
    model, status = run.restore(str(tmp_path))
    assert status.epochs_done == 1
    data = run.load_data(RESUMED, data_dir)
    scores = run.evaluate(model, data.test_images, data.test_labels)
    for output, content in contents.items():
        assert scores[f"{output}_error"] == pytest.approx(content["test_errors"][0], rel=1e-6)
        assert scores[f"{output}_cost"] == pytest.approx(content["test_costs"][0], rel=1e-6)


def test_a_directory_of_other_settings_is_not_touched(tmp_path: Path, data_dir: str) -> None:
    run_directory.write_config(str(tmp_path), RESUMED)
    with pytest.raises(RunDirectoryError, match="holds a run of other settings"):
        run.run(TINY, str(tmp_path), run.Options(data_dir))
    assert run_directory.read_config(str(tmp_path)) == RESUMED


def test_a_cost_that_is_no_number_ends_the_run_and_keeps_the_epoch_before(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(TINY, epochs=4)
    rates = [2.0**-10, float("nan")]
    monkeypatch.setattr(build.schedule, "learning_rate", lambda initial, epoch, epochs: rates[min(epoch, 2) - 1])
    with pytest.raises(DivergenceError, match=r"^epoch 2: the training cost of B\dR1F\d is nan \(plain, seed 0\)"):
        run.run(config, str(tmp_path), run.Options(data_dir))
    status = run_directory.read_status(str(tmp_path))
    assert (status.state, status.epochs_done) == ("failed", 1)
    assert "epoch 2: the training cost" in status.reason
    model, _ = run.restore(str(tmp_path))
    assert all(np.isfinite(variable.numpy()).all() for variable in model.trainable_variables)


def test_what_is_done_is_left_alone(tmp_path: Path, data_dir: str) -> None:
    config = dataclasses.replace(TINY, epochs=1)
    first = _train(config, tmp_path, data_dir)
    assert _train(config, tmp_path, data_dir)["ensemble"]["end_time"] == first["ensemble"]["end_time"]
    assert run_directory.read_status(str(tmp_path)).state == "done"


def test_a_failure_is_noted_with_its_reason(tmp_path: Path, data_dir: str) -> None:
    config = dataclasses.replace(TINY, train_limit=16)
    with pytest.raises(ConfigError, match="exceeds the 16 training examples"):
        run.run(config, str(tmp_path), run.Options(data_dir))
    status = run_directory.read_status(str(tmp_path))
    assert status.state == "failed"
    assert "exceeds the 16 training examples" in status.reason


def test_two_processes_do_not_train_the_same_run(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_LOCK_PATIENCE", 0.5)
    with run_directory.lock(str(tmp_path)), pytest.raises(RunDirectoryError, match="another process is training"):
        run.run(TINY, str(tmp_path), run.Options(data_dir))


def test_the_status_tells_how_it_was_computed(tmp_path: Path, data_dir: str) -> None:
    run.run(dataclasses.replace(TINY, epochs=1), str(tmp_path), run.Options(data_dir, threads=3))
    environment = json.loads((tmp_path / "status.json").read_text())["environment"]
    assert environment["threads"] == 3
    assert environment["precision"] == "float32"
    assert environment["jit_compile"] is False
    assert environment["processor"].strip() == environment["processor"] != ""
    assert environment["keras"] == keras.__version__


def test_what_only_makes_files_again_is_not_noted_as_what_computed_them(tmp_path: Path, data_dir: str) -> None:
    _train(RESUMED, tmp_path, data_dir, stop_after=2, threads=1)
    _train(RESUMED, tmp_path, data_dir, threads=2)
    for threads in (2, 3):
        sorted(tmp_path.glob("*.pkl"))[0].unlink()
        _train(RESUMED, tmp_path, data_dir, threads=threads)
        status = run_directory.read_status(str(tmp_path))
        assert status.environment["threads"] == 2
        assert [each["threads"] for each in status.earlier_environments] == [1]
        assert status.resumed == [2]
