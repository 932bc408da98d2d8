"""Runs the commands of the project as a person would, in processes of their own."""

import atexit
import dataclasses
import functools
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command left behind."""

    exit_status: int
    output: str
    errors: str


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without what would change how warnings are treated or data are found."""
    dropped = ("PYTHONPATH", "PYTHONWARNINGS", "TFDS_DATA_DIR")
    return {**{name: value for name, value in os.environ.items() if name not in dropped}, **variables}


def run(module: str, *flags: str, timeout: float = 300, preloaded: str | None = None, **variables: str) -> Result:
    """Runs `python -m module flags` in the repository.

    Args:
      module: the command.
      flags: its flags and arguments.
      timeout: the most seconds that it may take.
      preloaded: `tensorflow`: it runs in a copy of a process that has imported TensorFlow already, which saves
        seconds; `little`: of one that has imported all but TensorFlow; `nothing`: in a new process. Default:
        `tensorflow` if no variables are given, otherwise `nothing`, since they may be meant for the import.
      variables: further variables of its environment.
    """
    preloaded = preloaded or ("nothing" if variables else "tensorflow")
    if preloaded != "nothing":
        return _run_preloaded(preloaded, module, flags, timeout, variables)
    return run_command([sys.executable, "-m", module, *flags], timeout, **variables)


def run_command(command: Sequence[str], timeout: float = 300, **variables: str) -> Result:
    """Runs any command in the repository."""
    result = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Result(result.returncode, result.stdout, result.stderr)


_LOCK = threading.Lock()


@functools.cache
def _preloaded(what: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "tests" / "preloaded.py"), what],
        cwd=REPOSITORY,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    atexit.register(process.kill)
    return process


def _run_preloaded(
    preloaded: str, module: str, flags: Sequence[str], timeout: float, variables: Mapping[str, str]
) -> Result:
    # One at a time, also where a test has several threads.
    with _LOCK, tempfile.NamedTemporaryFile() as output, tempfile.NamedTemporaryFile() as errors:
        process = _preloaded(preloaded)
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"module": module, "flags": flags, "files": [output.name, errors.name]}
        process.stdin.write(json.dumps({**request, "environment": environment(**variables)}) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], timeout)[0]:
            os.killpg(process.pid, signal.SIGKILL)
            _preloaded.cache_clear()
            raise subprocess.TimeoutExpired([module, *flags], timeout)
        status = int(process.stdout.readline())
        return Result(status, output.read().decode(), errors.read().decode())
