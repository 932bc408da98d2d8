"""What the table and the lines of a sweep show of runs that other machines compute."""

import io
import pathlib

from rich.console import Console

from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import Status
from experiments.launch.executors import Task
from experiments.progress import Progress, Row, failure


def _row(directory: pathlib.Path, name: str, **attributes: object) -> Row:
    return Row(Task(name, [], str(directory / name), **attributes), 2, str(directory / name), name)  # type: ignore[arg-type]


def _shown(rows: list[Row], is_terminal: bool) -> list[str]:
    output = io.StringIO()
    with Progress(rows, Console(file=output, width=150, force_terminal=is_terminal, color_system=None)):
        pass
    return output.getvalue().splitlines()


def test_the_table_has_a_column_for_the_node_if_there_are_any(tmp_path: pathlib.Path) -> None:
    reported = Status(state="running", epochs_done=1)
    rows = [
        Row(None, 2, str(tmp_path / "before"), "plain, seed 0", "finished"),
        _row(tmp_path, "CE 1, seed 0", running=True, place="10.0.0.7", started=5.0, status=reported),
        _row(tmp_path, "CE 2, seed 0"),
    ]
    table = _shown(rows, is_terminal=True)
    header = next(line for line in table if "epoch" in line)
    assert header.index("state") < header.index("node") < header.index("epoch")
    running = next(line for line in reversed(table) if "CE 1" in line)
    assert running.index("running") < running.index("10.0.0.7") < running.index("1/2")
    rows[1].task = Task("CE 1", [], "")
    assert not any("node" in line for line in _shown(rows, is_terminal=True))


def test_what_a_node_reports_counts_more_than_a_file_of_an_earlier_attempt(tmp_path: pathlib.Path) -> None:
    row = _row(tmp_path, "CE 1, seed 0", running=True, started=5.0, status=Status(epochs_done=1))
    run_directory.write_config(row.directory, run_directory.RunConfig())
    run_directory.write_status(row.directory, Status(state="stopped", epochs_done=2, started=6.0))
    assert row.status().epochs_done == 1
    assert row.task is not None
    row.task.status = None
    assert row.status().epochs_done == 2


def test_the_lines_name_the_node_and_how_often_a_run_was_lost(tmp_path: pathlib.Path) -> None:
    done = Status(state="done", epochs_done=2, test_errors={"ST": 0.02})
    rows = [
        _row(tmp_path, "CE 1, seed 0", exit_status=0, place="node-7", status=done, retries=2),
        _row(tmp_path, "CE 0.1, seed 0", exit_status=1, place="node-8", error="node-8: cannot fetch mnist"),
    ]
    first, second = _shown(rows, is_terminal=False)
    assert first.startswith("[1/2] CE 1, seed 0: ST 2.00 %; its process died 2 times and was started again   on node-7")
    assert second.startswith("[2/2] CE 0.1, seed 0: FAILED: node-8: cannot fetch mnist   0.0 min used")
    assert rows[1].task is not None
    assert failure(rows[1].task) == "node-8: cannot fetch mnist"
