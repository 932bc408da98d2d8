"""Shows the progress of a sweep: a live table on a terminal, plain lines elsewhere."""

import dataclasses
import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import Status
from experiments import command_line
from experiments.launch.executors import Task

_REFRESH_SECONDS = 1.0
_LINES_AROUND = 7
"""The height of the live table without its rows."""
_MOST_COLUMNS = 5
"""If runs of a grid have different outputs, more than this number in total, each row names its own outputs."""


@dataclasses.dataclass
class Row:
    """One run of the sweep.

    Attributes:
      task: the computation of the run; None if the run was finished before.
      epochs: the length of its training.
      directory: the run directory.
      name: method, weight and seed.
      note: why the run is not computed.
      announced: whether the end of the run has been printed.
      epochs_before: the epochs that earlier sweeps have completed.
    """

    task: Task | None
    epochs: int
    directory: str
    name: str
    note: str = ""
    announced: bool = False
    epochs_before: int | None = None

    def status(self) -> Status:
        """The current status of the run; a status of an earlier attempt is ignored."""
        if self.task is not None and self.task.status is not None:
            return self.task.status
        try:
            status = run_directory.read_status(self.directory)
        except RunDirectoryError as error:
            return Status(state="failed", reason=str(error))
        return Status() if self.task is not None and status.started < self.task.started else status

    def note_start(self, status: Status) -> None:
        """Reads the status of the run, which may continue from an epoch of an earlier sweep."""
        # Before that, the status is missing or belongs to an earlier sweep.
        if self.task is not None and self.task.running and status.started:
            known = status.epochs_done if self.epochs_before is None else self.epochs_before
            self.epochs_before = min(known, status.epochs_done)

    def state(self) -> str:
        """The state to show. The state of the subprocess counts more than the status of a dead process."""
        if self.task is None:
            return "before"
        if self.task.running:
            return "running"
        if self.task.exit_status is None:
            return "stopped" if self.task.started else "waiting"
        return "done" if self.task.exit_status == 0 else "failed"


class LastingConsole(Console):
    """Goes on where the reader of its output has gone, and has a live table on a terminal alone."""

    def __init__(self) -> None:
        # Whatever FORCE_COLOR says: a live table in a file of lines is no help.
        super().__init__(force_terminal=None if sys.stdout.isatty() else False)

    def on_broken_pipe(self) -> None:
        """Writes nowhere from now on; the base class ends the process."""
        command_line.write_nowhere(sys.stdout)


class Progress:
    """A context manager that shows the rows of a sweep."""

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
        """Shows changes; call it often, it acts once a second."""
        now = time.monotonic()
        if not final and now - self._refreshed < _REFRESH_SECONDS:
            return
        self._refreshed = now
        statuses = [row.status() for row in self._rows]
        for row, status in zip(self._rows, statuses, strict=True):
            row.note_start(status)
        if self._live:
            self._live.update(self._table(statuses), refresh=True)
        else:
            self._announce(statuses)

    def ended(self) -> int:
        """How many runs have ended by now, well or not."""
        return sum(row.task is None or row.task.exit_status is not None for row in self._rows)

    def facts(self) -> dict[str, Any]:
        """Times and runs as JSON values, for people."""
        statuses = [row.status() for row in self._rows]
        return {
            "times": self._times(statuses),
            "runs": [
                {
                    "run": row.name,
                    "directory": row.directory,
                    "state": row.state(),
                    "epoch": f"{status.epochs_done}/{row.epochs}",
                    "test errors": _errors(status),
                }
                for row, status in zip(self._rows, statuses, strict=True)
            ],
        }

    def _announce(self, statuses: Sequence[Status]) -> None:
        for row, status in zip(self._rows, statuses, strict=True):
            if row.task is not None and row.task.exit_status is not None and not row.announced:
                row.announced = True
                ended = sum(other.task is None or other.announced for other in self._rows)
                outcome = _errors(status) if row.task.exit_status == 0 else f"FAILED: {failure(row.task)}"
                outcome += _retried(row.task) + _where(row.task)
                self._say(f"[{ended}/{len(self._rows)}] {row.name}: {outcome}   {self._times(statuses)}")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _table(self, statuses: Sequence[Status]) -> Table:
        """The runs that fit: first those that run or failed, then those that ended last."""
        outputs = list(dict.fromkeys(output for status in statuses for output in status.test_errors))
        shared = len(outputs) == max(len(status.test_errors) for status in statuses)
        few = shared or len(outputs) <= _MOST_COLUMNS
        columns = [f"{output} %" for output in outputs] if few else ["test errors"]
        shown = self._shown(self._console.height - _LINES_AROUND)
        table = Table(
            title=self._times(statuses), title_justify="left", caption=self._summary(), caption_justify="left"
        )
        places = ["node"] if any(row.task is not None and row.task.place for row in self._rows) else []
        for column in ("run", "state", *places, "epoch", *columns, "min"):
            table.add_column(column, justify="left" if column in ("run", "state", "node") else "right", no_wrap=True)
        for index in shown:
            row, status = self._rows[index], statuses[index]
            started = row.state() != "waiting"
            errors = [_errors(status)]
            if few:
                errors = [f"{100 * status.test_errors[o]:.2f}" if o in status.test_errors else "" for o in outputs]
            table.add_row(
                row.name,
                row.state() + (" again" if row.task is not None and row.task.retries else ""),
                *(row.task.place if row.task is not None else "" for _ in places),
                f"{status.epochs_done}/{row.epochs}" if started else "",
                *errors,
                f"{(status.ended - status.started) / 60:.1f}" if status.ended else "",
                style={"failed": "red", "before": "dim", "running": "bold"}.get(row.state()),
            )
        return table

    def _shown(self, room: int) -> list[int]:
        """The indices of the rows to show, in order."""
        ranks = {"failed": 0, "running": 0, "stopped": 0, "done": 1, "waiting": 2, "before": 3}

        def interest(index: int) -> tuple[int, int]:
            state = self._rows[index].state()
            return ranks[state], index if state == "waiting" else -index

        by_interest = sorted(range(len(self._rows)), key=interest)
        return sorted(by_interest[: max(room, 3)])

    def _summary(self) -> str:
        states = [row.state() for row in self._rows]
        return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))

    def _times(self, statuses: Sequence[Status]) -> str:
        """The time used, and the time left if an epoch takes as long as so far; a run is never shared by workers."""
        used = time.monotonic() - self._started
        done = left = longest = epochs = 0
        seconds = 0.0
        for row, status in zip(self._rows, statuses, strict=True):
            if row.task is None:
                continue
            ended = row.task.exit_status is not None
            if row.task.running or ended:
                done += max(0, status.epochs_done - (row.epochs_before or 0))
            to_come = 0 if ended else row.epochs - status.epochs_done
            left, longest = left + to_come, max(longest, to_come)
            seconds, epochs = seconds + status.seconds, epochs + status.epochs_done
        if not done or not left:
            return f"{used / 60:.1f} min used"
        needed = max(used / done * left, seconds / max(epochs, 1) * longest)
        return f"{used / 60:.1f} min used, about {needed / 60:.1f} min left"


def failure(task: Task) -> str:
    """Why a run failed, in one line."""
    if task.error:
        return task.error
    status = task.exit_status or 0
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}: {task.last_words()}"


def _retried(task: Task) -> str:
    """Text for a process that died, or was lost with its node."""
    if not task.retries:
        return ""
    return f"; its process died {'once' if task.retries == 1 else f'{task.retries} times'} and was started again"


def _where(task: Task) -> str:
    """Text for the node that computed a run; empty after an error, which names the node itself."""
    return f"   on {task.place}" if task.place and not task.error else ""


def _errors(status: Status) -> str:
    return "  ".join(f"{output} {100 * error:.2f} %" for output, error in status.test_errors.items())
