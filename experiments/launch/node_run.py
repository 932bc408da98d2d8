"""Computes one run on a node of a cluster: prepares the data, trains the run and returns its files.

This module does not use Ray: its inputs and results are builtins.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, TypedDict

from collab_ensembles import files
from collab_ensembles.errors import CollabError, DataError, RunDirectoryError
from collab_ensembles.runs import run_directory
from experiments.launch import returned_files
from experiments.launch.executors import LocalExecutor, Task

_FETCH_SECONDS = 7200.0
"""Longest wait while another run on this node fetches the data."""
_LEASE_SECONDS = 150.0
"""Longest wait for the lock of a run whose node was lost: a file server keeps such a lock for a while."""

Report = Callable[[dict[str, Any]], None]


class Order(TypedDict):
    """The input of a node.

    Attributes:
      name: the name of the run in messages.
      command: its command; the node replaces the first word with its own interpreter.
      run: the run directory, below the log directory.
      prepare: the commands that fetch and verify the data; their first words are replaced too. Empty: runs do it.
      checkpoint_dir: a log directory that all nodes share, or None: a temporary one.
      sweep: a unique name of the sweep.
    """

    sweep: str
    name: str
    command: list[str]
    run: str
    prepare: list[list[str]]
    checkpoint_dir: str | None


class Outcome(TypedDict):
    """The result of a node.

    Attributes:
      node: its id.
      unfit: whether the node is the cause of the error; another node should then compute the run.
      error: why there is no result, in one line.
      exit_status: the exit status of the run's command.
      retries: how many times the command was started again.
      data: the digest of the data; empty if none were loaded.
      files: the files of the run directory; see `returned_files`.
    """

    node: str
    unfit: bool
    error: str
    exit_status: int
    retries: int
    data: str
    files: dict[str, bytes]


class NodeError(CollabError):
    """This node cannot compute the run; others may."""


def compute(order: Order, node: str, report: Report) -> Outcome:
    """Computes a run and returns its result, also if the run fails.

    Args:
      order: what to compute.
      node: the id of this node.
      report: called with state, epochs, errors and times of the run each time they change.

    Raises:
      NodeError: this node cannot get the data, its data differ from those that the run began with, or it has no
        directory to work in.
      RunDirectoryError: another process computes this run in the shared directory.
    """
    with _workplace(order) as workplace:
        log_dir = order["checkpoint_dir"] or workplace
        directory = os.path.join(log_dir, order["run"])
        if order["checkpoint_dir"]:
            _await_lock(directory)
        # If a flag is given twice, the last value counts.
        task = Task(order["name"], _here(order["command"], f"--log_dir={log_dir}"), directory)
        printed_before = returned_files.printed(directory)
        LocalExecutor(1).compute([task], _reporter(directory, report))
        assert task.exit_status is not None
        if task.error:
            raise NodeError(task.error)
        if task.exit_status == DataError.exit_status:
            # The driver has checked the settings, so the error comes from the data of this node.
            raise NodeError(task.last_words().removeprefix("error: "))
        content = returned_files.collect(directory, printed_before)
        return Outcome(
            node=node,
            unfit=False,
            error="",
            exit_status=task.exit_status,
            retries=task.retries,
            data=_digest(directory),
            files=content,
        )


def _digest(directory: str) -> str:
    try:
        data = run_directory.read_status(directory).data
    except RunDirectoryError:
        return ""
    return data.digest if data is not None else ""


def _await_lock(directory: str) -> None:
    """Waits until a shared run directory is free: the lock of a lost node is kept for a while."""
    try:
        files.make_directory(directory)
    except CollabError as error:
        raise NodeError(str(error)) from error
    try:
        with run_directory.lock(directory, patience=_LEASE_SECONDS):
            pass
    except RunDirectoryError as error:
        raise RunDirectoryError(
            f"{directory}: another process still writes there after {_LEASE_SECONDS:g} s; end it, or give another "
            "--checkpoint_dir"
        ) from error


def _here(command: list[str], *flags: str) -> list[str]:
    # -P: Python does not search the working directory for modules.
    return [sys.executable, "-P", *command[1:], *flags]


def _reporter(directory: str, report: Report) -> Callable[[], None]:
    latest: dict[str, Any] = {}

    def watch() -> None:
        try:
            status = run_directory.read_status(directory)
        except RunDirectoryError:
            return
        names = ("state", "epochs_done", "test_errors", "started", "ended", "seconds")
        values = {name: getattr(status, name) for name in names}
        if values != latest:
            latest.update(values)
            report(values)

    return watch


@contextlib.contextmanager
def _workplace(order: Order) -> Iterator[str]:
    """A directory on this node that is removed after the run; the data are prepared first."""
    with contextlib.ExitStack() as stack:
        try:
            base = _base()
            with _lock_for_data(base):
                _remove_leftovers(base)
                directory = tempfile.TemporaryDirectory(dir=base, ignore_cleanup_errors=True)
                workplace = stack.enter_context(directory)
                stack.enter_context(run_directory.lock(workplace))
                _prepare_data(order, base, workplace)
        except OSError as error:
            raise NodeError(str(files.unwritable(tempfile.gettempdir(), error))) from error
        except CollabError as error:
            raise NodeError(str(error)) from error
        yield workplace


@contextlib.contextmanager
def _lock_for_data(base: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(run_directory.lock(base, "preparing data", _FETCH_SECONDS))
        except RunDirectoryError as error:
            raise NodeError(f"{base}: another run is still preparing data after {_FETCH_SECONDS / 3600:g} h") from error
        yield


def _base() -> str:
    base = os.path.join(tempfile.gettempdir(), f"collab-ensembles-{os.getuid()}")
    os.makedirs(base, mode=0o700, exist_ok=True)
    if os.stat(base).st_uid != os.getuid():
        raise NodeError(f"{base} belongs to another user; remove it, or give the node another TMPDIR")
    return base


def _remove_leftovers(base: str) -> None:
    """Removes the directories of killed runs, which are those whose locks are free."""
    for entry in os.scandir(base):
        if entry.is_dir(follow_symlinks=False):
            # In the meantime the run can end and remove it.
            with contextlib.suppress(CollabError), run_directory.lock(entry.path):
                shutil.rmtree(entry.path, ignore_errors=True)


def _prepare_data(order: Order, base: str, workplace: str) -> None:
    """Fetches and verifies the data; only the first run of a sweep on this node does so."""
    prepared = os.path.join(base, f"prepared-{order['sweep']}")
    if not order["prepare"] or os.path.exists(prepared):
        return
    for number, command in enumerate(order["prepare"]):
        # Polls, so that the run can be cancelled in the meantime.
        task = Task("data", _here(command), os.path.join(workplace, f"data{number}"))
        LocalExecutor(1).compute([task], lambda: None)
        if task.exit_status != 0:
            reason = task.error or task.last_words().removeprefix("error: ")
            raise NodeError(reason or f"{' '.join(command[1:])} ended with exit status {task.exit_status}")
    # An empty file for each sweep, since several sweeps may run at the same time.
    files.write_bytes(prepared, b"")
