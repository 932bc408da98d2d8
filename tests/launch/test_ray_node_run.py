"""What a node does with an order, with commands that take no time in place of TensorFlow's."""

import contextlib
import os
import pathlib
import sys
import tempfile
import threading
from typing import Any

import pytest

from collab_ensembles.errors import OtherDataError, RunDirectoryError
from collab_ensembles.runs import run_directory
from experiments.launch import node_run
from experiments.launch.node_run import NodeError, Order

_PREPARE = "import os; open({calls!r}, 'a').write('prepared ')"
_TRAIN = """
import json, os, sys
open({calls!r}, 'a').write('trained ')
log_dirs = [argument.removeprefix('--log_dir=') for argument in sys.argv if argument.startswith('--log_dir=')]
directory = os.path.join(log_dirs[-1], 'digits/run')
open(os.path.join(directory, 'status.json'), 'w').write(json.dumps(dict(state='running', epochs_done=3)))
print('printed')
import time; time.sleep(0.5)
sys.exit({exit_status})
"""


@pytest.fixture(autouse=True)
def base(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Where runs work on this node."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"collab-ensembles-{os.getuid()}"


def _order(tmp_path: pathlib.Path, exit_status: int = 0, prepare: str = _PREPARE, **changes: Any) -> Order:
    calls = str(tmp_path / "calls")
    order = Order(
        sweep="sweep1",
        name="plain, seed 0",
        # No interpreter of the node: it takes its own.
        command=["/driver/python", "-c", _TRAIN.format(calls=calls, exit_status=exit_status), "--log_dir=/driver/runs"],
        run="digits/run",
        prepare=[["/driver/python", "-c", prepare.format(calls=calls)]],
        checkpoint_dir=None,
    )
    return Order(**{**order, **changes})  # type: ignore[typeddict-item]


def test_the_data_come_first_and_files_and_reports_come_back(tmp_path: pathlib.Path, base: pathlib.Path) -> None:
    reports: list[dict[str, Any]] = []
    outcome = node_run.compute(_order(tmp_path), "some node", reports.append)
    assert (tmp_path / "calls").read_text() == "prepared trained "
    assert (outcome["node"], outcome["unfit"], outcome["error"]) == ("some node", False, "")
    assert (outcome["exit_status"], outcome["retries"]) == (0, 0)
    assert set(outcome["files"]) == {"status.json", "output.log"}
    assert outcome["files"]["output.log"] == b"printed\n"
    assert reports[-1] == {
        "state": "running",
        "epochs_done": 3,
        "test_errors": {},
        "started": 0.0,
        "ended": 0.0,
        "seconds": 0.0,
    }
    assert len(reports) <= 2  # one of the state before the run wrote any, and none twice
    assert {path.name for path in base.iterdir()} == {"lock", "prepared-sweep1"}


def test_the_first_run_of_a_sweep_prepares_the_data_for_all(tmp_path: pathlib.Path, base: pathlib.Path) -> None:
    for sweep in ("sweep1", "sweep1", "sweep2", "sweep1"):
        node_run.compute(_order(tmp_path, sweep=sweep), "node", lambda status: None)
    assert (tmp_path / "calls").read_text() == "prepared trained trained prepared trained trained "
    assert {path.name for path in base.iterdir()} == {"lock", "prepared-sweep1", "prepared-sweep2"}


def test_a_run_that_fails_is_no_fault_of_the_node(tmp_path: pathlib.Path) -> None:
    outcome = node_run.compute(_order(tmp_path, exit_status=3), "node", lambda status: None)
    assert (outcome["exit_status"], outcome["unfit"], outcome["error"]) == (3, False, "")
    assert outcome["files"]["output.log"] == b"printed\n"


def test_other_data_than_a_run_began_with_are_the_fault_of_the_node(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NodeError, match=r"^printed$"):
        node_run.compute(_order(tmp_path, exit_status=OtherDataError.exit_status), "node", lambda status: None)


def test_each_data_set_of_a_sweep_is_prepared(tmp_path: pathlib.Path) -> None:
    order = _order(tmp_path)
    node_run.compute(order | {"prepare": 2 * order["prepare"]}, "node", lambda status: None)
    assert (tmp_path / "calls").read_text() == "prepared prepared trained "


def test_data_that_cannot_be_had_are_the_fault_of_the_node(tmp_path: pathlib.Path, base: pathlib.Path) -> None:
    prepare = "import sys; print('asking'); print('error: cannot fetch mnist', file=sys.stderr); sys.exit(1)"
    with pytest.raises(NodeError, match=r"^cannot fetch mnist$"):
        node_run.compute(_order(tmp_path, prepare=prepare), "node", lambda status: None)
    assert not (tmp_path / "calls").exists()
    assert [path.name for path in base.iterdir()] == ["lock"]


def test_a_preparation_that_says_nothing_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NodeError, match="exit status 3"):
        node_run.compute(_order(tmp_path, prepare="raise SystemExit(3)"), "node", lambda status: None)


def test_with_a_shared_directory_the_run_stays_there(tmp_path: pathlib.Path) -> None:
    order = _order(tmp_path, checkpoint_dir=str(tmp_path / "shared"))
    for _ in range(2):
        outcome = node_run.compute(order, "node", lambda status: None)
        # Of the second attempt too only what itself has printed.
        assert outcome["files"]["output.log"] == b"printed\n"
    directory = tmp_path / "shared" / "digits" / "run"
    assert (directory / "output.log").read_text() == "printed\n" * 2
    assert (directory / "status.json").exists()


def test_what_killed_runs_left_is_removed_and_what_others_use_stays(tmp_path: pathlib.Path, base: pathlib.Path) -> None:
    for name in ("left", "used"):
        (base / name / "digits").mkdir(parents=True)
    with run_directory.lock(str(base / "used")):
        node_run.compute(_order(tmp_path), "node", lambda status: None)
    assert {path.name for path in base.iterdir()} == {"lock", "used", "prepared-sweep1"}


def test_a_run_that_ends_meanwhile_is_no_fault_of_the_node(
    tmp_path: pathlib.Path, base: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "ends").mkdir(parents=True)
    lock = run_directory.lock

    def removed_first(directory: str, *arguments: Any) -> Any:
        if directory == str(base / "ends"):
            (base / "ends").rmdir()
        return lock(directory, *arguments)

    monkeypatch.setattr(run_directory, "lock", removed_first)
    assert node_run.compute(_order(tmp_path), "node", lambda status: None)["exit_status"] == 0


def test_data_that_others_prepare_without_end_are_the_fault_of_the_node(
    tmp_path: pathlib.Path, base: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.mkdir()
    monkeypatch.setattr(node_run, "_FETCH_SECONDS", 0.3)
    with run_directory.lock(str(base)), pytest.raises(NodeError, match="still preparing data after"):
        node_run.compute(_order(tmp_path), "node", lambda status: None)


def test_a_node_without_a_place_to_work_says_so(tmp_path: pathlib.Path, base: pathlib.Path) -> None:
    base.write_text("a file in the way")
    with pytest.raises(NodeError, match="cannot write"):
        node_run.compute(_order(tmp_path), "node", lambda status: None)


def test_a_shared_directory_that_cannot_be_made_is_the_fault_of_the_node(tmp_path: pathlib.Path) -> None:
    (tmp_path / "shared").write_text("a file in the way")
    with pytest.raises(NodeError, match=r"cannot write .*/shared/digits/run"):
        node_run.compute(_order(tmp_path, checkpoint_dir=str(tmp_path / "shared")), "node", lambda status: None)


def test_the_lock_of_a_run_that_was_lost_is_waited_for(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = _order(tmp_path, checkpoint_dir=str(tmp_path / "shared"))
    directory = tmp_path / "shared" / "digits" / "run"
    directory.mkdir(parents=True)
    with run_directory.lock(str(directory)):
        monkeypatch.setattr(node_run, "_LEASE_SECONDS", 0.3)
        with pytest.raises(RunDirectoryError, match=r"still writes there after 0.3 s; .* another --checkpoint_dir"):
            node_run.compute(order, "node", lambda status: None)
    monkeypatch.setattr(node_run, "_LEASE_SECONDS", 20.0)
    with contextlib.ExitStack() as stack:
        stack.enter_context(run_directory.lock(str(directory)))
        thread = threading.Timer(0.5, stack.pop_all().close)
        thread.start()
        assert node_run.compute(order, "node", lambda status: None)["exit_status"] == 0
        thread.join()


def test_modules_in_the_working_directory_are_not_taken(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise ImportError('the wrong json')\n")
    monkeypatch.chdir(tmp_path)
    assert node_run.compute(_order(tmp_path), "node", lambda status: None)["exit_status"] == 0


def test_the_interpreter_is_the_nodes_own(tmp_path: pathlib.Path) -> None:
    prepare = f"import sys; open({str(tmp_path / 'interpreter')!r}, 'w').write(sys.executable)"
    node_run.compute(_order(tmp_path, prepare=prepare), "node", lambda status: None)
    assert (tmp_path / "interpreter").read_text() == sys.executable


def test_runs_that_read_their_data_themselves_need_no_preparation(tmp_path: pathlib.Path, base: pathlib.Path) -> None:
    outcome = node_run.compute(_order(tmp_path) | {"prepare": []}, "node", lambda status: None)
    assert (outcome["exit_status"], outcome["error"]) == (0, "")
    assert (tmp_path / "calls").read_text() == "trained "
    assert {path.name for path in base.iterdir()} == {"lock"}
