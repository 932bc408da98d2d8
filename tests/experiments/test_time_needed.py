"""The time that a sweep will take, from the first epochs of some of its runs."""

import pathlib
import re
import types
from collections.abc import Callable, Sequence

import pytest

from collab_ensembles.errors import CollabError
from collab_ensembles.runs import naming, run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig
from command_runner import run
from experiments import time_needed
from experiments.launch.executors import Task
from experiments.progress import Row

_IMPORT, _START, _TRACING = 60.0, 7.0, 4.0
_EPOCH = {("ST", "M"): 2.0, ("ST", "ST", "ST"): 5.0}
_CONFIGS = [
    RunConfig(members=members, seed=seed, epochs=30) for members in (("ST", "M"), ("ST",) * 3) for seed in (0, 1)
]


class _Clock:
    now = 1000.0


class _Machine:
    """Stands for `LocalExecutor`: runs of known cost, one after another."""

    commands: list[list[str]]
    failing = False

    def __init__(self, workers: int, preload: bool) -> None:
        self.commands = _Machine.commands = []

    def compute(self, tasks: Sequence[Task], watch: Callable[[], None]) -> None:
        imports = [task for task in tasks if task.command[1:] == ["-c", ""]]
        # At the same time.
        _Clock.now += _IMPORT if imports else 0
        for task in tasks[len(imports) :]:
            self.commands.append(task.command)
            members = ("ST", "M") if "medium" in task.directory else ("ST",) * 3
            task.started, task.running = _Clock.now, True
            directory = pathlib.Path(task.directory)
            directory.mkdir(parents=True)
            watch()
            for epoch in (1, 2, 3):
                seconds = _TRACING + epoch * _EPOCH[members]
                _Clock.now = task.started + _START + seconds
                status = Status(state="running", epochs_done=epoch, seconds=seconds, started=_Clock.now)
                run_directory.write_status(str(directory), status)
                watch()
            task.running, task.exit_status = False, 1 if self.failing else 0
            watch()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> type[_Machine]:
    monkeypatch.setattr(time_needed, "LocalExecutor", _Machine)
    monkeypatch.setattr(time_needed, "time", types.SimpleNamespace(time=lambda: _Clock.now))
    monkeypatch.setattr(_Machine, "failing", False)
    return _Machine


def _rows(log_dir: str, finished: int = 0) -> list[Row]:
    rows = []
    for index, config in enumerate(_CONFIGS):
        directory = naming.run_directory(log_dir, config)
        command = ["python", "-m", "experiments.train", f"--log_dir={log_dir}", f"--seed={config.seed}"]
        task = None if index < finished else Task(f"run {index}", command, directory)
        rows.append(Row(task, config.epochs, directory, f"run {index}"))
    return rows


def _minutes(line: str) -> int:
    (minutes,) = re.findall(r"^about (\d+) min: ", line)
    return int(minutes)


def test_it_is_the_starts_and_the_epochs_that_are_left(tmp_path: pathlib.Path, machine: type[_Machine]) -> None:
    whole = sum(2 * (_START + _TRACING + 30 * epoch) for epoch in _EPOCH.values())
    for workers in (1, 2):
        line = time_needed.of_sweep(_CONFIGS, _rows(str(tmp_path)), workers, preload=True)
        assert _minutes(line) == round((_IMPORT + whole / workers) / 60)
        assert line.endswith(f"4 runs, {workers} at a time; measured on 2 of them")
    # At least as long as the longest run, however many there are at a time.
    longest = _START + _TRACING + 30 * max(_EPOCH.values())
    assert _minutes(time_needed.of_sweep(_CONFIGS, _rows(str(tmp_path)), 4, preload=True)) == round(
        (_IMPORT + longest) / 60
    )
    # Without a preparation, each run imports TensorFlow itself, which is part of its start.
    assert _minutes(time_needed.of_sweep(_CONFIGS, _rows(str(tmp_path)), 1, preload=False)) == round(whole / 60)
    # One run is finished, and one has begun.
    rows = _rows(str(tmp_path), finished=1)
    pathlib.Path(rows[3].directory).mkdir(parents=True)
    run_directory.write_status(rows[3].directory, Status(state="stopped", epochs_done=20, started=1.0))
    line = time_needed.of_sweep(_CONFIGS, rows, 1, preload=True)
    left = whole - (_START + _TRACING + 30 * _EPOCH["ST", "M"]) - 20 * _EPOCH["ST", "ST", "ST"]
    assert _minutes(line) == round((_IMPORT + left) / 60)
    assert time_needed.of_sweep(_CONFIGS, _rows(str(tmp_path), finished=4), 1, preload=True) == "nothing to train"


def test_the_measured_runs_are_elsewhere_and_leave_nothing(tmp_path: pathlib.Path, machine: type[_Machine]) -> None:
    time_needed.of_sweep(_CONFIGS, _rows(str(tmp_path)), 3, preload=True)
    # Two kinds, of which each core has one, or more.
    assert len(machine.commands) == 4
    for command in machine.commands:
        (log_dir,) = [part.removeprefix("--log_dir=") for part in command if part.startswith("--log_dir=")]
        assert not log_dir.startswith(str(tmp_path))
        assert not pathlib.Path(log_dir).exists()
        assert "--stop_after=3" in command
        assert "--seed=1" in command
    assert not list(tmp_path.iterdir())


def test_a_run_that_cannot_be_measured_is_named(
    tmp_path: pathlib.Path, machine: type[_Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "failing", True)
    with pytest.raises(CollabError, match="run 1: cannot be measured: "):
        time_needed.of_sweep(_CONFIGS, _rows(str(tmp_path)), 1, preload=True)


def test_a_dry_run_says_it_if_asked(tmp_path: pathlib.Path) -> None:
    flags = ["--members=B1R1F2,B1R1F3", "--train_limit=64", "--epochs=2", f"--log_dir={tmp_path / 'runs'}"]
    flags.append(f"--data_dir={tmp_path / 'data'}")
    refused = run("experiments.sweep", *flags, "--measure")
    assert (refused.exit_status, refused.output) == (2, "")
    assert "--dry_run" in refused.errors
    result = run("experiments.sweep", *flags, "--dry_run", "--measure")
    assert (result.exit_status, result.errors) == (0, "")
    assert re.fullmatch(
        r"# about \d min: 13 runs, \d+ at a time; measured on 1 of them", result.output.splitlines()[-1]
    )
    assert not (tmp_path / "runs").exists()


def test_runs_that_train_others_first_are_not_measured(tmp_path: pathlib.Path) -> None:
    """A measured student would train its teacher to the end."""
    flags = ["--grid=lacaille-3.1", "--dry_run", "--measure", f"--log_dir={tmp_path / 'runs'}"]
    result = run("experiments.sweep", *flags)
    assert (result.exit_status, result.output, result.errors.count("\n")) == (2, "", 1)
    assert "first train others to their end" in result.errors
