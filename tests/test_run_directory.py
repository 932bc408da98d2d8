"""What run directories say of their runs."""

import hashlib
import json
import pathlib
from typing import Any

import pytest

from collab_ensembles import run_directory
from collab_ensembles.config import RunConfig
from collab_ensembles.errors import CollabError, RunDirectoryError
from collab_ensembles.run_directory import DataFacts, Status

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
        for fragment in (f"{tmp_path}/runs/run", f"format version {version}", "reads and writes 1", "another log dir"):
            assert fragment in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_log_directory_of_this_format_or_without_runs_passes(tmp_path: pathlib.Path) -> None:
    run_directory.check_format(str(tmp_path / "none yet"))
    run_directory.write_config(str(tmp_path / "runs" / "run"), _CONFIG)
    run_directory.check_format(str(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"config": {**_CONFIG.to_json(), "dropout": 0.5}}, "unknown settings: dropout"),
        ({"config": {**_CONFIG.to_json(), "method": "KL"}}, "--method=KL"),
        ({"config": {**_CONFIG.to_json(), "epochs": "many"}}, "config.json"),
        ({"config": None}, "config.json"),
    ],
)
def test_settings_that_are_not_allowed_are_an_error_of_the_run_directory(
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
    with pytest.raises(RunDirectoryError, match=f"{tmp_path}/{name}: damaged .*delete the run's directory"):
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
        ({"mood": "good"}, "mood"),
        ({"data": {"name": "digits"}}, "image_shape"),
        ({"data": "digits"}, "status.json"),
    ],
)
def test_a_status_of_another_release_is_refused(tmp_path: pathlib.Path, changes: dict[str, Any], fragment: str) -> None:
    run_directory.write_status(str(tmp_path), _STATUS)
    _edit(tmp_path / "status.json", **changes)
    with pytest.raises(RunDirectoryError) as caught:
        run_directory.read_status(str(tmp_path))
    assert fragment in str(caught.value)


@pytest.mark.parametrize("state", run_directory.STATES)
def test_only_a_run_whose_state_is_done_is_done(tmp_path: pathlib.Path, state: str) -> None:
    run_directory.write_status(str(tmp_path), Status(state=state))
    assert not run_directory.is_done(str(tmp_path))
    run_directory.write_config(str(tmp_path), _CONFIG)
    assert run_directory.is_done(str(tmp_path)) == (state == "done")


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
    with pytest.raises(CollabError, match=f"cannot write {tmp_path}/gone/status.json"):
        run_directory.write_status(str(tmp_path / "gone"), _STATUS)


def test_a_lock_that_cannot_be_written_is_a_one_line_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lock").mkdir()
    message = r"cannot write .*lock: Is a directory; make room or permit writing"
    with pytest.raises(CollabError, match=message), run_directory.lock(str(tmp_path)):
        pass
