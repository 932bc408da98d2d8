"""The content of a log directory, finished runs and others."""

import dataclasses
import os

from analysis import frame
from collab_ensembles.errors import DataError, RunDirectoryError
from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig


@dataclasses.dataclass(frozen=True)
class Entry:
    """One run directory, as far as it is readable.

    Attributes:
      directory: its path.
      config: its settings.
      status: its status; `failed` with a reason if the status cannot be read.
    """

    directory: str
    config: RunConfig
    status: Status


def entries(log_dir: str) -> list[Entry]:
    """All run directories below a log directory, and the runs of other code there (`frame.foreign_files`).

    Raises:
      DataError: there is no such directory.
    """
    if not os.path.isdir(log_dir):
        raise DataError(f"{log_dir}: no such directory; give the --log_dir of a sweep")
    found = []
    for directory, config in run_directory.find_known(log_dir):
        try:
            status = run_directory.read_status(directory)
        except RunDirectoryError as error:
            status = Status(state="failed", reason=str(error))
        found.append(Entry(directory, config, status))
    foreign = (files.read() for files in frame.foreign_files(log_dir))
    return found + [Entry(run.directory, run.config, run.status) for run in foreign]


def datasets(log_dir: str) -> list[str]:
    """The data sets of the finished runs, in alphabetical order."""
    return sorted({entry.config.dataset for entry in entries(log_dir) if entry.status.state == "done"})
