"""How long a sweep will take on this machine, measured by its first epochs."""

import dataclasses
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence

from collab_ensembles.errors import CollabError
from collab_ensembles.runs import naming, run_directory
from collab_ensembles.settings.config import RunConfig
from experiments.launch.executors import LocalExecutor, Task
from experiments.progress import Row, failure

_EPOCHS = 3
"""Of a measured run; the first one, in which steps are traced, counts as part of the start."""


@dataclasses.dataclass(frozen=True)
class _Cost:
    """Of a run, in seconds: all that is not an epoch, and an epoch."""

    start: float
    epoch: float


@dataclasses.dataclass
class _Measured:
    """A run while it is measured: its seconds of training when it had its first epochs."""

    row: Row
    epochs: int = 0
    seconds: float = 0.0
    ended: float = 0.0

    def watch(self) -> None:
        """Notes the first epochs, and the end."""
        status = self.row.status()
        if not self.epochs and status.epochs_done < self.row.epochs:
            self.epochs, self.seconds = status.epochs_done, status.seconds
        if _task(self.row).exit_status is not None and not self.ended:
            self.ended = time.time()

    def cost(self) -> _Cost:
        """What a run costs; of a run whose epochs are too short to be seen, all its epochs together."""
        status = self.row.status()
        epoch = (status.seconds - self.seconds) / (status.epochs_done - self.epochs)
        return _Cost(self.ended - _task(self.row).started - status.epochs_done * epoch, epoch)


def of_sweep(configs: Sequence[RunConfig], rows: Sequence[Row], workers: int, preload: bool) -> str:
    """Trains a few epochs of a run for each system and set of members, and says how long all runs will take.

    Of the runs with the same members, the last one of the grid is measured: in the grids here it has the most to
    compute. Nothing is left of these runs. With `--test_every` above three, they have no test, and
    the time of tests is left out.

    Args:
      configs: of the grid.
      rows: likewise; those without a task cost nothing, and those that have begun what is left of them.
      workers: runs at a time. As many are measured at a time, since they slow each other down.
      preload: see `LocalExecutor`.

    Raises:
      CollabError: a measured run has failed.
    """
    kinds = {_kind(config): (config, row) for config, row in zip(configs, rows, strict=True) if row.task is not None}
    if not kinds:
        return "nothing to train"
    chosen = list(kinds.values())
    chosen *= math.ceil(min(workers, len(configs)) / len(chosen))
    with tempfile.TemporaryDirectory() as directory:
        measured = [
            _Measured(_shortened(config, row, os.path.join(directory, str(number))))
            for number, (config, row) in enumerate(chosen)
        ]
        # A worker imports TensorFlow once, before its first run; a new process for each run does so each time.
        imports = [Task("", [sys.executable, "-c", ""], directory) for _ in range(workers if preload else 0)]
        begun = time.time()
        tasks = [*imports, *(_task(each.row) for each in measured)]
        LocalExecutor(workers, preload).compute(tasks, lambda: _watch(measured))
        _watch(measured)
        for each in measured:
            if _task(each.row).exit_status != 0:
                raise CollabError(f"{each.row.name}: cannot be measured: {failure(_task(each.row))}")
        costs = {_kind(config): each.cost() for (config, _), each in zip(chosen, measured, strict=True)}
    seconds = [
        costs[_kind(config)].start + _epochs_left(config, row) * costs[_kind(config)].epoch
        for config, row in zip(configs, rows, strict=True)
        if row.task is not None
    ]
    preparing = _task(measured[0].row).started - begun
    needed = preparing + max(sum(seconds) / workers, *seconds)
    return f"about {_words(needed)}: {len(seconds)} runs, {workers} at a time; measured on {len(kinds)} of them"


def _kind(config: RunConfig) -> tuple[object, ...]:
    return config.system, config.members


def _shortened(config: RunConfig, row: Row, log_dir: str) -> Row:
    epochs = min(_EPOCHS, config.epochs)
    own = (f"--log_dir={log_dir}", f"--stop_after={epochs}")
    directory = naming.run_directory(log_dir, config)
    command = [part for part in _task(row).command if not part.startswith("--log_dir=")]
    return Row(Task(row.name, [*command, *own], directory), epochs, directory, row.name)


def _task(row: Row) -> Task:
    assert row.task is not None
    return row.task


def _watch(measured: Sequence[_Measured]) -> None:
    for each in measured:
        each.watch()


def _epochs_left(config: RunConfig, row: Row) -> int:
    return config.epochs - run_directory.read_status(row.directory).epochs_done


def _words(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} hours"
