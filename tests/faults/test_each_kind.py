"""One sweep after another on one log directory, each disturbed in another way; `make faults` tries each way many times.

The results are those of an undisturbed sweep, to the bit. A full disk is tried by tests/test_files.py, SIGTERM, which
goes the way of Ctrl-C, by test_command_line.py, and damaged data by tests/data/test_load.py, all within a process.
"""

import pathlib
import signal
import subprocess
from collections.abc import Callable

from collab_ensembles.runs import run_directory
from faults.sweeps import (
    END_SECONDS,
    Scene,
    alter,
    checkpoints,
    damage_newest_checkpoints,
    is_refused,
    kill,
    kill_sweep,
    run_directories,
    trainings,
    wait_until,
)

Survived = Callable[..., None]


def test_each_kind_of_fault_is_survived(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    process = _at_work(scene, log_dir, "--workers=2")
    _refuse_another(scene, log_dir, process)
    survived("two sweeps on one log directory")
    wait_until(lambda: len(checkpoints(log_dir)) >= 3, "two checkpoints of a run")
    kill_sweep(process, log_dir, with_trainings=True)
    wait_until(lambda: not trainings(log_dir), "the end of the trainings")
    damaged = damage_newest_checkpoints(log_dir, "flip", 0.3)
    assert damaged, "all runs had ended before they could be killed"
    survived("kill -9 of the sweep with its trainings")

    process = _at_work(scene, log_dir, "--workers=1")
    kept = len(checkpoints(log_dir))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 130, output + errors
    assert not trainings(log_dir)
    assert kept
    assert checkpoints(log_dir)
    survived("SIGINT to the sweep")

    process = _at_work(scene, log_dir, "--workers=1")
    done = _done(log_dir)
    kill_sweep(process, log_dir, with_trainings=False)
    wait_until(lambda: not trainings(log_dir), "the end of the trainings", END_SECONDS)
    assert _done(log_dir) == done, "it went on to its last epoch"
    survived("kill -9 of the sweep: its trainings end by themselves")

    process = _at_work(scene, log_dir, "--workers=2")
    kill(trainings(log_dir)[:1])
    output, _ = scene.assert_is_right(log_dir, process)
    assert "its process died once and was started again" in output
    survived("kill -9 of a single training")
    for directory in damaged:
        assert "truncated or changed" in (directory / "output.log").read_text()
    survived("newest checkpoint damaged", len(damaged))

    path = sorted(run_directories(log_dir)[1].glob("*.pkl"))[0]
    alter(path, "flip")
    assert path.name in scene.assert_recovers(log_dir)
    survived("pickle of a finished run damaged")


def _done(log_dir: pathlib.Path) -> list[pathlib.Path]:
    return [directory for directory in run_directories(log_dir) if run_directory.is_done(str(directory))]


def _at_work(scene: Scene, log_dir: pathlib.Path, flag: str) -> "subprocess.Popen[str]":
    """A sweep with a training that has just begun: it has no epoch behind it yet."""
    process = scene.start(log_dir, flag)
    wait_until(lambda: trainings(log_dir), "a training")
    return process


def _refuse_another(scene: Scene, log_dir: pathlib.Path, process: "subprocess.Popen[str]") -> None:
    """Starts a second sweep beside one that cannot come to its end meanwhile."""
    stopped = [process.pid, *trainings(log_dir)]
    kill(stopped, signal.SIGSTOP)
    try:
        is_refused(scene, log_dir)
    finally:
        kill(stopped, signal.SIGCONT)
