"""What a sweep shows, on a console that writes to memory."""

import io
import pathlib
import shlex
import subprocess
import sys

import pytest
from rich.console import Console

from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import Status
from command_runner import REPOSITORY, environment
from experiments import progress
from experiments.launch import executors
from experiments.launch.executors import Task
from experiments.progress import Progress, Row


class _Clock:
    """Stands in for `time.monotonic`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    return clock


def _row(directory: pathlib.Path, name: str, status: Status, epochs: int = 2, **task: object) -> Row:
    run_directory.files.make_directory(str(directory / name))
    run_directory.write_status(str(directory / name), status)
    return Row(Task(name, [], str(directory / name), **task), epochs, str(directory / name), name)  # type: ignore[arg-type]


def _done(directory: pathlib.Path, name: str) -> Row:
    errors = {"ST": 0.02, "M": 0.01254, "ensemble": 0.5}
    return _row(directory, name, Status(state="done", epochs_done=2, test_errors=errors), exit_status=0)


def _lines(rows: list[Row]) -> list[str]:
    output = io.StringIO()
    with Progress(rows, Console(file=output, width=80)):
        pass
    return output.getvalue().splitlines()


def test_a_finished_run_is_one_line_with_its_errors_in_percent(tmp_path: pathlib.Path, clock: _Clock) -> None:
    (line,) = _lines([_done(tmp_path, "L2 0.01, seed 0")])
    assert line.startswith("[1/1] L2 0.01, seed 0: ST 2.00 %  M 1.25 %  ensemble 50.00 %")


def _table(tmp_path: pathlib.Path, errors: list[dict[str, float]]) -> str:
    output = io.StringIO()
    rows = [
        _row(tmp_path, f"run {index}", Status(state="done", epochs_done=2, test_errors=each), exit_status=0)
        for index, each in enumerate(errors)
    ]
    with Progress(rows, Console(file=output, width=140, force_terminal=True, color_system=None)):
        pass
    return output.getvalue()


def test_the_table_has_a_column_for_each_output_of_any_run(tmp_path: pathlib.Path, clock: _Clock) -> None:
    heads = {f"head{number}": 0.01 * number for number in (1, 2, 3, 4)} | {"ensemble": 0.05}
    shown = _table(tmp_path, [{"head1": 0.06}, heads])
    assert all(f"{output} %" in shown for output in heads)
    assert all(f"{100 * error:.2f}" in shown for error in heads.values())


def test_outputs_that_all_runs_have_are_columns_however_many(tmp_path: pathlib.Path, clock: _Clock) -> None:
    errors = dict.fromkeys(("ST", "ST_2", "M", "M_2", "M_3", "ensemble"), 0.01)
    assert "M_3 %" in _table(tmp_path, [errors, errors])


def test_where_outputs_are_too_many_for_columns_each_row_names_its_own(tmp_path: pathlib.Path, clock: _Clock) -> None:
    shown = _table(tmp_path, [{f"convnet{number}": 0.01 * number} for number in range(1, 7)])
    assert "test errors" in shown
    assert "convnet1 %" not in shown
    assert all(f"convnet{number} {number}.00 %" in shown for number in range(1, 7))


def test_a_failed_run_shows_its_last_words(tmp_path: pathlib.Path, clock: _Clock) -> None:
    failed = _row(tmp_path, "CE 1, seed 0", Status(state="failed"), exit_status=1)
    (tmp_path / "CE 1, seed 0" / executors.OUTPUT).write_text("epoch 1\nerror: no room [left] on the disk\n\n")
    killed = _row(tmp_path, "CE 0.1, seed 0", Status(state="running"), exit_status=-9)
    lines = _lines([failed, killed])
    assert "CE 1, seed 0: FAILED: exit status 1: error: no room [left] on the disk" in lines[0]
    assert "CE 0.1, seed 0: FAILED: killed by signal 9" in lines[1]


def test_a_skipped_run_is_one_line_with_the_reason(tmp_path: pathlib.Path, clock: _Clock) -> None:
    directory = tmp_path / "a long [name] of a directory that does not fit into the eighty columns of a line"
    row = Row(None, 2, str(directory), "plain, seed 0", f"finished in {directory}")
    assert _lines([row]) == [f"plain, seed 0: skipped, finished in {directory}"]


def test_the_lines_count_the_runs(tmp_path: pathlib.Path, clock: _Clock) -> None:
    skipped = Row(None, 2, str(tmp_path), "plain, seed 0", "before")
    rows = [skipped, *(_done(tmp_path, f"CE {weight}, seed 0") for weight in (1, 0.1, 0.01))]
    assert [line.split()[0] for line in _lines(rows)[1:]] == ["[2/4]", "[3/4]", "[4/4]"]


def test_each_run_is_announced_once_and_when_it_ends(tmp_path: pathlib.Path, clock: _Clock) -> None:
    output = io.StringIO()
    row = _row(tmp_path, "L1 1, seed 0", Status(state="running"), running=True)
    with Progress([row], Console(file=output, width=200)) as shown:
        for _ in range(3):
            clock.now += 2
            shown.refresh()
        assert output.getvalue() == ""
        assert row.task is not None
        row.task.running, row.task.exit_status = False, 0
        for _ in range(3):
            clock.now += 2
            shown.refresh()
        assert output.getvalue().count("\n") == 1
    assert output.getvalue().count("L1 1, seed 0") == 1


def test_the_time_left_supposes_that_all_epochs_take_the_same_time(tmp_path: pathlib.Path, clock: _Clock) -> None:
    rows = [
        Row(None, 2, str(tmp_path / "before"), "before"),
        _done(tmp_path, "done"),
        _row(tmp_path, "running", Status(state="running", epochs_done=1), running=True),
        _row(tmp_path, "waiting", Status()),
    ]
    output = io.StringIO()
    with Progress(rows, Console(file=output, width=200)) as shown:
        clock.now += 360
        shown.refresh()
    # 3 epochs in 6 minutes; 3 to come.
    assert "6.0 min used, about 6.0 min left" in output.getvalue()


def test_the_last_run_takes_its_time_also_where_workers_are_idle(tmp_path: pathlib.Path, clock: _Clock) -> None:
    """Of three equal runs on two workers, two have ended after ten minutes."""
    ended = Status(state="done", epochs_done=5, seconds=600.0)
    rows = [
        *(_row(tmp_path, name, ended, 5, exit_status=0) for name in ("first", "second")),
        _row(tmp_path, "waiting", Status(), 5),
    ]
    output = io.StringIO()
    with Progress(rows, Console(file=output, width=200)) as shown:
        clock.now += 600
        shown.refresh()
    assert "10.0 min used, about 10.0 min left" in output.getvalue()


def test_a_sweep_goes_on_without_a_reader(tmp_path: pathlib.Path) -> None:
    script = f"""
import time
from experiments.progress import LastingConsole
time.sleep(1)
console = LastingConsole()
for _ in range(9): console.print("a run has ended")
open({str(tmp_path / "done")!r}, "w").close()
"""
    program = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} | true"
    subprocess.run(["bash", "-c", program], cwd=REPOSITORY, env=environment(FORCE_COLOR="1"), check=True, timeout=60)
    assert (tmp_path / "done").exists()


def test_a_waiting_run_has_only_the_epochs_to_come_that_it_lacks(tmp_path: pathlib.Path, clock: _Clock) -> None:
    rows = [
        _done(tmp_path, "done"),
        _row(tmp_path, "waiting", Status(state="stopped", epochs_done=29), 30),
    ]
    output = io.StringIO()
    with Progress(rows, Console(file=output, width=200)) as shown:
        clock.now += 120
        shown.refresh()
    # 2 epochs in 2 minutes; 1 to come.
    assert "2.0 min used, about 1.0 min left" in output.getvalue()


def test_epochs_of_an_earlier_sweep_are_not_what_took_the_time(tmp_path: pathlib.Path, clock: _Clock) -> None:
    row = _row(tmp_path, "resumed", Status(state="stopped", epochs_done=20, started=1.0), 30, running=True, started=2.0)
    output = io.StringIO()
    with Progress([row], Console(file=output, width=200, force_terminal=True, color_system=None)) as shown:
        for epochs_done in (20, 22):
            status = Status(state="running", epochs_done=epochs_done, started=3.0)
            clock.now += 60
            run_directory.write_status(row.directory, status)
            shown.refresh()
        # 2 epochs in 2 minutes; 8 to come.
        assert "2.0 min used, about 8.0 min left" in output.getvalue()
        # From damaged checkpoints it has to start over.
        for epochs_done in (0, 1):
            run_directory.write_status(row.directory, Status(state="running", epochs_done=epochs_done, started=3.0))
            clock.now += 60
            shown.refresh()
        assert "4.0 min used, about 116.0 min left" in output.getvalue()


@pytest.mark.parametrize(
    ("task", "status", "state"),
    [
        (None, "done", "before"),
        ({}, "queued", "waiting"),
        ({}, "running", "waiting"),  # of an earlier process that was killed
        ({"started": 1.0}, "stopped", "stopped"),  # with the whole sweep
        ({"started": 1.0}, "running", "stopped"),
        ({"started": 1.0, "running": True}, "running", "running"),
        ({"started": 1.0, "exit_status": 0}, "done", "done"),
        ({"running": True}, "running", "running"),
        ({"exit_status": 0}, "done", "done"),
        ({"exit_status": 1}, "running", "failed"),
    ],
)
def test_the_subprocess_knows_the_state_better_than_the_status_file(
    tmp_path: pathlib.Path, task: dict[str, object] | None, status: str, state: str
) -> None:
    run_directory.write_status(str(tmp_path), Status(state=status))
    row = Row(None if task is None else Task("name", [], "", **task), 2, str(tmp_path), "name")  # type: ignore[arg-type]
    assert row.state() == state


def test_what_an_earlier_attempt_left_does_not_count(tmp_path: pathlib.Path) -> None:
    run_directory.write_status(str(tmp_path), Status(state="running", epochs_done=1, started=100.0))
    for started, epochs_done in ((99.0, 1), (101.0, 0)):
        row = Row(Task("name", [], "", running=True, started=started), 2, str(tmp_path), "name")
        assert row.status().epochs_done == epochs_done


def test_a_damaged_status_file_is_shown_and_stops_nothing(tmp_path: pathlib.Path, clock: _Clock) -> None:
    row = _done(tmp_path, "plain, seed 0")
    (tmp_path / "plain, seed 0" / "status.json").write_text("{")
    assert row.status().state == "failed"
    assert len(_lines([row])) == 1


def test_a_terminal_gets_a_table_with_a_row_for_each_run(tmp_path: pathlib.Path, clock: _Clock) -> None:
    output = io.StringIO()
    rows = [
        Row(None, 2, str(tmp_path / "before"), "plain, seed 0", "finished in logs"),
        _done(tmp_path, "CE 1, seed 0"),
        _row(tmp_path, "L2 1, seed 0", Status(state="running", epochs_done=1), running=True),
        _row(tmp_path, "L2 0.1, seed 0", Status(state="failed"), exit_status=1),
    ]
    with Progress(rows, Console(file=output, width=200, force_terminal=True, color_system=None)):
        pass
    table = output.getvalue().splitlines()

    def row_of(name: str) -> str:
        return next(line for line in reversed(table) if name in line)

    assert "before" in row_of("plain, seed 0")
    for fragment in ("done", "2/2", "2.00"):
        assert fragment in row_of("CE 1, seed 0")
    for fragment in ("running", "1/2"):
        assert fragment in row_of("L2 1, seed 0")
    assert "failed" in row_of("L2 0.1, seed 0")
    assert "1 before, 1 done, 1 running, 1 failed" in output.getvalue()


def test_a_sweep_that_was_stopped_says_how_many_runs_were(tmp_path: pathlib.Path, clock: _Clock) -> None:
    output = io.StringIO()
    rows = [
        _done(tmp_path, "CE 1, seed 0"),
        _row(tmp_path, "L2 1, seed 0", Status(state="stopped", started=2.0, epochs_done=1), started=1.0),
        _row(tmp_path, "L2 0.1, seed 0", Status()),
    ]
    with Progress(rows, Console(file=output, width=200, force_terminal=True, color_system=None)):
        pass
    assert "1 done, 1 stopped, 1 waiting" in output.getvalue()
    assert any("L2 1, seed 0" in line and "stopped" in line for line in output.getvalue().splitlines())


def test_a_low_terminal_shows_what_runs_and_how_many_there_are_of_the_others(
    tmp_path: pathlib.Path, clock: _Clock
) -> None:
    output = io.StringIO()
    rows = [_row(tmp_path, f"run {index}", Status(), running=index == 20) for index in range(39)]
    console = Console(file=output, width=80, height=24, force_terminal=True, color_system=None)
    with Progress(rows, console):
        pass
    assert "run 20" in output.getvalue()
    assert "38 waiting, 1 running" in output.getvalue()
    assert len(output.getvalue().splitlines()) <= 2 * 24
