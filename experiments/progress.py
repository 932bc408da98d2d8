"""What a sweep shows while it runs: a live table on a terminal, plain lines elsewhere."""

import dataclasses
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from collab_ensembles import run_directory
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.run_directory import Status
from experiments.executors import Task

_REFRESH_SECONDS = 1.0


@dataclasses.dataclass
class Row:
    """One run of the sweep.

    Attributes:
      task: the run's computation, or None if it was finished before.
      epochs: the length of its training.
      directory: the run directory.
      name: method, weight and seed.
      note: why it is not computed, or why it failed.
    """

    task: Task | None
    epochs: int
    directory: str
    name: str
    note: str = ""
    announced: bool = False

    def status(self) -> Status:
        """What the run directory says now."""
        try:
            return run_directory.read_status(self.directory)
        except RunDirectoryError as error:
            return Status(state="failed", reason=str(error))

    def state(self, status: Status) -> str:
        """The state to show; the subprocess knows better than a status that a dead process left."""
        if self.task is None:
            return "finished before"
        if self.task.running:
            return "running" if status.state == "running" else "starting"
        if self.task.exit_status is None:
            return "waiting"
        return "done" if self.task.exit_status == 0 else "failed"


class Progress:
    """Shows the rows of a sweep; a context manager."""

    def __init__(self, rows: Sequence[Row], console: Console) -> None:
        self._rows, self._console = rows, console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._started = self._refreshed = time.monotonic()

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        for row in self._rows:
            if row.task is None and not self._live:
                self._say(f"{row.name}: skipped, {row.note}")
        return self

    def __exit__(self, *exception: object) -> None:
        self.refresh(final=True)
        if self._live:
            self._live.stop()

    def refresh(self, final: bool = False) -> None:
        """Shows what has changed; called often, does something once a second."""
        now = time.monotonic()
        if not final and now - self._refreshed < _REFRESH_SECONDS:
            return
        self._refreshed = now
        statuses = [row.status() for row in self._rows]
        if self._live:
            self._live.update(self._table(statuses), refresh=True)
        else:
            self._announce(statuses)

    def _announce(self, statuses: Sequence[Status]) -> None:
        for row, status in zip(self._rows, statuses, strict=True):
            if row.task is not None and row.task.exit_status is not None and not row.announced:
                row.announced = True
                ended = sum(other.task is None or other.announced for other in self._rows)
                outcome = _errors(status) if row.task.exit_status == 0 else f"FAILED: {failure(row.task)}"
                outcome += f" ({_retries(row.task)})" if row.task.retries else ""
                self._say(f"[{ended}/{len(self._rows)}] {row.name}: {outcome}   {self._times(statuses)}")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _table(self, statuses: Sequence[Status]) -> Table:
        table = Table(title=self._times(statuses), title_justify="left")
        for column in ("run", "state", "epoch", "test error", "minutes", "note"):
            table.add_column(column, justify="right" if column in ("epoch", "minutes") else "left")
        for row, status in zip(self._rows, statuses, strict=True):
            failed = row.task is not None and row.task.exit_status not in (None, 0)
            started = row.task is None or row.task.running or row.task.exit_status is not None
            table.add_row(
                row.name,
                row.state(status),
                f"{status.epochs_done}/{row.epochs}" if started else "",
                _errors(status) if started else "",
                f"{(status.ended - status.started) / 60:.1f}" if started and status.ended else "",
                failure(row.task) if failed and row.task else _retries(row.task) or row.note,
                style="red" if failed else "dim" if row.task is None else None,
            )
        return table

    def _times(self, statuses: Sequence[Status]) -> str:
        """Time used, and time left if what remains takes as long an epoch."""
        used = time.monotonic() - self._started
        done = left = 0
        for row, status in zip(self._rows, statuses, strict=True):
            if row.task is None:
                continue
            ended = row.task.exit_status is not None
            epochs = status.epochs_done if row.task.running or ended else 0
            done += epochs
            left += 0 if ended else row.epochs - epochs
        remaining = f", about {used / done * left / 60:.1f} min left" if done and left else ""
        return f"{used / 60:.1f} min used{remaining}"


def failure(task: Task) -> str:
    """Why a run failed, in one line."""
    status = task.exit_status or 0
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}: {task.last_words()}"


def _retries(task: Task | None) -> str:
    return "its process died once and was started again" if task is not None and task.retries else ""


def _errors(status: Status) -> str:
    return "  ".join(f"{output} {100 * error:.2f} %" for output, error in status.test_errors.items())
