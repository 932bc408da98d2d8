"""What a run directory says of its run: config.json and status.json. Imports nothing heavy."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from collab_ensembles import files
from collab_ensembles.config import FORMAT_VERSION, RunConfig
from collab_ensembles.errors import ConfigError, RunDirectoryError

STATES = ("queued", "running", "stopped", "done", "failed")


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """What rebuilding a run's model takes to know of its data."""

    name: str
    image_shape: tuple[int, int, int]
    num_classes: int


@dataclasses.dataclass
class Status:
    """How far a run has come; written atomically after every epoch.

    Attributes:
      state: one of STATES; `stopped` means that `--stop_after`, Ctrl-C or a signal ended it.
      reason: why it failed, in one line.
      epochs_done: completed epochs.
      test_errors: by output, the latest test error as a fraction.
      pickles: SHA-256 of each pickle, by file name.
      started: seconds since 1970.
      ended: likewise, at the latest change.
      data: facts on the data, once they are loaded.
      environment: versions, threads and whatever else may explain a difference.
    """

    state: str = "queued"
    reason: str = ""
    epochs_done: int = 0
    test_errors: dict[str, float] = dataclasses.field(default_factory=dict)
    pickles: dict[str, str] = dataclasses.field(default_factory=dict)
    started: float = 0.0
    ended: float = 0.0
    data: DataFacts | None = None
    environment: dict[str, Any] = dataclasses.field(default_factory=dict)


def write_config(directory: str, config: RunConfig) -> None:
    """Creates the directory, with its config.json."""
    files.make_directory(directory)
    content = {"format_version": FORMAT_VERSION, "digest": config.digest(), "config": config.to_json()}
    files.write_json(os.path.join(directory, "config.json"), content)


def read_config(directory: str) -> RunConfig:
    """The settings of the run in `directory`.

    Raises:
      RunDirectoryError: there is no valid config.json of this format version.
    """
    content = _read_json(os.path.join(directory, "config.json"))
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise RunDirectoryError(
            f"{directory}: written in format version {version}, this release reads and writes {FORMAT_VERSION}; "
            "use another log directory, or the release that wrote it"
        )
    try:
        return RunConfig.from_json(content["config"])
    except (KeyError, TypeError, ConfigError) as error:
        raise RunDirectoryError(f"{directory}/config.json: {error}") from error


def write_status(directory: str, status: Status) -> None:
    """Replaces status.json."""
    files.write_json(os.path.join(directory, "status.json"), dataclasses.asdict(status))


def read_status(directory: str) -> Status:
    """The status of the run in `directory`; `queued` where nothing has been written yet.

    Raises:
      RunDirectoryError: status.json is damaged or has unknown fields.
    """
    path = os.path.join(directory, "status.json")
    if not os.path.exists(path):
        return Status()
    try:
        content = _read_json(path)
        facts = content.get("data")
        if facts is not None:
            content["data"] = DataFacts(**{**facts, "image_shape": tuple(facts["image_shape"])})
        status = Status(**content)
    except (KeyError, TypeError) as error:
        raise RunDirectoryError(
            f"{path}: unknown or missing fields ({error}); was this written by another version?"
        ) from error
    if status.state not in STATES:
        raise RunDirectoryError(f"{path}: unknown state {status.state!r}; known: {', '.join(STATES)}")
    return status


def is_done(directory: str, stop_after: int | None = None) -> bool:
    """Whether a run has been trained there to its end, or for `stop_after` epochs."""
    if not os.path.exists(os.path.join(directory, "config.json")):
        return False
    status = read_status(directory)
    stopped = status.state == "stopped" and stop_after is not None and status.epochs_done >= stop_after
    return status.state == "done" or stopped


@contextlib.contextmanager
def lock(directory: str) -> Iterator[None]:
    """Keeps other processes from training the same run; released when this process ends, however it does.

    Raises:
      RunDirectoryError: another process holds the lock.
      CollabError: the directory cannot be written.
    """
    path = os.path.join(directory, "lock")
    try:
        file = open(path, "a", encoding="utf-8")  # noqa: SIM115  (closed below, once it has been locked)
    except OSError as error:
        raise files.unwritable(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunDirectoryError(
                f"{directory}: another process is training this run; wait for it, or give another --log_dir"
            ) from error
        yield


def find(log_dir: str) -> Iterator[str]:
    """All run directories below a log directory, in alphabetical order."""
    for parent, directories, names in os.walk(log_dir):
        directories.sort()
        if "config.json" in names:
            directories.clear()
            yield parent


def check_format(log_dir: str) -> None:
    """Raises RunDirectoryError if a run below `log_dir` was written in another format version."""
    for directory in find(log_dir):
        read_config(directory)


def sha256(path: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError as error:
        raise RunDirectoryError(f"{path}: no such file; give the directory of a run") from error
    except (OSError, ValueError) as error:
        raise RunDirectoryError(f"{path}: damaged ({error}); delete the run's directory to train it again") from error
    if not isinstance(content, dict):
        raise RunDirectoryError(f"{path}: damaged (no JSON object); delete the run's directory to train it again")
    return content
