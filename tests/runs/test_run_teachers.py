"""run with teachers: they are networks that were exported, are checked first, and stay those that a run began with."""

import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from collab_ensembles.errors import ConfigError, RunDirectoryError
from collab_ensembles.networks import exported
from collab_ensembles.runs import kept_files, run, run_data, run_directory, run_model
from collab_ensembles.settings.config import RunConfig
from trainings import TREE, series, train

pytestmark = pytest.mark.usefixtures("eager")


def _series(config: RunConfig, directory: Path, data_dir: str) -> dict[str, bytes]:
    return series(train(config, directory, data_dir))


def test_a_head_is_exported_and_teaches_another_network(tmp_path: Path, data_dir: str) -> None:
    tree = RunConfig(**TREE)
    run.run(tree, str(tmp_path / "tree"), run.Options(data_dir))
    model, _ = run_model.restore(str(tmp_path / "tree"))
    exported.save(model.inference_network("head2"), str(tmp_path / "head2.keras"))
    plain = keras.models.load_model(tmp_path / "head2.keras")
    data = run_data.load(tree, data_dir)
    images = data.test_images[:50].astype(np.float32)
    np.testing.assert_allclose(plain(images), model.logits(images)[1], rtol=1e-4, atol=1e-5)
    teacher = (str(tmp_path / "head2.keras"),)
    student = RunConfig(**{**TREE, "system": "distillation", "teacher": teacher, "beta": 0.2})
    taught = _series(student, tmp_path / "student", data_dir)
    scores = run_model.evaluate(model, data.test_images, data.test_labels)
    errors = run_directory.read_status(str(tmp_path / "student")).test_errors
    assert errors["teacher"] == pytest.approx(scores["head2_error"])
    alone = _series(RunConfig(**{**TREE, "graph": "single"}), tmp_path / "alone", data_dir)
    assert taught["student/train_costs"] != alone["head1/train_costs"]


def test_a_teacher_that_does_not_fit_is_refused(tmp_path: Path, data_dir: str) -> None:
    inputs = keras.Input((8, 8, 1))
    small = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    exported.save(small, str(tmp_path / "small.keras"))
    (tmp_path / "damaged.keras").write_bytes(b"no archive")
    for name, message in (
        ("small", "needed for digits: from images"),
        ("damaged", "not a Keras file that can be loaded"),
        ("none", r"none\.keras: no such file"),
    ):
        config = RunConfig(**{**TREE, "system": "distillation", "teacher": (str(tmp_path / f"{name}.keras"),)})
        for _ in range(2):
            # A file that does not serve is not kept: mended, it is taken.
            with pytest.raises(ConfigError, match=message):
                run.run(config, str(tmp_path / name), run.Options(data_dir))
        assert not (tmp_path / name).exists()


def _taught(paths: tuple[str, ...]) -> RunConfig:
    return RunConfig(system="distillation", teacher=paths)


def test_teachers_are_checked_before_anything_is_written(tmp_path: Path) -> None:
    for name in ("one", "two"):
        exported.save(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), str(tmp_path / f"{name}.keras"))
    paths = tuple(str(tmp_path / f"{name}.keras") for name in ("one", "two"))
    directory = str(tmp_path / "run")
    kept_files.check(_taught(paths), directory)
    assert not os.path.exists(directory)
    kept_files.keep(_taught(paths), directory)
    kept_files.check(_taught(paths), directory)
    shutil.copy(paths[0], paths[1])
    with pytest.raises(ConfigError, match=r"two\.keras: .*run began with another file"):
        kept_files.check(_taught(paths), directory)
    os.remove(paths[1])
    kept_files.check(_taught(paths), directory)
    with pytest.raises(ConfigError, match=r"two\.keras: no such file"):
        kept_files.check(_taught(paths), str(tmp_path / "another"))
    (tmp_path / "two.keras").write_bytes(b"no archive")
    with pytest.raises(ConfigError, match=r"two\.keras: not a Keras file"):
        kept_files.check(_taught(paths), str(tmp_path / "another"))


def test_a_run_keeps_the_teachers_that_it_began_with(tmp_path: Path, data_dir: str) -> None:
    tree = RunConfig(**TREE)
    run.run(tree, str(tmp_path / "tree"), run.Options(data_dir))
    model, _ = run_model.restore(str(tmp_path / "tree"))
    paths = [tmp_path / "head1.keras", tmp_path / "head2.keras"]

    def config() -> RunConfig:
        return RunConfig(**{**TREE, "system": "distillation", "teacher": [str(path) for path in paths], "epochs": 3})

    for path in paths:
        exported.save(model.inference_network(path.stem), str(path))
    undisturbed = _series(config(), tmp_path / "whole", data_dir)
    directory = tmp_path / "cut"
    run.run(config(), str(directory), run.Options(data_dir, stop_after=1))
    paths[0].write_bytes(paths[1].read_bytes())
    paths[1].unlink()
    assert _series(config(), directory, data_dir) == undisturbed
    kept, _ = run_model.restore(str(directory))
    assert [layer.name for layer in kept.members["teacher"].layers if layer.name.startswith("teacher")] == [
        "teacher1",
        "teacher2",
    ]
    copy = next((directory / "teachers").glob("2-*.keras"))
    copy.write_bytes(copy.read_bytes() + b"0")
    with pytest.raises(RunDirectoryError, match="changed, since its SHA-256 is not the recorded one"):
        run_model.restore(str(directory))
