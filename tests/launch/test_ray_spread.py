"""One run on a real Ray cluster, spread over actors, one of which is killed; `make test-ray` runs these tests."""

import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from collab_ensembles.runs import checkpoint_file
from command_runner import REPOSITORY, environment, run
from faults.sweeps import checkpoints, wait_until

pytest.importorskip("ray")

from ray_nodes import SETTINGS

pytestmark = [pytest.mark.ray, pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads /proc")]

_EPOCHS = 3
_FLAGS = (
    "--system=nodes",
    "--members=mlp16-16",
    "--nodes=2",
    "--content=logits",
    "--batch_size=16",
    "--queue_capacity=4",
)
_LENGTH = ("--steps=1200", f"--epochs={_EPOCHS}", "--threads=1")


def _actors(driver: int) -> list[int]:
    """The process numbers of the actors of a cluster that a process has started."""
    parents, actors = {}, []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if (entry / "cmdline").read_bytes().startswith(b"ray::Host"):
                    actors.append(int(entry.name))
        except OSError:
            continue

    def descends(process: int) -> bool:
        return process == driver or (process in parents and descends(parents[process]))

    return [actor for actor in actors if descends(actor)]


def _trained_on_ray(log_dir: pathlib.Path, *flags: str, deaths: int = 0) -> str:
    """Kills some actors in the second epoch; returns what the command reports as errors."""
    command = [sys.executable, "-m", "experiments.train", *_FLAGS, *_LENGTH, *flags, "--executor=ray"]
    process = subprocess.Popen(
        [*command, f"--log_dir={log_dir}"],
        cwd=REPOSITORY,
        env=environment(**SETTINGS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: checkpoints(log_dir) or process.poll() is not None, "the first checkpoint")
        actors = _actors(process.pid)
        assert len(actors) == 2, process.communicate()
        for actor in actors[:deaths]:
            os.kill(actor, signal.SIGKILL)
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert f"test error after {_EPOCHS} of {_EPOCHS} epochs" in output
    return errors


def _last(log_dir: pathlib.Path) -> dict[str, np.ndarray]:
    values = checkpoint_file.read(str(max(checkpoints(log_dir))))
    return {key: value for key, value in values.items() if key != "seconds"}


def test_a_run_on_ray_has_the_bits_of_one_process_although_an_actor_is_killed(tmp_path: pathlib.Path) -> None:
    assert run("experiments.train", *_FLAGS, *_LENGTH, f"--log_dir={tmp_path / 'alone'}").exit_status == 0
    errors = _trained_on_ray(tmp_path / "spread", deaths=1)
    alone, spread = _last(tmp_path / "alone"), _last(tmp_path / "spread")
    assert (alone["queues/sent"] > 100).all()
    assert alone.keys() == spread.keys()
    for key, value in alone.items():
        assert np.array_equal(value, spread[key]), key
    assert errors.count("its process died") == errors.count("\n") == 1


def test_nodes_on_ray_that_run_free_learn_and_lose_no_message(tmp_path: pathlib.Path) -> None:
    assert _trained_on_ray(tmp_path, "--free_running") == ""
    values = _last(tmp_path)
    assert values["statistics/ensemble/test_errors"][-1] < 0.3
    consumed = round(sum(values["statistics/ensemble/consumed"]) * 2 * 400)
    waiting = np.count_nonzero(values["queues/waiting"] >= 0)
    assert values["queues/sent"].sum() == consumed + values["statistics/ensemble/dropped"].sum() + waiting
