"""A sweep or a training is killed, stopped or started twice; the results are those of an undisturbed one, to the bit.

Left to `make faults`: `make test` has one fault of each kind in test_each_kind.py.
"""

import pathlib
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from faults.sweeps import END_SECONDS, Scene, checkpoints, is_refused, kill, kill_sweep, trainings, wait_until

pytestmark = pytest.mark.usefixtures("long")

Survived = Callable[..., None]


def test_kill_9_at_random_moments(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    moments = random.Random(20170602)
    kills = 30
    for number in range(kills):
        process = scene.start(log_dir)
        time.sleep(moments.uniform(0.3, 14.0))
        kill_sweep(process, log_dir, with_trainings=number % 2 == 0)
    scene.assert_recovers(log_dir)
    survived("kill -9 of the sweep, alone or with its trainings, at random moments", kills)


def test_trainings_end_when_their_sweep_is_killed(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    # So many epochs that the trainings do not come to their end by themselves.
    process = scene.start(log_dir, "--epochs=10000")
    wait_until(lambda: checkpoints(log_dir), "the first checkpoint")
    kill_sweep(process, log_dir, with_trainings=False)
    wait_until(lambda: not trainings(log_dir), "the end of the trainings", END_SECONDS)
    survived("kill -9 of the sweep: its trainings end by themselves")


def test_a_killed_training_is_started_again(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    for number in range(3):
        process = _with_killed_training(scene, log_dir, number % 2)
        output, errors = process.communicate(timeout=240)
        assert process.returncode == 0, output + errors
        assert "its process died once and was started again" in output
        scene.assert_recovers(log_dir)
        survived("kill -9 of a single training")


def _with_killed_training(scene: Scene, log_dir: pathlib.Path, place: int) -> "subprocess.Popen[str]":
    """A sweep, one of whose trainings was killed; on a busy machine all may have ended before that."""
    for _ in range(5):
        shutil.rmtree(log_dir, ignore_errors=True)
        process = scene.start(log_dir)
        wait_until(lambda: checkpoints(log_dir), "the first checkpoint")
        victims = trainings(log_dir)[place:][:1]
        kill(victims)
        if victims:
            return process
        process.communicate(timeout=240)
    raise AssertionError("five times, all trainings had ended before one could be killed")


def test_it_stops_at_once_when_told_to(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    for number, expected in [(signal.SIGINT, 130), (signal.SIGTERM, 143)]:
        for after_checkpoints in (0, 1, 5):
            _stop(scene, log_dir, number, expected, after_checkpoints)
            scene.assert_recovers(log_dir)
            survived(f"{number.name} to the sweep")


def _stop(scene: Scene, log_dir: pathlib.Path, number: signal.Signals, expected: int, after_checkpoints: int) -> None:
    """Starts a sweep anew and ends it by a signal."""
    shutil.rmtree(log_dir, ignore_errors=True)
    process = scene.start(log_dir)
    wait_until(lambda: trainings(log_dir), "trainings")
    wait_until(lambda: len(checkpoints(log_dir)) >= after_checkpoints, "checkpoints")
    kept = len(checkpoints(log_dir))
    process.send_signal(number)
    process.communicate(timeout=END_SECONDS)
    assert process.returncode == expected
    assert not trainings(log_dir)
    assert len(checkpoints(log_dir)) >= min(kept, 1)


def test_a_second_sweep_is_refused_and_harms_nothing(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    process = scene.start(log_dir)
    wait_until(lambda: trainings(log_dir), "a training")
    # The first one cannot come to its end before the second one has begun.
    process.send_signal(signal.SIGSTOP)
    try:
        is_refused(scene, log_dir)
    finally:
        process.send_signal(signal.SIGCONT)
    process.communicate(timeout=240)
    assert process.returncode == 0
    scene.assert_recovers(log_dir)
    survived("two sweeps on one log directory")
