"""Executors: LocalExecutor on subprocesses that take no time, and which data DeviceExecutor gives to runs."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from collab_ensembles.data import Dataset
from collab_ensembles.runs import compiled_fit, run
from collab_ensembles.runs.run_options import Options
from collab_ensembles.settings.config import RunConfig
from command_runner import REPOSITORY
from experiments.launch import executors
from experiments.launch.device_executor import DeviceExecutor
from experiments.launch.executors import OUTPUT, LocalExecutor, Task


def _task(directory: pathlib.Path, name: str, script: str) -> Task:
    return Task(name, [sys.executable, "-S", "-c", script], str(directory / name))


def _nothing() -> None:
    pass


def test_one_that_fails_does_not_stop_the_others(tmp_path: pathlib.Path) -> None:
    tasks = [
        _task(tmp_path, "fails", "raise SystemExit(3)"),
        _task(tmp_path, "works", "print('fine')"),
        _task(tmp_path, "crashes", "import os; os.kill(os.getpid(), 9)"),
        _task(tmp_path, "works too", "pass"),
    ]
    LocalExecutor(1).compute(tasks, _nothing)
    assert [task.exit_status for task in tasks] == [3, 0, -signal.SIGKILL, 0]
    assert not any(task.running for task in tasks)


def test_output_and_errors_go_to_a_file_in_the_run_directory(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import sys; print('first', flush=True); print('error: second ', file=sys.stderr); print('\\n  ')"
    task = _task(tmp_path, "new/run", script)
    assert task.last_words() == ""
    LocalExecutor(1).compute([task], _nothing)
    assert (tmp_path / "new" / "run" / OUTPUT).read_text().split() == ["first", "error:", "second"]
    assert task.last_words() == "error: second"
    assert capfd.readouterr() == ("", "")


def test_the_output_of_an_earlier_attempt_is_kept(tmp_path: pathlib.Path) -> None:
    for word in ("first", "second"):
        LocalExecutor(1).compute([_task(tmp_path, "run", f"print({word!r})")], _nothing)
    assert (tmp_path / "run" / OUTPUT).read_text().split() == ["first", "second"]


_SWEEP = """
import sys
from experiments.launch.executors import LocalExecutor, Task
child = "import sys; print('waits', flush=True); sys.stdin.read(); open(sys.argv[1], 'x').close()"
tasks = [
    Task(name, [sys.executable, "-S", "-c", child, f"{sys.argv[1]}/{name}-ended"], f"{sys.argv[1]}/{name}")
    for name in ("first", "second")
]
LocalExecutor(2).compute(tasks, lambda: None)
"""


def _wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_input_of_the_subprocesses_is_silent_and_ends_when_the_executor_is_killed(tmp_path: pathlib.Path) -> None:
    names = ("first", "second")

    def waiting() -> bool:
        outputs = [tmp_path / name / OUTPUT for name in names]
        return all(output.exists() and output.read_text() == "waits\n" for output in outputs)

    def ended() -> list[bool]:
        return [(tmp_path / f"{name}-ended").exists() for name in names]

    command = [sys.executable, "-c", _SWEEP, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as executor:
        try:
            _wait_for(waiting)
            time.sleep(0.5)
            assert ended() == [False, False]
        finally:
            executor.kill()
        _wait_for(lambda: all(ended()))
        # That of the workers too, which end last: there is nobody left whom they could tell.
        assert executor.communicate() == (None, "")


@pytest.mark.parametrize("workers", [1, 3])
def test_as_many_run_at_a_time_as_there_are_workers_and_no_more(tmp_path: pathlib.Path, workers: int) -> None:
    script = f"""
import os, tempfile, time
start = time.monotonic()
tempfile.mkstemp(dir={str(tmp_path)!r}, prefix="started")
# Waits for as many as there are workers, so that a busy machine cannot make them miss each other.
while sum(name.startswith("started") for name in os.listdir({str(tmp_path)!r})) < {workers}:
    if time.monotonic() - start > 20:
        break
    time.sleep(0.01)
time.sleep(0.1)
print(start, time.monotonic())
"""
    tasks = [_task(tmp_path, str(index), script) for index in range(2 * workers)]
    LocalExecutor(workers).compute(tasks, _nothing)
    times = [tuple(map(float, task.last_words().split())) for task in tasks]
    overlaps = [sum(start <= moment < end for start, end in times) for moment, _ in times]
    assert max(overlaps) == workers
    # In the order given.
    assert max(start for start, _ in times[:workers]) <= min(start for start, _ in times[workers:])


def test_a_worker_that_died_while_it_was_idle_costs_no_run_its_second_try(tmp_path: pathlib.Path) -> None:
    tasks = [_task(tmp_path, "kills its worker", "import os; print(os.getppid())"), _task(tmp_path, "next", "pass")]
    # The second run waits for a place until the first has ended.
    killed: list[int] = []

    def watch() -> None:
        if tasks[0].exit_status == 0 and not killed and tasks[1].running is False:
            killed.append(int(tasks[0].last_words()))
            os.kill(killed[0], signal.SIGKILL)
            _wait_for(lambda: not _is_alive(killed[0]))

    LocalExecutor(1).compute(tasks, watch)
    assert killed
    assert [(task.exit_status, task.retries) for task in tasks] == [(0, 0), (0, 0)]


def test_the_watcher_is_called_while_runs_are_computed_and_after_the_last(tmp_path: pathlib.Path) -> None:
    third_call = tmp_path / "third call"
    waits = f"""
import os, time
deadline = time.monotonic() + 60
while not os.path.exists({str(third_call)!r}) and time.monotonic() < deadline:
    time.sleep(0.01)
raise SystemExit(not os.path.exists({str(third_call)!r}))
"""
    task = _task(tmp_path, "run", waits)
    seen: list[tuple[bool, int | None]] = []

    def watch() -> None:
        seen.append((task.running, task.exit_status))
        if len(seen) == 3:
            third_call.touch()

    LocalExecutor(1).compute([task], watch)
    assert seen[:3] == [(True, None)] * 3
    assert seen[-1] == (False, 0)


def test_nothing_to_compute_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_Worker", None)
    LocalExecutor(2).compute([], _nothing)


def _is_alive(process: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_an_interrupt_ends_the_subprocesses_and_theirs_and_starts_no_more(tmp_path: pathlib.Path) -> None:
    script = (
        "import os, subprocess, time; child = subprocess.Popen(['sleep', '60']); "
        "print(os.getpid(), child.pid, flush=True); time.sleep(60)"
    )
    tasks = [_task(tmp_path, name, script) for name in ("first", "second", "third")]

    def interrupt() -> None:
        if all(task.last_words() for task in tasks[:2]):
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        LocalExecutor(2).compute(tasks, interrupt)
    assert time.monotonic() - start < 20
    processes = [int(word) for task in tasks[:2] for word in task.last_words().split()]
    assert len(processes) == 4
    # The grandchildren were told to end as well, and need a moment for it.
    while time.monotonic() - start < 30 and any(map(_is_alive, processes)):
        time.sleep(0.05)
    assert not any(map(_is_alive, processes))
    assert not os.path.exists(tasks[2].directory)


def test_a_command_that_does_not_exist_fails_alone(tmp_path: pathlib.Path) -> None:
    missing = Task("missing", [str(tmp_path / "no such program")], str(tmp_path / "missing"))
    works = _task(tmp_path, "works", "print('fine')")
    LocalExecutor(1).compute([missing, works], _nothing)
    assert [task.exit_status for task in (missing, works)] == [1, 0]
    assert missing.last_words().startswith("FileNotFoundError")


def test_a_run_whose_directory_cannot_be_made_fails_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "barred").write_text("a file in the way")
    barred, works = _task(tmp_path, "barred", "print('fine')"), _task(tmp_path, "works", "print('fine')")
    LocalExecutor(1).compute([barred, works], _nothing)
    assert [task.exit_status for task in (barred, works)] == [1, 0]
    assert barred.error.startswith(f"cannot write {tmp_path / 'barred'}: ")


@pytest.mark.parametrize("preload", [False, True])
def test_runs_share_a_worker_and_nothing_else(
    preload: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run changes in its process, the next one does not see."""
    (tmp_path / "changes.py").write_text(
        "import os, signal, sys; print('tensorflow' in sys.modules, os.getppid(), os.environ.get('CHANGED'), "
        "os.getcwd(), signal.getsignal(15) == 0, sys.argv)\n"
        "os.environ['CHANGED'] = 'yes'; os.chdir('/')"
    )
    monkeypatch.chdir(tmp_path)
    tasks = [Task(name, [sys.executable, "-m", "changes"], str(tmp_path / name)) for name in ("first", "second")]
    LocalExecutor(1, preload).compute(tasks, _nothing)
    first, second = (task.last_words() for task in tasks)
    assert first == second
    assert first.split()[0] == str(preload)
    assert first.split()[2:-2] == ["None", str(tmp_path), "True"]
    assert first.endswith("changes.py', '--end_with_stdin']")


def test_a_worker_that_dies_takes_its_run_with_it(tmp_path: pathlib.Path) -> None:
    """The run is started once more, by another worker, when nothing of the first try is left."""
    script = (
        "import os, signal, subprocess, time; "
        "first = not os.path.exists('{0}'); child = subprocess.Popen(['sleep', '60']) if first else None; "
        "open('{0}', 'a').write(f'{{os.getpid()}} {{child.pid if child else 0}}'); "
        "first and (os.kill(os.getppid(), 9), time.sleep(60))"
    )
    task = _task(tmp_path, "run", script.format(tmp_path / "tries"))
    LocalExecutor(1).compute([task], _nothing)
    assert (task.exit_status, task.retries) == (0, 1)
    run, child = map(int, (tmp_path / "tries").read_text().split()[:2])
    assert child
    _wait_for(lambda: not _is_alive(run) and not _is_alive(child))


def test_the_subprocesses_do_not_get_the_ctrl_c_of_the_terminal(tmp_path: pathlib.Path) -> None:
    task = _task(tmp_path, "run", "import os; print(os.getsid(0), os.getpgid(0))")
    LocalExecutor(1).compute([task], _nothing)
    assert not {os.getsid(0), os.getpgid(0)} & {int(number) for number in task.last_words().split()}


def test_a_process_that_dies_is_started_once_more(tmp_path: pathlib.Path) -> None:
    """Killed at the first try only, killed at every try, and failing with an error of its own."""
    count = "import os, sys; open('{0}', 'a').write('x'); tries = os.path.getsize('{0}'); "
    scripts = {
        "once": "os.kill(os.getpid(), 9) if tries == 1 else None",
        "always": "os.kill(os.getpid(), 9)",
        "error": "raise SystemExit(1)",
    }
    tasks = [_task(tmp_path, name, count.format(tmp_path / name) + text) for name, text in scripts.items()]
    for task in tasks:
        task.directory += "-run"
    LocalExecutor(2).compute(tasks, _nothing)
    assert [task.exit_status for task in tasks] == [0, -signal.SIGKILL, 1]
    assert [task.retries for task in tasks] == [1, 1, 0]
    assert [(tmp_path / name).read_text() for name in scripts] == ["xx", "xx", "x"]


def test_runs_in_one_process_have_their_own_images_without_labels(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of question 7 share the labelled images, and differ in the others."""
    settings: dict[str, Any] = {"members": ("convnet2", "convnet3"), "train_limit": 64, "method": "L2"}
    configs = {str(tmp_path / name): RunConfig(**settings, unlabelled=name) for name in ("none", "rest", "uniform")}
    received: dict[str, int] = {}

    def begun(config: RunConfig, directory: str, options: Options, dataset: Dataset) -> str:
        received[config.unlabelled] = 0 if dataset.unlabelled is None else len(dataset.unlabelled)
        return directory

    monkeypatch.setattr(run, "in_epochs", begun)
    monkeypatch.setattr(compiled_fit, "together", lambda trainings, device, ended, watch: ended(0, None))
    tasks = [Task(name, [], name) for name in configs]
    DeviceExecutor(configs, Options(str(tmp_path)), "vmap", 2).compute(tasks, lambda: None)
    assert [task.exit_status for task in tasks] == [0, 0, 0]
    assert received == {"none": 0, "rest": 1437 - 64, "uniform": 0}
