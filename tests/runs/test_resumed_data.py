"""A run that is taken up again: with the data it began with, and with what its directory knew."""

import dataclasses
import os
import pathlib
import shutil
from typing import Any

import pytest

from collab_ensembles import data
from collab_ensembles.errors import DataError, OtherDataError
from collab_ensembles.runs import checkpoint_file, run, run_data, run_directory, run_model, run_training
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig

pytestmark = pytest.mark.usefixtures("eager")

_CONFIG = RunConfig(members=("B1R1F2",), train_limit=64, batch_size=32, epochs=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The data, and a run after the first of its two epochs."""
    directory = tmp_path_factory.mktemp("begun")
    _go_on(directory, stop_after=1)
    return directory


@pytest.fixture
def begun(trained: pathlib.Path, tmp_path: pathlib.Path) -> Status:
    """The status of a copy of that run, in `tmp_path / "run"`."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return _status(tmp_path)


def _go_on(tmp_path: pathlib.Path, **options: Any) -> Status:
    return run.run(_CONFIG, str(tmp_path / "run"), run.Options(str(tmp_path / "data"), **options))


def _status(tmp_path: pathlib.Path) -> Status:
    return run_directory.read_status(str(tmp_path / "run"))


def _change_data(monkeypatch: pytest.MonkeyPatch) -> None:
    load = data.load

    def changed(*arguments: Any, **options: Any) -> data.Dataset:
        data = load(*arguments, **options)
        return dataclasses.replace(data, train_images=255 - data.train_images)

    monkeypatch.setattr(data, "load", changed)


def test_other_data_than_it_began_with_are_refused(
    tmp_path: pathlib.Path, begun: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _change_data(patch)
        with pytest.raises(OtherDataError, match=r"received data .* digest \w{8}, .* began with \w{8};"):
            _go_on(tmp_path)
    assert _status(tmp_path) == begun
    assert _go_on(tmp_path).state == "done"
    assert _status(tmp_path).resumed == [1]


def test_where_no_epoch_is_kept_it_begins_with_the_data_of_now(
    tmp_path: pathlib.Path, begun: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(tmp_path / "run" / checkpoint_file.DIRECTORY)
    _change_data(monkeypatch)
    status = _go_on(tmp_path, threads=3)
    assert status.environment["threads"] == 3
    assert status.earlier_environments == []
    assert status.data is not None
    assert begun.data is not None
    assert status.data.digest != begun.data.digest
    assert (status.state, status.epochs_done, status.resumed) == ("done", 2, [])


def test_only_the_data_it_began_with_are_loaded_again(
    tmp_path: pathlib.Path, begun: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert begun.data is not None
    same = run_data.load_again(str(tmp_path / "run"), str(tmp_path / "data"))
    assert same.digest() == begun.data.digest
    _change_data(monkeypatch)
    with pytest.raises(OtherDataError, match="use the data that it began with"):
        run_data.load_again(str(tmp_path / "run"), str(tmp_path / "data"))


def test_an_attempt_without_data_changes_nothing(
    tmp_path: pathlib.Path, begun: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*arguments: Any, **options: Any) -> data.Dataset:
        raise DataError("nothing there")

    with monkeypatch.context() as patch:
        patch.setattr(data, "load", missing)
        with pytest.raises(DataError):
            _go_on(tmp_path)
    assert _status(tmp_path) == begun
    # So the run can still be used.
    assert run_model.restore(str(tmp_path / "run"))[1].epochs_done == 1


def test_a_run_that_is_done_is_not_taken_for_one_on_other_data(
    tmp_path: pathlib.Path, begun: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = _go_on(tmp_path)
    shutil.rmtree(tmp_path / "run" / checkpoint_file.DIRECTORY)
    with monkeypatch.context() as patch:
        _change_data(patch)
        with pytest.raises(OtherDataError):
            _go_on(tmp_path)
    assert _status(tmp_path) == done
    # Older versions noted no digest.
    assert done.data is not None
    without = dataclasses.replace(done, data=dataclasses.replace(done.data, digest=""))
    run_directory.write_status(str(tmp_path / "run"), without)
    _change_data(monkeypatch)
    assert _go_on(tmp_path) == without


def test_a_run_that_is_done_stays_so_where_its_data_are_not_at_hand(
    tmp_path: pathlib.Path, begun: Status, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done = _go_on(tmp_path)
    monkeypatch.setattr(data.sources, "fetch", lambda *arguments: 1 / 0)
    shutil.rmtree(tmp_path / "data")
    assert _go_on(tmp_path) == done
    assert "cannot check whether the data" in caplog.text


def test_what_dying_processes_left_half_written_is_removed(tmp_path: pathlib.Path, begun: Status) -> None:
    for parent in ("", checkpoint_file.DIRECTORY):
        (tmp_path / "run" / parent).mkdir(exist_ok=True)
        (tmp_path / "run" / parent / "1-5e1f.keras123.tmp").write_bytes(b"half")
    _go_on(tmp_path)
    assert list((tmp_path / "run").rglob("*.tmp")) == []


def test_what_starts_over_has_no_epochs_until_it_has(tmp_path: pathlib.Path, begun: Status) -> None:
    for name in os.listdir(tmp_path / "run" / checkpoint_file.DIRECTORY):
        os.truncate(tmp_path / "run" / checkpoint_file.DIRECTORY / name, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_training.Logger, "on_train_begin", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _go_on(tmp_path)
    left = _status(tmp_path)
    assert (left.epochs_done, left.test_errors, left.pickles, left.seconds) == (0, {}, {}, 0.0)
    assert left.environment == begun.environment
