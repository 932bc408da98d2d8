"""Executors compute the runs of a sweep. `LocalExecutor` uses a few subprocesses, the workers.

Others: `ray_executor.RayExecutor` for many machines, and `device_executor.DeviceExecutor` for one GPU.
"""

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from collab_ensembles import files
from collab_ensembles.errors import CollabError
from collab_ensembles.runs.run_directory import Status
from experiments.launch.worker import PRELOAD

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

    def __init__(self, workers: int, preload: bool = False) -> None:
        """Takes the number of runs at a time, and whether workers import TensorFlow once for all their runs."""
        self._workers = workers
        self._preload = preload
        self._idle: list[_Worker] = []
        self._busy: list[tuple[Task, _Worker]] = []

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
            while waiting or self._busy:
                while waiting and len(self._busy) < self._workers:
                    self._start(waiting.pop(0))
                waiting[:0] = self._collect()
                watch()
                time.sleep(_POLL_SECONDS)
        finally:
            self._end_all()

    def _start(self, task: Task) -> None:
        try:
            files.make_directory(task.directory)
        except CollabError as error:
            task.error, task.exit_status = str(error), 1
            return
        task.running, task.started = True, time.time()
        while self._idle and not self._idle[-1].is_alive:
            self._idle.pop().wait()
        worker = self._idle.pop() if self._idle else _Worker(self._preload)
        self._busy.append((task, worker))
        worker.start(task.command, os.path.join(task.directory, OUTPUT))

    def _collect(self) -> list[Task]:
        """Records which runs have ended, and returns those to start again."""
        again = []
        for task, worker in list(self._busy):
            status = worker.poll()
            if status is None:
                continue
            self._busy.remove((task, worker))
            task.running = False
            if worker.is_alive:
                self._idle.append(worker)
            if (status < 0 or status in _SIGNALLED) and task.retries < _MOST_RETRIES:
                task.retries += 1
                again.append(task)
            else:
                task.exit_status = status
        return again

    def _end_all(self) -> None:
        workers = [*self._idle, *(worker for _, worker in self._busy)]
        for worker in workers:
            worker.end()
        for worker in workers:
            worker.wait()
        for task, _ in self._busy:
            task.running = False


class _Worker:
    """A process of `launch.worker`, which computes one run at a time."""

    def __init__(self, preload: bool) -> None:
        # On a cluster's node (no preload) the working directory may have modules of names that are imported.
        before, after = ([], [PRELOAD]) if preload else (["-P"], [])
        # In a new session: Ctrl-C then reaches only this process, which ends all others.
        self._process = subprocess.Popen(
            [sys.executable, *before, "-m", "experiments.launch.worker", *after],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it can compute another run."""
        return self._process.poll() is None

    def start(self, command: Sequence[str], output: str) -> None:
        """Starts a run, with its output at the end of a file."""
        assert self._process.stdin is not None
        # A worker that has just died is seen by `poll`.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps([output, *command, "--end_with_stdin"]).encode() + b"\n")
            self._process.stdin.flush()

    def poll(self) -> int | None:
        """The exit status of the run; None while it is computed."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], 0)[0]:
            return None
        answer = self._process.stdout.readline()
        if answer:
            return int(answer)
        # The worker has died, and the run may be left.
        self._signal(signal.SIGKILL)
        self.wait()
        return self._process.returncode

    def end(self) -> None:
        """Asks the run, and all processes that it has started, to end; and the worker."""
        assert self._process.stdin is not None
        self._signal(signal.SIGTERM)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def wait(self) -> None:
        """Waits for the end that was asked for, and then enforces it."""
        assert self._process.stdout is not None
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self.end()
        self._process.stdout.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
