"""A training of nodes is killed with messages in their queues; its results are those of an undisturbed one."""

import pathlib
import random
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from collab_ensembles.runs import checkpoint_file
from command_runner import REPOSITORY, environment
from faults.sweeps import checkpoints, statistics, wait_until

_SETTINGS = ("--dataset=digits", "--members=mlp8-8", "--nodes=3", "--content=logits", "--steps=2000", "--epochs=100")


def _start(log_dir: pathlib.Path, data_dir: pathlib.Path) -> "subprocess.Popen[str]":
    command = (sys.executable, "-m", "experiments.train", "--system=nodes", *_SETTINGS, "--threads=1")
    return subprocess.Popen(
        [*command, f"--log_dir={log_dir}", f"--data_dir={data_dir}"],
        cwd=REPOSITORY,
        env=environment(TF_CPP_MIN_LOG_LEVEL="3"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(log_dir: pathlib.Path, data_dir: pathlib.Path) -> dict[str, bytes]:
    process = _start(log_dir, data_dir)
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, output + errors
    return statistics(log_dir)


@pytest.mark.usefixtures("long")
def test_kill_9_at_random_moments_with_messages_in_flight(
    tmp_path: pathlib.Path, survived: Callable[..., None]
) -> None:
    expected = _finish(tmp_path / "undisturbed", tmp_path)
    moments, kills, in_flight = random.Random(2018), 5, 0
    for number in range(kills):
        known = len(checkpoints(tmp_path / "killed"))
        process = _start(tmp_path / "killed", tmp_path)
        wait_until(lambda known=known: len(checkpoints(tmp_path / "killed")) > min(known, 1), "a checkpoint")
        time.sleep(moments.uniform(0.0, 2.0))
        process.kill()
        process.communicate()
        newest = checkpoint_file.read(str(checkpoints(tmp_path / "killed")[-1]))
        in_flight += np.count_nonzero(newest["queues/waiting"] >= 0)
        assert int(newest["epochs_done"]) < 100, f"kill {number} came too late"
    assert in_flight > 0
    assert _finish(tmp_path / "killed", tmp_path) == expected
    survived("kill -9 of nodes with messages in their queues", kills)
