"""run with students and teachers: the teacher is trained first and kept, and training ends when validation says so."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest

import command_runner
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.teaching import options
from collab_ensembles.networks import exported
from collab_ensembles.runs import naming, run, run_data, run_directory, run_model
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import plan
from trainings import series, train

SMALL: dict[str, Any] = {
    "system": "teaching",
    "members": ("mlp8-8",),
    "train_limit": 120,
    "batch_size": 10,
    "epochs": 3,
    "learning_rate": 0.02,
}
ALONE = {**SMALL, "stack": 1}


def test_an_interrupted_run_with_dropout_and_random_choices_continues_to_the_bit(tmp_path: Path, data_dir: str) -> None:
    config = RunConfig(**{**SMALL, "difficulty": "random", "targets": "true", "dropout": 0.3})
    whole = series(train(config, tmp_path / "whole", data_dir))
    train(config, tmp_path / "parts", data_dir, stop_after=2)
    assert run_directory.read_status(str(tmp_path / "parts")).state == "stopped"
    assert series(train(config, tmp_path / "parts", data_dir)) == whole


_NOISY = """
import keras

def build(shape, classes, seed):
    layers = keras.layers
    nested = keras.Sequential([keras.Input((8,)), layers.Dropout(0.3, seed=seed)], name="nested")
    own = [layers.Flatten(), layers.Dense(8, "relu"), layers.GaussianNoise(0.3, seed=seed), nested]
    return keras.Sequential([keras.Input(shape), layers.Rescaling(1 / 16), *own, layers.Dense(classes)])
"""


def test_noise_and_parts_of_an_own_network_continue_to_the_bit(tmp_path: Path, data_dir: str) -> None:
    (tmp_path / "noisy.py").write_text(_NOISY)
    config = RunConfig(**{**ALONE, "members": (f"{tmp_path}/noisy.py:build",)})
    whole = series(train(config, tmp_path / "whole", data_dir))
    train(config, tmp_path / "parts", data_dir, stop_after=1)
    assert series(train(config, tmp_path / "parts", data_dir)) == whole


@pytest.mark.usefixtures("eager")
def test_students_share_a_teacher_that_is_trained_first_and_keep_it(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(dict[str, Any], options.TEACHER), "members", ("mlp16-16",))
    log_dir = tmp_path / "runs"
    soft, hard = (RunConfig(**SMALL, targets=targets) for targets in ("soft", "true"))
    needed = soft.needed_runs()["teacher"]
    assert needed == hard.needed_runs()["teacher"]
    places = {each: Path(naming.run_directory(str(log_dir), each)) for each in (soft, hard, needed)}
    train(soft, places[soft], data_dir)
    teacher = run_directory.read_status(str(places[needed]))
    assert teacher.state == "done"
    contents = train(hard, places[hard], data_dir)
    assert run_directory.read_status(str(places[needed])) == teacher

    copies = [keras.models.load_model(next((places[each] / "teachers").iterdir())) for each in (soft, hard)]
    model, _ = run_model.restore(str(places[needed]))
    for one, other, own in zip(*(each.get_weights() for each in (*copies, model.members["student"])), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, own)

    # A student goes on with its copy.
    shutil.rmtree(places[needed])
    shutil.rmtree(places[hard] / "checkpoint")
    (places[hard] / f"{hard.run_name()}_000.pkl").unlink()
    assert series(train(hard, places[hard], data_dir)) == series(contents)
    assert not places[needed].exists()


def test_a_run_ends_early_with_the_error_of_its_best_epoch(tmp_path: Path, data_dir: str) -> None:
    config = RunConfig(**{**ALONE, "epochs": 30, "patience": 1})
    content = train(config, tmp_path / "run", data_dir)["student"]
    last, best = len(set(content["updates"])), int(content["best_epoch"][-1])
    assert last == best + 1 < 30
    for key in ("test_errors", "train_errors_mean", "validation_errors", "updates"):
        assert set(content[key][last:]) == {content[key][last - 1]}, key
    status = run_directory.read_status(str(tmp_path / "run"))
    assert (status.state, status.epochs_done) == ("done", 30)
    model, _ = run_model.restore(str(tmp_path / "run"))
    data = run_data.load(config, data_dir)
    scores = run_model.evaluate(model, data.test_images, data.test_labels)
    assert scores["student_error"] == pytest.approx(content["test_errors"][best - 1])
    # The last sixth of the 120 training examples, which no step sees: ten steps of ten examples an epoch.
    wrong = model.predict(data.train_images[100:], verbose=0).argmax(axis=1) != data.train_labels[100:]
    assert np.mean(wrong) == pytest.approx(content["validation_errors"][best - 1])
    assert content["updates"][0] == 10


def test_a_teacher_of_another_shape_is_refused(tmp_path: Path, data_dir: str) -> None:
    inputs = keras.Input((28, 28, 1))
    other = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(inputs)))
    exported.save(other, str(tmp_path / "other.keras"))
    config = RunConfig(**SMALL, teacher=(str(tmp_path / "other.keras"),))
    with pytest.raises(ConfigError, match=r"other\.keras: from \(28, 28, 1\).* needed for digits"):
        run.run(config, str(tmp_path / "run"), run.Options(data_dir))
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"stack": 0}, "--stack=0"),
        ({"difficulty": "hard"}, "--difficulty=hard"),
        ({"targets": "none"}, "--targets=none"),
        ({"patience": 0}, "--patience=0"),
        ({"dropout": 1.0}, "--dropout=1.0"),
        ({"members": ("resnet8",), "dropout": 0.5}, "--dropout=0.5"),
        ({"members": ("mlp8-8", "mlp8-8")}, "--members"),
        ({"teacher": ("a.keras", "b.keras")}, "--teacher"),
        ({"teacher": ("a.h5",)}, "--teacher"),
        ({"teacher": ("a.keras",), "teacher_seed": 1}, "--teacher_seed=1"),
        ({"stack": 1, "teacher": ("a.keras",)}, "--teacher"),
        ({"stack": 1, "difficulty": "random"}, "--difficulty=random"),
        ({"augment": True}, "--augment=True"),
    ],
)
def test_settings_that_cannot_be_or_do_nothing_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        RunConfig(**{**SMALL, **settings})


def test_a_stack_has_to_fit_the_examples_beside_the_validation_part(tmp_path: Path) -> None:
    description = catalogue.describe("digits", "report")
    RunConfig(**SMALL, stack=10).check_data(description)
    with pytest.raises(ConfigError, match=r"--stack=11: .* 100 training examples .* from 1 to 10"):
        RunConfig(**SMALL, stack=11).check_data(description)
    for settings, refusal in (
        ({"train_limit": 5, "batch_size": 32}, "5 training examples leave none for validation"),
        ({"train_limit": 20, "batch_size": 20}, "--batch_size=20 exceeds the 17 .* with --stack=2: 1 to 8"),
    ):
        with pytest.raises(ConfigError, match=refusal):
            RunConfig(**{**SMALL, **settings}).check_data(description)
    RunConfig(**{**SMALL, "train_limit": 20, "batch_size": 8}).check_data(description)
    flags = ("--system=teaching", "--dataset=digits", "--stack=38", f"--log_dir={tmp_path / 'runs'}")
    result = command_runner.run("experiments.train", *flags)
    assert (result.exit_status, result.errors.count("\n")) == (2, 1)
    assert "--stack=38" in result.errors
    assert not (tmp_path / "runs").exists()


def test_the_grid_has_one_teacher_and_the_rows_of_the_table_for_each_seed() -> None:
    configs = plan("lacaille-3.1", {"dataset": "mnist"}, [3, 4])
    assert len(configs) == len(set(configs)) == 1 + 2 * 7
    needed = [each for config in configs for each in config.needed_runs().values()]
    assert set(needed) == {configs[0]}
    assert len(needed) == 2 * 6
    assert {config.split for config in configs} == {"standard"}
    assert {config.held_out(60_000) for config in configs} == {10_000}
    digests = {dataclasses.replace(config, seed=9).digest() for config in configs}
    assert len(digests) == 8


@pytest.mark.usefixtures("eager")
def test_a_teacher_of_another_seed_is_trained_and_kept(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(dict[str, Any], options.TEACHER), "members", ("mlp16-16",))
    config = RunConfig(**SMALL, teacher_seed=2)
    directory = Path(naming.run_directory(str(tmp_path), config))
    whole = series(train(config, directory, data_dir))
    needed = run_directory.read_status(naming.run_directory(str(tmp_path), config.needed_runs()["teacher"]))
    assert needed.state == run_directory.read_status(str(directory)).state == "done"
    shutil.rmtree(directory / "checkpoint")
    (directory / f"{config.run_name()}_000.pkl").unlink()
    assert series(train(config, directory, data_dir)) == whole


@pytest.mark.parametrize("settings", [{"resnet": "fixed"}, {"decay_scope": "all"}, {"resnet": "post2018"}])
def test_the_teacher_of_a_residual_student_has_no_settings_of_blocks(settings: dict[str, Any]) -> None:
    config = RunConfig(system="teaching", members=("ST",), **settings)
    assert config.needed_runs() == {"teacher": RunConfig(system="teaching", stack=1, **options.TEACHER)}
    assert config.description().startswith("ST, stack 2")
