"""One process at a time: the lock on a directory."""

import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from collab_ensembles.errors import CollabError, RunDirectoryError
from collab_ensembles.runs import run_directory
from conftest import REPOSITORY


def test_a_lock_that_cannot_be_written_is_a_one_line_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lock").mkdir()
    message = r"cannot write .*lock: Is a directory; a directory is in the place of this file"
    with pytest.raises(CollabError, match=message), run_directory.lock(str(tmp_path)):
        pass


def test_who_holds_a_lock_says_at_what_work(tmp_path: pathlib.Path) -> None:
    for work in ("training this run", "running a sweep there"):
        message = f"{tmp_path}: another process is {work}; wait for it, or use another --log_dir"
        start = time.monotonic()
        with (
            run_directory.lock(str(tmp_path)),
            pytest.raises(RunDirectoryError, match=re.escape(message)),
            run_directory.lock(str(tmp_path), work),
        ):
            pass
        assert time.monotonic() - start < 5


def test_a_lock_is_free_again_after_its_block_even_if_that_fails(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ZeroDivisionError), run_directory.lock(str(tmp_path)):
        raise ZeroDivisionError
    with run_directory.lock(str(tmp_path)):
        entered = True
    assert entered


def test_patience_waits_for_the_other_process_and_no_longer_than_that(tmp_path: pathlib.Path) -> None:
    start = time.monotonic()
    with (
        run_directory.lock(str(tmp_path)),
        pytest.raises(RunDirectoryError, match="another process"),
        run_directory.lock(str(tmp_path), patience=0.5),
    ):
        pass
    assert 0.5 <= time.monotonic() - start < 5


def test_it_says_for_whom_it_waits(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run_directory, "_SILENT_SECONDS", 0.1)
    with (
        caplog.at_level("INFO", "absl"),
        run_directory.lock(str(tmp_path)),
        pytest.raises(RunDirectoryError, match="another process"),
        run_directory.lock(str(tmp_path), patience=0.3),
    ):
        pass
    assert f"{tmp_path}: waiting for another process, which is training this run" in caplog.text


@pytest.mark.parametrize("killed", [False, True])
def test_a_lock_is_had_as_soon_as_the_process_that_holds_it_has_ended_however_it_does(
    tmp_path: pathlib.Path, killed: bool
) -> None:
    script = (
        "import sys; from collab_ensembles.runs import run_directory\n"
        f"with run_directory.lock({str(tmp_path)!r}):\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(RunDirectoryError, match="another process"), run_directory.lock(str(tmp_path)):
            pass
        if killed:
            process.kill()
        else:
            process.stdin.close()
        with run_directory.lock(str(tmp_path), patience=30):
            assert process.wait(timeout=30) == (-signal.SIGKILL if killed else 0)
