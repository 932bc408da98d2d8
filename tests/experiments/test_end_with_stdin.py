"""A training that is told to end with its standard input."""

import json
import pathlib
import subprocess
import sys
import time
from typing import Any

import pytest

from command_runner import REPOSITORY, environment


def _train(directory: pathlib.Path, *flags: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "experiments.train", "--members=B1R1F2", "--train_limit=64", "--epochs=99999"]
    command += [f"--log_dir={directory / 'runs'}", f"--data_dir={directory / 'data'}", "--threads=1", *flags]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _status(directory: pathlib.Path) -> dict[str, Any]:
    for path in directory.glob("runs/*/*/status.json"):
        content: dict[str, Any] = json.loads(path.read_text())
        return content
    return {"epochs_done": 0}


def test_it_ends_at_once_where_the_input_is_closed_from_the_start(tmp_path: pathlib.Path) -> None:
    with _train(tmp_path, "--end_with_stdin") as process:
        try:
            _, errors = process.communicate(timeout=60)  # closes the input
        finally:
            process.kill()
    assert process.returncode == 143
    assert "Traceback" not in errors  # TensorFlow, cut off while it starts, may have its say
    assert _status(tmp_path)["epochs_done"] == 0


def test_it_goes_on_until_the_input_is_closed_and_is_then_noted_as_stopped(tmp_path: pathlib.Path) -> None:
    with _train(tmp_path, "--end_with_stdin") as process:
        try:
            assert process.stdin is not None
            deadline = time.monotonic() + 90
            while _status(tmp_path)["epochs_done"] < 2 and process.poll() is None:
                assert time.monotonic() < deadline
                if not process.stdin.closed:
                    process.stdin.write("what is written to it does not matter\n")
                    process.stdin.flush()
                time.sleep(0.1)
            assert process.poll() is None
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (143, "")
    status = _status(tmp_path)
    assert (status["state"], status["reason"]) == ("stopped", "interrupted")
    assert status["epochs_done"] >= 2


def test_without_that_flag_it_does_not_care(tmp_path: pathlib.Path) -> None:
    with _train(tmp_path) as process:
        try:
            assert process.stdin is not None
            process.stdin.close()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=4)
        finally:
            process.kill()
            process.stdin = None


_LOST = """
import signal, time
from experiments import runtime

calls = []

def end(number, frame):
    calls.append(number)
    if len(calls) == 2:
        raise SystemExit(7)

signal.signal(signal.SIGTERM, end)
runtime._AGAIN_SECONDS = 0.1
runtime.end_with_stdin()
time.sleep(30)
"""


def test_a_signal_that_is_lost_is_sent_again() -> None:
    command = [sys.executable, "-c", _LOST]
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (7, "")
