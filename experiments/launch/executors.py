"""Executors compute the runs of a sweep. `LocalExecutor` uses a subprocess for each run, a few at a time.

The other executor, for many machines, is `ray_executor.RayExecutor`.
"""

import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from collab_ensembles import files
from collab_ensembles.runs.run_directory import Status

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 10.0
_MOST_RETRIES = 1
_SIGNALLED = (129, 130, 143)
"""The exit statuses of our commands after SIGHUP, SIGINT and SIGTERM."""
OUTPUT = "output.log"
"""The file in the run directory that has the output of the run."""


@dataclasses.dataclass
class Task:
    """One run to compute.

    Attributes:
      name: the name of the run in messages.
      command: the command of its subprocess; one of this project that has the flag `--end_with_stdin`.
      directory: the run directory.
      exit_status: None until it has ended; negative for a signal.
      running: whether it is being computed now.
      started: the time when its latest process was started, in seconds since 1970.
      retries: how many times it was started again.
      place: the node that computes it, or computed it last; empty for this machine.
      status: its report from that node; None: the status is in its run directory.
      error: why it could not be computed, if the run itself has printed no error.
    """

    name: str
    command: list[str]
    directory: str
    exit_status: int | None = None
    running: bool = False
    started: float = 0.0
    retries: int = 0
    place: str = ""
    status: Status | None = None
    error: str = ""

    def last_words(self) -> str:
        """The last line that the run printed."""
        try:
            with open(os.path.join(self.directory, OUTPUT), encoding="utf-8", errors="replace") as file:
                lines = [line.strip() for line in file if line.strip()]
        except OSError:
            return ""
        return lines[-1] if lines else ""


class Executor(Protocol):
    """Computes runs."""

    def compute(self, tasks: Sequence[Task], watch: Callable[[], None]) -> None:
        """Computes all tasks, whether or not some fail, and sets their exit status; their files are then here.

        Args:
          tasks: in the order in which they are started.
          watch: called again and again while they are computed.

        Raises:
          KeyboardInterrupt: as soon as nothing is computed any more.
        """


class LocalExecutor:
    """Subprocesses on this machine."""

    def __init__(self, workers: int) -> None:
        """Takes the number of runs at a time."""
        self._workers = workers
        self._processes: list[tuple[Task, subprocess.Popen[bytes]]] = []

    def compute(self, tasks: Sequence[Task], watch: Callable[[], None]) -> None:
        """Computes all tasks, whether or not some fail, and sets their exit status.

        A process that a signal kills, for example because of its memory, is started once more. A process that ends with
        an error is not: it would only fail again.

        Args:
          tasks: in the order in which they are started.
          watch: called several times a second.

        Raises:
          KeyboardInterrupt: as soon as the subprocesses have been ended.
        """
        waiting = list(tasks)
        try:
            while waiting or self._processes:
                while waiting and len(self._processes) < self._workers:
                    self._start(waiting.pop(0))
                waiting[:0] = self._collect()
                watch()
                time.sleep(_POLL_SECONDS)
        finally:
            self._end_all()

    def _start(self, task: Task) -> None:
        files.make_directory(task.directory)
        task.running, task.started = True, time.time()
        with open(os.path.join(task.directory, OUTPUT), "ab") as output:
            # In a new session: Ctrl-C then reaches only this process, which ends all others. The pipe is never written
            # to; it closes when this process is killed.
            process = subprocess.Popen(
                [*task.command, "--end_with_stdin"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append((task, process))

    def _collect(self) -> list[Task]:
        """Records which processes have ended, and returns those to start again."""
        again = []
        for task, process in list(self._processes):
            status = process.poll()
            if status is None:
                continue
            self._processes.remove((task, process))
            _let_go(task, process)
            if (status < 0 or status in _SIGNALLED) and task.retries < _MOST_RETRIES:
                task.retries += 1
                again.append(task)
            else:
                task.exit_status = status
        return again

    def _end_all(self) -> None:
        for _, process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for task, process in self._processes:
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            _let_go(task, process)


def _let_go(task: Task, process: "subprocess.Popen[bytes]") -> None:
    task.running = False
    if process.stdin is not None:
        process.stdin.close()
