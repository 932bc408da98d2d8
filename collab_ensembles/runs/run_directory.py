"""config.json and status.json of a run directory. Imports nothing heavy."""

import contextlib
import dataclasses
import glob
import hashlib
import json
import math
import os
from collections.abc import Iterator
from typing import Any

import filelock
from absl import logging

from collab_ensembles import files
from collab_ensembles.errors import ConfigError, NoRunError, OtherSystemError, RunDirectoryError, one_line
from collab_ensembles.runs import checkpoint_file, naming, run_paths
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.run_fields import FORMAT_VERSION

STATES = ("queued", "running", "stopped", "done", "failed")

_LOCK_POLL_SECONDS = 0.2
_SILENT_SECONDS = 2.0
"""So long nothing is said of a lock that another process holds."""
_TRAIN_AGAIN = "the command that trained the run writes it again"


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """Facts on the data of a run that are needed to rebuild its model, and the digest of the data.

    Attributes:
      name: of the data set, see `Dataset`.
      image_shape: (height, width, channels).
      num_classes: the number of classes.
      digest: the digest of `Dataset`; empty if it was not recorded.
      unlabelled: the digest of its images without labels; empty if there are none.
      label_names: the names of the classes of a folder of images; of other data they are not recorded.
    """

    name: str
    image_shape: tuple[int, int, int]
    num_classes: int
    digest: str = ""
    unlabelled: str = ""
    label_names: tuple[str, ...] = ()


@dataclasses.dataclass
class Status:
    """The state and progress of a run; written atomically after every epoch.

    Attributes:
      state: one of STATES; `stopped` means that `--stop_after`, Ctrl-C or a signal ended it.
      reason: why it failed, in one line.
      epochs_done: completed epochs.
      test_errors: by output, the latest test error as a fraction.
      pickles: SHA-256 of each pickle, by file name.
      started: seconds since 1970.
      ended: likewise, at the latest change.
      seconds: time of training in all attempts, without pauses and lost epochs.
      training_memory: the number of bytes by which training has raised the peak of the process's resident memory; the
        maximum of all attempts.
      ended_after: the last epoch that was trained, where early stopping ended the training; otherwise 0.
      best_epoch: the epoch whose weights were then taken back; otherwise 0.
      resumed: the numbers of completed epochs after which the training was resumed.
      data: facts on the data, once they are loaded.
      environment: versions, threads and other facts that may explain a difference.
      earlier_environments: the environments of earlier attempts, if they differ.
    """

    state: str = "queued"
    reason: str = ""
    epochs_done: int = 0
    test_errors: dict[str, float] = dataclasses.field(default_factory=dict)
    pickles: dict[str, str] = dataclasses.field(default_factory=dict)
    started: float = 0.0
    ended: float = 0.0
    seconds: float = 0.0
    training_memory: int = 0
    ended_after: int = 0
    best_epoch: int = 0
    resumed: list[int] = dataclasses.field(default_factory=list)
    data: DataFacts | None = None
    environment: dict[str, Any] = dataclasses.field(default_factory=dict)
    earlier_environments: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @property
    def epoch_of_weights(self) -> int:
        """The epoch after which the members had their present weights, counted from 1; 0 if they are not trained.

        Of `--system=teaching`, whose student keeps its best weights by itself, it is the length of the training.
        """
        return self.best_epoch or self.epochs_done


def write_config(directory: str, config: RunConfig) -> None:
    """Creates the directory, with its config.json."""
    files.make_directory(directory)
    content = {"format_version": FORMAT_VERSION, "digest": config.digest(), "config": config.to_json()}
    paths = run_paths.relative(config, directory)
    if paths:
        content["paths"] = paths
    files.write_json(os.path.join(directory, "config.json"), content)


def read_config(directory: str) -> RunConfig:
    """The settings of the run in `directory`, with the paths of its files when it began.

    Raises:
      RunDirectoryError: there is no valid config.json of this format version.
    """
    return _config(directory, _read_json(os.path.join(directory, "config.json")))


def read_located(directory: str) -> RunConfig:
    """The settings of the run in `directory`, with the present paths of its files.

    If the folder of the run was moved, their digest differs from the recorded one; errors: see `read_config`.
    """
    content = _read_json(os.path.join(directory, "config.json"))
    config = _config(directory, content)
    try:
        return run_paths.located(config, content.get("paths", {}), directory)
    except (TypeError, ValueError) as error:
        raise RunDirectoryError(
            f"{directory}/config.json: its paths were changed ({one_line(error)}); delete it, then the command that "
            "trained the run writes it again"
        ) from error


def find_run(log_dir: str, config: RunConfig) -> tuple[str, RunConfig]:
    """The directory of a run, new or existing, and the settings that are recorded there.

    If the run began in a folder that was moved as a whole, the recorded settings have other paths than the given ones,
    and the name of the directory has their digest.
    """
    directory = naming.run_directory(log_dir, config)
    if not os.path.exists(os.path.join(directory, "config.json")) and run_paths.relative(config, directory):
        for other in sorted(glob.glob(f"{glob.escape(directory.removesuffix(config.digest()[:8]))}*")):
            with contextlib.suppress(RunDirectoryError):
                if read_located(other) == config:
                    return other, read_config(other)
    return directory, config


def _config(directory: str, content: dict[str, Any]) -> RunConfig:
    _check_version(directory, content)
    try:
        config = RunConfig.from_json(content["config"])
        digest = config.digest()
    except registry.UnknownSystemError as error:
        raise OtherSystemError(f"{directory}: {one_line(error)}") from error
    except (AttributeError, KeyError, TypeError, ConfigError) as error:
        raise RunDirectoryError(f"{directory}/config.json: {type(error).__name__}: {one_line(error)}") from error
    if content.get("digest") != digest:
        raise RunDirectoryError(
            f"{directory}/config.json: it was changed, since its settings have the digest {digest[:8]} and not the "
            "recorded one; delete it, then the command that trained the run writes it again"
        )
    return config


def _check_version(directory: str, content: dict[str, Any]) -> None:
    version = content.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise RunDirectoryError(
            f"{directory}: written in format version {version!r}, but this release reads and writes version "
            f"{FORMAT_VERSION}; use another log directory, or the release that wrote it"
        )


def write_status(directory: str, status: Status) -> None:
    """Replaces status.json."""
    files.write_json(os.path.join(directory, "status.json"), dataclasses.asdict(status))


def read_status(directory: str) -> Status:
    """The status of the run in `directory`; `queued` if nothing has been written yet.

    Raises:
      RunDirectoryError: status.json is damaged, or has unknown fields or values.
    """
    path = os.path.join(directory, "status.json")
    if not os.path.exists(path):
        return Status()
    content = _read_json(path)
    unknown = sorted(set(content) - {field.name for field in dataclasses.fields(Status)})
    if unknown:
        raise RunDirectoryError(f"{path}: unknown fields: {', '.join(unknown)}; was this written by another version?")
    try:
        return _status(content)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise RunDirectoryError(
            f"{path}: damaged ({type(error).__name__}: {one_line(error)}); {_TRAIN_AGAIN}"
        ) from error


def _status(content: dict[str, Any]) -> Status:
    facts = content.get("data")
    if facts is not None:
        height, width, channels = map(int, facts["image_shape"])
        digests = {kind: str(facts.get(kind, "")) for kind in ("digest", "unlabelled")}
        names = tuple(map(str, facts.get("label_names", ())))
        shape = height, width, channels
        facts = DataFacts(str(facts["name"]), shape, int(facts["num_classes"]), **digests, label_names=names)
    status = Status(**{**content, "data": facts})
    times = [status.started, status.ended, status.seconds]
    numbers = [
        *times,
        status.epochs_done,
        status.ended_after,
        status.best_epoch,
        status.training_memory,
        *status.test_errors.values(),
        *status.resumed,
    ]
    texts = [status.state, status.reason, *status.pickles.values()]
    if not all(isinstance(number, int | float) and math.isfinite(number) and number >= 0 for number in numbers):
        raise ValueError("a value that should be a number from 0 is not")
    for epochs in (status.epochs_done, status.ended_after, status.best_epoch):
        if type(epochs) is not int:
            raise ValueError(f"received {epochs!r} completed epochs")
    if not all(isinstance(text, str) for text in texts) or not _are_environments(status):
        raise ValueError("a value that should be text is not")
    if status.state not in STATES:
        raise ValueError(f"unknown state {status.state!r}; known: {', '.join(STATES)}")
    return status


def _are_environments(status: Status) -> bool:
    environments = [status.environment, *status.earlier_environments]
    threads = [each.get("threads") for each in environments if isinstance(each, dict)]
    return len(threads) == len(environments) and all(each is None or type(each) is int for each in threads)


def finished(directory: str) -> Status | None:
    """The status of a finished run, or None. One whose status cannot be read can be resumed: it is not finished."""
    try:
        status = read_status(directory)
    except RunDirectoryError as error:
        logging.warning("%s", error)
        return None
    return status if status.state == "done" else None


def is_done(directory: str, stop_after: int | None = None) -> bool:
    """Whether the run in a directory is trained to its end, or for `stop_after` epochs, and undamaged.

    Damage is reported in a warning; training the run again repairs it from its checkpoint.
    """
    if not os.path.exists(os.path.join(directory, "config.json")):
        return False
    try:
        config, status = read_config(directory), read_status(directory)
    except RunDirectoryError as error:
        logging.warning("%s", error)
        return False
    stopped = status.state == "stopped" and stop_after is not None and _latest_checkpoint(directory) >= stop_after
    if status.state != "done" and not stopped:
        return False
    expected = {f"{stem}.pkl" for stem in naming.statistics_names(config).values()}
    changed = sorted({*changed_pickles(directory, status), *(expected - set(status.pickles))})
    for name in changed:
        logging.warning("%s: missing, or changed since it was written; %s", os.path.join(directory, name), _TRAIN_AGAIN)
    return not changed


def _latest_checkpoint(directory: str) -> int:
    """The epochs that a run has checkpoints of, at most; 0 without any."""
    return max(checkpoint_file.saved_epochs(os.path.join(directory, checkpoint_file.DIRECTORY)), default=0)


def changed_pickles(directory: str, status: Status) -> list[str]:
    """The names of the pickles that are missing or have changed since the run wrote them."""
    paths = {name: os.path.join(directory, name) for name in status.pickles}
    return [name for name, path in paths.items() if not os.path.isfile(path) or sha256(path) != status.pickles[name]]


def begun_status(directory: str, is_done: bool) -> Status | None:
    """The status of a run with results or usable checkpoints; None if it has neither, or if the status is damaged.

    A damaged status stops nothing: the training writes it again, from the checkpoint.

    Args:
      directory: the run directory; it may be missing.
      is_done: as the function of that name says.
    """
    if not is_done and not _latest_checkpoint(directory):
        return None
    try:
        return read_status(directory)
    except RunDirectoryError:
        return None


@contextlib.contextmanager
def lock(directory: str, work: str = "training this run", patience: float = 0.0) -> Iterator[None]:
    """Prevents other processes from doing the same work; released when this process ends in any way.

    The file `lock` is not removed: otherwise a third process could lock a new file of that name.

    Args:
      directory: the directory to lock.
      work: the work that only one process at a time may do there.
      patience: the seconds to wait for another process to end.

    Raises:
      RunDirectoryError: another process holds the lock.
      CollabError: the directory cannot be written.
    """
    path = os.path.join(directory, "lock")
    # A soft lock would remain after a process is killed. Another thread than the one that acquired it may release it.
    lock = filelock.FileLock(path, thread_local=False, fallback_to_soft=False)
    silent = min(patience, _SILENT_SECONDS)
    try:
        try:
            acquired = lock.acquire(timeout=silent, poll_interval=_LOCK_POLL_SECONDS)
        except filelock.Timeout:
            if silent == patience:
                raise
            logging.info("%s: waiting for another process, which is %s", directory, work)
            acquired = lock.acquire(timeout=patience - silent, poll_interval=_LOCK_POLL_SECONDS)
    except filelock.Timeout as error:
        raise RunDirectoryError(
            f"{directory}: another process is {work}; wait for it, or use another --log_dir"
        ) from error
    except OSError as error:
        raise files.unwritable(path, error) from error
    with acquired:
        yield


def find(log_dir: str) -> Iterator[str]:
    """All run directories below a log directory, in alphabetical order."""
    for parent, directories, names in os.walk(log_dir):
        directories.sort()
        if "config.json" in names:
            directories.clear()
            yield parent


def find_known(log_dir: str) -> Iterator[tuple[str, RunConfig]]:
    """The same with the settings of each, see `read_located`; a warning counts runs of systems that are not here."""
    left_out: list[str] = []
    for directory in find(log_dir):
        try:
            config = read_located(directory)
        except OtherSystemError as error:
            left_out.append(str(error).removeprefix(f"{directory}: "))
            continue
        yield directory, config
    for why in sorted(set(left_out)):
        logging.warning("%s: %s; runs that are left out: %d", log_dir, why, left_out.count(why))


def check_format(log_dir: str) -> None:
    """Raises RunDirectoryError if a run below `log_dir` was written in another format version."""
    for directory in find(log_dir):
        _check_version(directory, _read_json(os.path.join(directory, "config.json")))


def sha256(path: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: str) -> dict[str, Any]:
    try:
        with files.reading(path, f"delete it: {_TRAIN_AGAIN}"), open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError as error:
        raise NoRunError(f"{path}: no such file; give the directory of a run") from error
    if not isinstance(content, dict):
        raise RunDirectoryError(f"{path}: damaged (no JSON object); delete it: {_TRAIN_AGAIN}")
    return content
