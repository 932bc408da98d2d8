"""Runs that begin with the weights of another run."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from collab_ensembles import data
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.errors import ConfigError, RunDirectoryError
from collab_ensembles.methods.assembly import build_model, compile_for_training
from collab_ensembles.models.model import Model
from collab_ensembles.runs import run, run_directory, run_model, start_weights
from collab_ensembles.runs.run_options import Options
from collab_ensembles.settings.config import RunConfig
from trainings import copied_after, eager_steps, series, train

_FIRST = RunConfig(members=("B1R1F2", "mlp4-4"), train_limit=64, batch_size=32, epochs=1, learning_rate=0.02)


def _bits(model: Model) -> list[bytes]:
    return [each.tobytes() for each in model.get_weights()]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> Path:
    """A finished run."""
    directory = tmp_path_factory.mktemp("first")
    with eager_steps():
        train(_FIRST, directory, data_dir)
    return directory


@pytest.fixture
def config(first: Path) -> RunConfig:
    return dataclasses.replace(_FIRST, continue_from=str(first), epochs=2, method="L2", seed=3)


@pytest.mark.usefixtures("eager")
def test_it_trains_as_a_model_that_was_given_these_weights(
    first: Path, config: RunConfig, tmp_path: Path, data_dir: str
) -> None:
    train(config, tmp_path, data_dir)
    begun, _ = run_model.restore(str(first))
    data_set = data.load("digits", data_dir, train_limit=64)
    model = build_model(config, data_set.image_shape, data_set.num_classes)
    random = _bits(model)
    model.set_weights(begun.get_weights())
    compile_for_training(model, config)
    batches = BatchManager(data_set.train_images, data_set.train_labels, 32)
    # Halved from the first of two epochs on.
    model.optimizer.learning_rate.assign(0.01)
    model.fit(batches.dataset(), epochs=1, shuffle=False, verbose=0)
    model.optimizer.learning_rate.assign(0.0025)
    model.fit(batches.dataset(), epochs=1, shuffle=False, verbose=0)
    trained, _ = run_model.restore(str(tmp_path))
    assert _bits(trained) == _bits(model)
    assert random != _bits(begun)


@pytest.mark.usefixtures("eager")
def test_it_goes_on_and_begins_again_without_the_other_run(
    first: Path, config: RunConfig, tmp_path: Path, data_dir: str
) -> None:
    other = tmp_path / "other"
    shutil.copytree(first, other)
    config = dataclasses.replace(config, continue_from=str(other))
    directory, killed = tmp_path / "run", tmp_path / "killed"
    with copied_after({1: killed}):
        complete = train(config, directory, data_dir)
    (copy,) = (directory / start_weights.FOLDER).iterdir()
    assert copy.stem == run_directory.sha256(str(other / "checkpoint" / "epoch-00001.npz"))
    # The other run lost its weights, then it was trained again, then it went.
    shutil.rmtree(other / "checkpoint")
    start_weights.check(config, str(killed))
    status = run_directory.read_status(str(other))
    run_directory.write_status(str(other), dataclasses.replace(status, state="running"))
    start_weights.check(config, str(killed))
    shutil.rmtree(other)
    start_weights.check(config, str(killed))
    assert series(train(config, killed, data_dir)) == series(complete)
    shutil.rmtree(directory / "checkpoint")
    for path in directory.glob("*.pkl"):
        path.unlink()
    assert series(train(config, directory, data_dir)) == series(complete)
    # What verify trains.
    again = start_weights.located(config, str(directory))
    assert series(train(again, tmp_path / "again", data_dir)) == series(complete)
    copy.write_bytes(copy.read_bytes()[:-1])
    with pytest.raises(RunDirectoryError, match="its name is not the SHA-256"):
        start_weights.check(config, str(directory))


def test_runs_that_do_not_fit_are_refused_in_one_line(
    first: Path, config: RunConfig, tmp_path: Path, data_dir: str
) -> None:
    def refusal(**changes: object) -> str:
        with pytest.raises(ConfigError) as caught:
            start_weights.check(dataclasses.replace(config, **changes), str(tmp_path / "new"))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    start_weights.check(config, str(tmp_path / "new"))
    assert "needed: the directory of a finished run" in refusal(continue_from=str(tmp_path))
    assert "has --members=B1R1F2,mlp4-4; received --members=B1R1F2,mlp4-5" in refusal(members=("B1R1F2", "mlp4-5"))
    copy = tmp_path / "copy"
    shutil.copytree(first, copy)
    shutil.rmtree(copy / "checkpoint")
    assert "kept no checkpoint" in refusal(continue_from=str(copy))
    status = run_directory.read_status(str(copy))
    run_directory.write_status(str(copy), dataclasses.replace(status, state="stopped"))
    assert "stopped after 1 of 1 epochs" in refusal(continue_from=str(copy))
    with pytest.raises(ConfigError, match="--system=snapshot cannot"):
        RunConfig(system="snapshot", continue_from=str(first))


def test_other_numbers_of_classes_are_refused_before_anything_is_written(
    config: RunConfig, tmp_path: Path, rng: np.random.Generator, data_dir: str
) -> None:
    path = tmp_path / "three.npz"
    images, labels = rng.integers(0, 256, (64, 8, 8)).astype(np.uint8), np.arange(64) % 3
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(ConfigError, match=r"weights do not fit: .* has the shape \(2, 10\); needed: \(2, 3\)"):
        train(dataclasses.replace(config, dataset=str(path)), tmp_path / "run", data_dir)
    with pytest.raises(ConfigError, match="weights do not fit"):
        run.check(dataclasses.replace(config, dataset=str(path)), str(tmp_path / "run"), Options(data_dir))
    assert not (tmp_path / "run").exists()


def test_other_weights_under_the_name_are_refused(first: Path, config: RunConfig, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    start_weights.keep(config, str(directory))
    start_weights.check(config, str(directory))
    other = tmp_path / "other"
    shutil.copytree(first, other)
    checkpoint = other / "checkpoint" / "epoch-00001.npz"
    checkpoint.write_bytes(checkpoint.read_bytes() + b" ")
    with pytest.raises(ConfigError, match="began with other weights"):
        start_weights.check(dataclasses.replace(config, continue_from=str(other)), str(directory))
