"""What all commands do with errors."""

import os
import pathlib
import shlex
import subprocess
import sys

import pytest

from command_runner import REPOSITORY, environment

_PROGRAM = '''"""Does something.

Example:
  python program.py
"""
from absl import logging
from collab_ensembles.errors import ConfigError, DataError
from experiments import command_line


def main(arguments):
    logging.info("working")
    {statement}


command_line.launch(main)
'''


def _run(statement: str, *arguments: str, **variables: str) -> tuple[int, str, str]:
    program = [sys.executable, "-c", _PROGRAM.format(statement=statement), *arguments]
    result = subprocess.run(
        program, cwd=REPOSITORY, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("statement", "exit_status", "line"),
    [
        ("raise ConfigError('--epochs=0: no')", 2, "error: --epochs=0: no"),
        ("raise DataError('gone')", 2, "error: gone"),
        ("raise DataError('on\\n  two lines')", 2, "error: on two lines"),
        ("{}['key']", 1, "error: KeyError: 'key'; add --debug for the traceback"),
        ("raise KeyboardInterrupt", 130, "interrupted; run the same command again to continue"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143, None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGHUP)", 129, None),
        ("raise BrokenPipeError", 0, None),
    ],
)
def test_an_error_is_one_line_and_its_kind_decides_the_exit_status(
    statement: str, exit_status: int, line: str | None
) -> None:
    received, output, errors = _run(statement)
    assert received == exit_status
    assert output == "working\n"
    assert errors.splitlines() == ([line] if line else [])


def test_an_encoding_without_the_plus_minus_sign_ends_nothing() -> None:
    received, output, errors = _run("print('2 \\xb1 1')", PYTHONIOENCODING="ascii")
    assert (received, output, errors) == (0, "working\n2 \\xb1 1\n", "")


def test_under_nohup_the_end_of_the_terminal_ends_nothing() -> None:
    program = [
        sys.executable,
        "-c",
        _PROGRAM.format(statement="import os, signal; os.kill(os.getpid(), signal.SIGHUP)"),
    ]
    result = subprocess.run(
        ["nohup", *program], cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout) == (0, "working\n")


@pytest.mark.parametrize(("statement", "exit_status"), [("return None", 0), ("return 0", 0), ("return 1", 1)])
def test_what_main_returns_is_the_exit_status(statement: str, exit_status: int) -> None:
    assert _run(statement) == (exit_status, "working\n", "")


def test_debug_shows_the_traceback() -> None:
    exit_status, _, errors = _run("raise DataError('gone')", "--debug")
    assert exit_status == 1
    assert "Traceback" in errors
    assert "DataError: gone" in errors


def test_warnings_are_marked_and_notes_are_plain() -> None:
    assert _run("logging.warning('odd')") == (0, "working\n", "warning: odd\n")


@pytest.mark.parametrize("flag", ["--help", "-h", "--helpshort", "--helpfull"])
def test_help_is_the_docstring_of_the_program(flag: str) -> None:
    exit_status, output, errors = _run("raise DataError('gone')", flag)
    assert (exit_status, errors) == (0, "")
    assert output.startswith("Does something.\n\nExample:\n  python program.py\n\nFlags:\n")
    assert "--debug: show the traceback of an error" in output


def _shell(command: str, statement: str = "pass") -> tuple[int, str, str]:
    """Runs a shell command in which PROGRAM stands for a program."""
    program = f"{shlex.quote(sys.executable)} -c {shlex.quote(_PROGRAM.format(statement=statement))}"
    result = subprocess.run(
        ["bash", "-c", command.replace("PROGRAM", program)],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return result.returncode, result.stdout, result.stderr


def test_work_goes_on_without_a_reader(tmp_path: pathlib.Path) -> None:
    done = tmp_path / "done"
    logs = "[each(str(line)) for line in range(9) for each in (logging.info, logging.warning)]"
    statement = f"{logs}; open({str(done)!r}, 'w').close()"
    assert _shell("set -o pipefail; (sleep 1; PROGRAM 2>&1) | true", statement) == (0, "", "")
    assert done.exists()


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_end_nothing(streams: str) -> None:
    assert _shell(f"PROGRAM {streams}") == (0, "working\n" if streams == "2>&-" else "", "")


def test_help_on_a_full_disk_is_one_line() -> None:
    exit_status, _, errors = _shell("PROGRAM --help > /dev/full")
    assert exit_status == 1
    assert "error: OSError: [Errno 28] No space left on device" in errors
    assert "Traceback" not in errors


def test_help_whose_reader_has_seen_enough_is_no_error() -> None:
    # A pipe that nobody reads.
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "experiments.train", "--help"],
        cwd=REPOSITORY,
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, "")
