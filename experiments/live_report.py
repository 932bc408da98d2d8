"""Has the report written again after each finished run of a sweep, in a process of its own with the lowest priority.

A sweep neither waits for it nor fails with it. The process reads the progress as JSON from its standard input.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from typing import IO

from absl import logging

from experiments.progress import Progress

_PATIENCE_SECONDS = 10.0


class LiveReport:
    """The page of one sweep, as a context manager; leaving it ends the process that writes."""

    def __init__(self, path: str, log_dir: str, progress: Progress) -> None:
        """Takes the page's path, which ends in .html."""
        self._command = [sys.executable, "-m", "analysis.report", f"--log_dir={log_dir}", f"--out={path}", "--live"]
        self._progress, self._path = progress, path
        self._shown: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._warned = ""

    def __enter__(self) -> "LiveReport":
        self.watch()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None:
            # It removes its temporary file.
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._errors is not None:
            self._errors.close()

    def watch(self) -> None:
        """Call it often: it starts a process if a run has ended since the last one, and never waits for it."""
        ended = self._progress.ended()
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None and ended != self._shown:
            self._shown = ended
            try:
                self._start()
            except OSError as error:
                if self._errors is not None:
                    self._errors.close()
                self._warn(str(error))

    def _start(self) -> None:
        # Files, since pipes can be full.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed when the process has ended)
        with tempfile.TemporaryFile() as progress:
            progress.write(json.dumps(self._progress.facts()).encode())
            progress.seek(0)
            self._process = subprocess.Popen(
                self._command,
                stdin=progress,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                # Ctrl-C then reaches only the sweep, which ends the process.
                start_new_session=True,
            )

    def _end(self) -> None:
        assert self._process is not None
        assert self._errors is not None
        status, self._process = self._process.returncode, None
        with self._errors:
            if status != 0:
                self._errors.seek(0)
                lines = self._errors.read().decode(errors="replace").strip().splitlines()
                self._warn(lines[-1] if lines else f"exit status {status}")

    def _warn(self, reason: str) -> None:
        """Warns once of a reason."""
        if reason != self._warned:
            logging.warning("%s: not written, the sweep goes on: %s", self._path, reason)
        self._warned = reason


def live_report(
    path: str | None, log_dir: str, progress: Progress
) -> contextlib.AbstractContextManager[LiveReport | None]:
    """The page at a path; without one, nothing."""
    return LiveReport(path, log_dir, progress) if path else contextlib.nullcontext()
