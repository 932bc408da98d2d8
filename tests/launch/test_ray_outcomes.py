"""What the driver makes of the outcome that a node sends, without a cluster."""

import pathlib
from typing import Any

import pytest

from experiments.launch.executors import Task
from experiments.launch.node_record import NodeRecord
from experiments.launch.node_run import Outcome
from experiments.progress import Row

pytestmark = pytest.mark.ray


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Any:
    from experiments.launch.ray_executor import RayExecutor

    executor = RayExecutor.__new__(RayExecutor)
    executor._record, executor._places = NodeRecord(), {"id": "node-7"}
    return executor


def test_a_status_that_cannot_be_read_stops_no_sweep(tmp_path: pathlib.Path, executor: Any) -> None:
    task = Task("plain, seed 0", [], str(tmp_path / "run"))
    outcome = Outcome(
        node="id", unfit=False, error="", exit_status=1, retries=0, data="", files={"status.json": b"{", "x.pkl": b""}
    )
    executor._take_in(task, outcome)
    assert (task.exit_status, task.error, task.place) == (1, "", "node-7")
    row = Row(task, 2, task.directory, task.name)
    assert (row.state(), row.status().state) == ("failed", "failed")
    assert "damaged" in row.status().reason
