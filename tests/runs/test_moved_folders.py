"""A folder with data and runs is moved as a whole: the runs are found, used and taken up again."""

import json
import pathlib
import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from analysis import contents, frame
from collab_ensembles.errors import OtherDataError, RunDirectoryError
from collab_ensembles.runs import naming, run, run_data, run_directory, run_model
from collab_ensembles.settings.config import RunConfig
from experiments.launch import returned_files


def _config(folder: pathlib.Path, **changes: object) -> RunConfig:
    settings = {"members": ("B1R1F2",), "batch_size": 16, "epochs": 2, "dataset": str(folder / "own.npz")}
    return RunConfig(**{**settings, **changes})  # type: ignore[arg-type]


def _write_data(folder: pathlib.Path, seed: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    labels = random.integers(0, 3, 60)
    np.savez(folder / "own.npz", x_train=images[:40], y_train=labels[:40], x_test=images[40:], y_test=labels[40:])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of a run after the first of its two epochs."""
    folder = tmp_path_factory.mktemp("before") / "project"
    _write_data(folder)
    config = _config(folder)
    options = run.Options(str(folder / "data"), stop_after=1)
    run.run(config, naming.run_directory(str(folder / "runs"), config), options)
    return folder


@pytest.fixture
def moved(trained: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """The folder under another name, in a copy of each test's own; where it was there is none."""
    kept = trained.rename(trained.with_name("kept"))
    shutil.copytree(kept, tmp_path / "renamed")
    yield tmp_path / "renamed"
    kept.rename(trained)


def test_the_same_command_finds_the_run_under_the_name_that_it_began_with(
    trained: pathlib.Path, moved: pathlib.Path
) -> None:
    before, after = _config(trained), _config(moved)
    directory, kept = run_directory.find_run(str(moved / "runs"), after)
    assert directory == naming.run_directory(str(moved / "runs"), before)
    assert kept == before
    assert kept.digest() == json.loads((pathlib.Path(directory) / "config.json").read_text())["digest"]
    assert run_directory.is_done(directory, stop_after=1)
    assert run_directory.read_located(directory) == after
    # Other settings are another run.
    for other in (_config(moved, epochs=3), _config(moved, seed=1), _config(moved.parent)):
        assert run_directory.find_run(str(moved / "runs"), other)[1] == other


def test_it_is_scored_on_its_data_and_shown(moved: pathlib.Path) -> None:
    ((directory),) = run_directory.find(str(moved / "runs"))
    model, status = run_model.restore(directory)
    data = run_data.load_again(directory, str(moved / "data"))
    scores = run_model.evaluate(model, data.test_images, data.test_labels)
    assert scores["B1R1F2_error"] == pytest.approx(status.test_errors["B1R1F2"])
    done = run_directory.read_status(directory)
    done.state = "done"
    run_directory.write_status(directory, done)
    (shown,) = frame.read_runs(str(moved / "runs"), str(moved / "own.npz"))
    assert shown.config == _config(moved)
    assert contents.datasets(str(moved / "runs")) == [str(moved / "own.npz")]


def test_changed_data_are_refused_there_too(moved: pathlib.Path) -> None:
    _write_data(moved, seed=1)
    directory, kept = run_directory.find_run(str(moved / "runs"), _config(moved))
    with pytest.raises(OtherDataError):
        run.run(kept, directory, run.Options(str(moved / "other data"), stop_after=1))


def test_it_goes_on_where_it_was(moved: pathlib.Path) -> None:
    directory, kept = run_directory.find_run(str(moved / "runs"), _config(moved))
    status = run.run(kept, directory, run.Options(str(moved / "data")))
    assert (status.state, status.resumed) == ("done", [1])
    assert list(run_directory.find(str(moved / "runs"))) == [directory]


def test_teachers_move_along(tmp_path: pathlib.Path) -> None:
    def config(folder: pathlib.Path) -> RunConfig:
        return RunConfig(system="distillation", members=("densenet7-2",), teacher=(str(folder / "teacher.keras"),))

    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    (before / "teacher.keras").write_bytes(b"")
    directory = naming.run_directory(str(before / "runs"), config(before))
    run_directory.write_config(directory, config(before))
    assert run_directory.find_run(str(before / "runs"), config(before)) == (directory, config(before))
    before.rename(after)
    moved_directory = directory.replace(str(before), str(after))
    assert run_directory.find_run(str(after / "runs"), config(after)) == (moved_directory, config(before))


def test_a_run_directory_that_moves_alone_finds_the_file_where_it_was(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "project"
    _write_data(folder)
    config = _config(folder)
    run_directory.write_config(str(folder / "runs" / "run"), config)
    (folder / "runs" / "run").rename(tmp_path / "run")
    assert run_directory.read_located(str(tmp_path / "run")) == config


def test_paths_of_a_run_from_a_node_are_those_seen_from_here(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "project"
    config = _config(folder)
    directory = naming.run_directory(str(folder / "runs"), config)
    run_directory.write_config(str(tmp_path / "node" / "deep" / "run"), config)
    content = returned_files.collect(str(tmp_path / "node" / "deep" / "run"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_directory, "is_done", lambda directory: True)
        returned_files.write(directory, content, is_done=True)
    recorded = json.loads((pathlib.Path(directory) / "config.json").read_text())["paths"]
    assert recorded == {"dataset": ["../../../own.npz"]}


@pytest.mark.parametrize("paths", [3, {"dataset": 3}, {"dataset": []}, {"dataset": [3]}, ["dataset"], None])
def test_altered_paths_are_an_error_of_the_run_directory(tmp_path: pathlib.Path, paths: object) -> None:
    run_directory.write_config(str(tmp_path), _config(tmp_path))
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, "paths": paths}))
    with pytest.raises(RunDirectoryError, match="altered"):
        run_directory.read_located(str(tmp_path))
