"""One run on a node of a cluster: the data are prepared there, the run is trained, its files are handed back.

Knows nothing of Ray: what it is told and what it answers are builtins.
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
"""To wait for another run on this node that is fetching the data."""
_LEASE_SECONDS = 150.0
"""To wait for the lock of a run whose node was lost: a server of shared files keeps it for a while."""

Report = Callable[[dict[str, Any]], None]


class Order(TypedDict):
    """What a node is to compute.

    Attributes:
      name: how the run is called in messages.
      command: its command; the first word, the interpreter, is replaced by the node's.
      run: the run directory, below the log directory.
      prepare: the command that fetches and verifies the data, likewise.
      checkpoint_dir: a log directory that all nodes share, or None: a temporary one.
      sweep: a name of the sweep's own.
    """

    sweep: str
    name: str
    command: list[str]
    run: str
    prepare: list[str]
    checkpoint_dir: str | None


class Outcome(TypedDict):
    """What a node answers.

    Attributes:
      node: its id.
      unfit: whether the node, not the run, is to blame: the run should be computed elsewhere.
      error: why there is no result, in one line.
      exit_status: of the run's command.
      retries: how often that was started again.
      data: the digest of the data that it saw; empty if it came to none.
      files: those of the run directory; see `returned_files`.
    """

    node: str
    unfit: bool
    error: str
    exit_status: int
    retries: int
    data: str
    files: dict[str, bytes]


class NodeError(CollabError):
    """A node that cannot compute this run, while others may."""


def compute(order: Order, node: str, report: Report) -> Outcome:
    """Computes a run to its end, good or bad.

    Args:
      order: what to compute.
      node: the id of this node.
      report: called with state, epochs, errors and times of the run whenever they have changed.

    Raises:
      NodeError: the data cannot be had here, or are not those that the run began with elsewhere, or there is no place
        to work.
      RunDirectoryError: another process computes this run in the shared directory.
    """
    with _workplace(order) as workplace:
        log_dir = order["checkpoint_dir"] or workplace
        directory = os.path.join(log_dir, order["run"])
        if order["checkpoint_dir"]:
            _await_lock(directory)
        # Of two flags of the same name the last one counts.
        task = Task(order["name"], _here(order["command"], f"--log_dir={log_dir}"), directory)
        printed_before = returned_files.printed(directory)
        LocalExecutor(1).compute([task], _reporter(directory, report))
        assert task.exit_status is not None
        if task.exit_status == DataError.exit_status:
            # The settings were checked by the driver: what does not fit are the data that this node has.
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
    """Waits until a shared run directory is free: of a run that was lost with its node, it is not so at once."""
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
    # -P: modules are looked for where this process found them, and not in the working directory first.
    return [sys.executable, "-P", *command[1:], *flags]


def _reporter(directory: str, report: Report) -> Callable[[], None]:
    latest: dict[str, Any] = {}

    def watch() -> None:
        try:
            status = run_directory.read_status(directory)
        except RunDirectoryError:
            return
        names = ("state", "epochs_done", "test_errors", "started", "ended")
        values = {name: getattr(status, name) for name in names}
        if values != latest:
            latest.update(values)
            report(values)

    return watch


@contextlib.contextmanager
def _workplace(order: Order) -> Iterator[str]:
    """A directory on this node that goes with the run, once the data are there."""
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
    """Removes the directories of runs that were killed: nobody holds their locks any more."""
    for entry in os.scandir(base):
        if entry.is_dir(follow_symlinks=False):
            # The run can end, and remove it, meanwhile.
            with contextlib.suppress(CollabError), run_directory.lock(entry.path):
                shutil.rmtree(entry.path, ignore_errors=True)


def _prepare_data(order: Order, base: str, workplace: str) -> None:
    """Has the data fetched and verified, by the first run of a sweep on this node."""
    prepared = os.path.join(base, f"prepared-{order['sweep']}")
    if os.path.exists(prepared):
        return
    # Polled, not waited for, so that the run can be cancelled meanwhile.
    task = Task("data", _here(order["prepare"]), os.path.join(workplace, "data"))
    LocalExecutor(1).compute([task], lambda: None)
    if task.exit_status != 0:
        reason = task.last_words().removeprefix("error: ")
        raise NodeError(reason or f"{' '.join(order['prepare'][1:])} ended with exit status {task.exit_status}")
    # Beside those of other sweeps, which may still be going on: empty files.
    files.write_bytes(prepared, b"")
