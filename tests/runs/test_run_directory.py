"""What run directories say of their runs."""

import hashlib
import json
import pathlib
import re
from typing import Any

import pytest

from collab_ensembles.errors import CollabError, RunDirectoryError
from collab_ensembles.runs import checkpoint_file, naming, run_directory
from collab_ensembles.runs.run_directory import DataFacts, Status
from collab_ensembles.settings.config import RunConfig

_CONFIG = RunConfig(method="L2", weight=0.01, members=("ST", "ST", "M"), seed=4)
_STATUS = Status(
    state="failed",
    reason="DataError: gone",
    epochs_done=3,
    test_errors={"ST": 0.25, "ensemble": 0.125},
    pickles={"a.pkl": "0" * 64},
    started=1.5,
    ended=2.5,
    data=DataFacts("digits", (8, 8, 1), 10),
    environment={"threads": 1},
)


def _edit(path: pathlib.Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_configuration_is_written_with_its_format_version_and_digest_and_read_back(
    tmp_path: pathlib.Path,
) -> None:
    directory = tmp_path / "new" / "run"
    run_directory.write_config(str(directory), _CONFIG)
    content = json.loads((directory / "config.json").read_text())
    assert content["format_version"] == 1
    assert content["digest"] == _CONFIG.digest()
    assert content["config"]["members"] == ["ST", "ST", "M"]
    assert content["config"]["weight"] == 0.01
    assert run_directory.read_config(str(directory)) == _CONFIG


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_version_is_refused_with_advice(tmp_path: pathlib.Path, version: Any) -> None:
    run_directory.write_config(str(tmp_path / "runs" / "run"), _CONFIG)
    _edit(tmp_path / "runs" / "run" / "config.json", format_version=version)
    for read in (
        lambda: run_directory.read_config(str(tmp_path / "runs" / "run")),
        lambda: run_directory.check_format(str(tmp_path / "runs")),
    ):
        with pytest.raises(RunDirectoryError) as caught:
            read()
        for fragment in (
            f"{tmp_path}/runs/run",
            f"format version {version!r}",
            "reads and writes version 1",
            "another log dir",
        ):
            assert fragment in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_log_directory_of_this_format_or_without_runs_passes(tmp_path: pathlib.Path) -> None:
    run_directory.check_format(str(tmp_path / "none yet"))
    run_directory.write_config(str(tmp_path / "runs" / "run"), _CONFIG)
    run_directory.check_format(str(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"config": {**_CONFIG.to_json(), "colour": 0.5}}, "unknown settings: colour"),
        ({"config": {**_CONFIG.to_json(), "method": "KL"}}, "--method=KL"),
        ({"config": {**_CONFIG.to_json(), "epochs": "many"}}, "config.json"),
        ({"config": None}, "config.json"),
        ({"config": {**_CONFIG.to_json(), "seed": 5}}, "and not the recorded one; delete it"),
        ({"digest": "0" * 64}, f"have the digest {_CONFIG.digest()[:8]} and not the recorded one"),
        ({"digest": None}, "and not the recorded one"),
    ],
)
def test_settings_that_are_not_allowed_or_were_altered_are_an_error_of_the_run_directory(
    tmp_path: pathlib.Path, changes: dict[str, Any], fragment: str
) -> None:
    run_directory.write_config(str(tmp_path), _CONFIG)
    _edit(tmp_path / "config.json", **changes)
    with pytest.raises(RunDirectoryError) as caught:
        run_directory.read_config(str(tmp_path))
    assert fragment in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "status.json"])
@pytest.mark.parametrize("content", ["", '{"format_version": 1', "[1]", "\x00"])
def test_damaged_files_are_named_with_advice(tmp_path: pathlib.Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    read = run_directory.read_config if name == "config.json" else run_directory.read_status
    where = re.escape(f"{tmp_path}/{name}")
    with pytest.raises(RunDirectoryError, match=f"{where}: damaged .*delete it: the command that trained"):
        read(str(tmp_path))


def test_a_directory_without_a_run_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"config\.json: no such file; give the directory of a run"):
        run_directory.read_config(str(tmp_path))


def test_the_status_is_read_back_with_its_types(tmp_path: pathlib.Path) -> None:
    run_directory.write_status(str(tmp_path), _STATUS)
    assert json.loads((tmp_path / "status.json").read_text())["data"]["image_shape"] == [8, 8, 1]
    status = run_directory.read_status(str(tmp_path))
    assert status == _STATUS
    assert status.data is not None
    assert status.data.image_shape == (8, 8, 1)


def test_without_a_status_the_run_is_queued(tmp_path: pathlib.Path) -> None:
    assert run_directory.read_status(str(tmp_path)) == Status(state="queued")


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"state": "lost"}, "unknown state 'lost'; known: queued, running, stopped, done, failed"),
        ({"mood": "good", "colour": "red"}, "unknown fields: colour, mood; was this written by another version?"),
        ({"data": {"name": "digits"}}, "image_shape"),
        ({"data": {"name": "digits", "image_shape": [8, 8], "num_classes": 10}}, "status.json: damaged (ValueError"),
        ({"data": "digits"}, "status.json: damaged (TypeError"),
        ({"state": 3}, "a value that should be text is not"),
        ({"reason": None}, "a value that should be text is not"),
        ({"pickles": {"a.pkl": 7}}, "a value that should be text is not"),
        ({"environment": ["threads"]}, "a value that should be text is not"),
        ({"epochs_done": "3"}, "should be a number from 0"),
        ({"epochs_done": 3.5}, "received 3.5 completed epochs"),
        ({"epochs_done": True}, "received True completed epochs"),
        ({"epochs_done": -1}, "should be a number from 0"),
        ({"seconds": float("nan")}, "should be a number from 0"),
        ({"started": "yesterday"}, "should be a number from 0"),
        ({"ended": None}, "should be a number from 0"),
        ({"test_errors": {"ST": "0.25"}}, "should be a number from 0"),
        ({"resumed": ["1"]}, "should be a number from 0"),
    ],
)
def test_a_status_of_another_release_or_with_values_of_other_types_is_refused(
    tmp_path: pathlib.Path, changes: dict[str, Any], fragment: str
) -> None:
    run_directory.write_status(str(tmp_path), _STATUS)
    _edit(tmp_path / "status.json", **changes)
    with pytest.raises(RunDirectoryError) as caught:
        run_directory.read_status(str(tmp_path))
    assert fragment in str(caught.value)
    assert f"{tmp_path}/status.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("state", run_directory.STATES)
def test_only_a_run_whose_state_is_done_is_done(tmp_path: pathlib.Path, state: str) -> None:
    _write_done(tmp_path, state)
    (tmp_path / "config.json").unlink()
    assert not run_directory.is_done(str(tmp_path))
    run_directory.write_config(str(tmp_path), _CONFIG)
    assert run_directory.is_done(str(tmp_path)) == (state == "done")


@pytest.mark.parametrize(("stop_after", "done"), [(None, False), (2, True), (3, True), (4, False)])
def test_a_run_that_was_stopped_is_done_for_those_who_want_no_more_epochs(
    tmp_path: pathlib.Path, stop_after: int | None, done: bool
) -> None:
    _write_done(tmp_path, "stopped", epochs_done=3)
    # Stopped by hand between checkpoints: who wants three epochs wants to use them.
    assert not run_directory.is_done(str(tmp_path), stop_after)
    checkpoint = tmp_path / checkpoint_file.DIRECTORY / "epoch-00003.npz"
    checkpoint.parent.mkdir()
    checkpoint.touch()
    assert run_directory.is_done(str(tmp_path), stop_after) == done


@pytest.mark.parametrize("content", ["{", '{"state": "done", "mood": "good"}', '{"state": "done", "epochs_done": "2"}'])
def test_a_run_with_a_damaged_status_is_not_done_and_a_warning_says_why(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    run_directory.write_config(str(tmp_path), _CONFIG)
    (tmp_path / "status.json").write_text(content)
    assert not run_directory.is_done(str(tmp_path))
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert str(tmp_path / "status.json") in warning.getMessage()


_PICKLES = [f"{stem}.pkl" for stem in naming.statistics_names(_CONFIG).values()]


def _write_done(directory: pathlib.Path, state: str = "done", epochs_done: int = 0) -> None:
    run_directory.write_config(str(directory), _CONFIG)
    pickles = {}
    for name in _PICKLES:
        (directory / name).write_bytes(b"statistics " + name.encode())
        pickles[name] = run_directory.sha256(str(directory / name))
    run_directory.write_status(str(directory), Status(state, epochs_done=epochs_done, pickles=pickles))


def test_undamaged_pickles_are_a_run_that_is_done_without_a_warning(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write_done(tmp_path)
    assert run_directory.changed_pickles(str(tmp_path), run_directory.read_status(str(tmp_path))) == []
    assert run_directory.is_done(str(tmp_path))
    assert caplog.records == []


@pytest.mark.parametrize("damage", ["flipped", "shorter", "missing", "directory"])
def test_a_run_with_a_changed_pickle_is_not_done_and_a_warning_names_it(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    _write_done(tmp_path)
    path = tmp_path / _PICKLES[1]
    content = path.read_bytes()
    if damage == "flipped":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "shorter":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
        if damage == "directory":
            path.mkdir()
    assert run_directory.changed_pickles(str(tmp_path), run_directory.read_status(str(tmp_path))) == [_PICKLES[1]]
    assert not run_directory.is_done(str(tmp_path))
    assert f"{path}: missing, or changed since it was written; the command that trained the run" in caplog.text
    assert _PICKLES[0] not in caplog.text


def test_a_status_that_lacks_a_pickle_is_of_no_run_that_is_done(tmp_path: pathlib.Path) -> None:
    _write_done(tmp_path)
    status = run_directory.read_status(str(tmp_path))
    del status.pickles[_PICKLES[2]]
    run_directory.write_status(str(tmp_path), status)
    assert not run_directory.is_done(str(tmp_path))


def test_runs_are_found_at_any_depth_in_alphabetical_order(tmp_path: pathlib.Path) -> None:
    for name in ("b/x", "a/z", "a/y/deep"):
        run_directory.write_config(str(tmp_path / name), _CONFIG)
    (tmp_path / "a" / "notes").mkdir()
    # Whatever lies inside a run directory is no run of its own.
    run_directory.write_config(str(tmp_path / "b" / "x" / "copy"), _CONFIG)
    assert list(run_directory.find(str(tmp_path))) == [str(tmp_path / name) for name in ("a/y/deep", "a/z", "b/x")]


def test_a_checksum_is_that_of_the_content(tmp_path: pathlib.Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert run_directory.sha256(str(tmp_path / "file")) == hashlib.sha256(content).hexdigest()


def test_a_status_that_cannot_be_written_is_a_one_line_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CollabError, match=re.escape(f"cannot write {tmp_path}/gone/status.json")):
        run_directory.write_status(str(tmp_path / "gone"), _STATUS)
