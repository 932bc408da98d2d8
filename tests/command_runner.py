"""Runs the commands of the project as a person would, in processes of their own."""

import dataclasses
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

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


def run(module: str, *flags: str, timeout: float = 300, **variables: str) -> Result:
    """Runs `python -m module flags` in the repository."""
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
