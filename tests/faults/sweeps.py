"""A small sweep on digits, in processes of its own, to be disturbed and compared with an undisturbed one."""

import contextlib
import dataclasses
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

import short_grid
from collab_ensembles.runs import run_directory
from command_runner import REPOSITORY, environment

_SETTINGS = ("--dataset=digits", "--members=B1R1F2,B2R1F2", "--train_limit=400", "--shuffle=permute", "--augment")
_PATIENCE = 240.0

END_SECONDS = 60
"""For what ends at once: on a busy machine each training may take the ten seconds after which it is killed."""

Statistics = dict[str, bytes]


@dataclasses.dataclass
class Scene:
    """Data, settings, and what an undisturbed sweep leaves behind."""

    directory: pathlib.Path
    runs: int
    epochs: int
    expected: Statistics = dataclasses.field(default_factory=dict)
    table: str = ""
    started: "list[subprocess.Popen[str]]" = dataclasses.field(default_factory=list)

    @property
    def data_dir(self) -> pathlib.Path:
        """Where all sweeps find their data."""
        return self.directory / "data"

    def prepare(self) -> None:
        """Fetches the data and computes the undisturbed sweep, or takes one that is there."""
        undisturbed = self.directory / "undisturbed"
        undisturbed.mkdir(parents=True, exist_ok=True)
        self.table, *_ = self._finish(self.start(undisturbed))
        self.expected = statistics(undisturbed)
        assert len(self.expected) == self.runs * (6 + 6 + 8)

    def new_log_dir(self, name: str) -> pathlib.Path:
        """A log directory that does not exist yet."""
        path = self.directory / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def start(
        self, log_dir: pathlib.Path, *flags: str, before: Callable[[], None] | None = None
    ) -> "subprocess.Popen[str]":
        """Starts a sweep; `before` is called in its process first."""
        options = (*_SETTINGS, f"--epochs={self.epochs}", f"--log_dir={log_dir}", f"--data_dir={self.data_dir}")
        process = subprocess.Popen(
            [*short_grid.command(range(-self.runs, 0)), *options, "--workers=2", "--threads=1", *flags],
            cwd=REPOSITORY,
            env=environment(TF_CPP_MIN_LOG_LEVEL="3"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=before,
        )
        self.started.append(process)
        return process

    @contextlib.contextmanager
    def log_dir_of(self, test: str) -> Iterator[pathlib.Path]:
        """A log directory for one test, by its name; what a failed test left running there is killed."""
        log_dir = self.new_log_dir("".join(c if c.isalnum() else "_" for c in test))
        yield log_dir
        for process in self.started:
            if process.poll() is None:
                # Closes its pipes too, which others may hold.
                with process:
                    os.killpg(process.pid, signal.SIGKILL)
        kill(trainings(log_dir))
        self.started.clear()

    def sweep(self, log_dir: pathlib.Path, before: Callable[[], None] | None = None) -> tuple[int, str, str]:
        """Runs a sweep to its end, good or bad: exit status, output and errors."""
        process = self.start(log_dir, before=before)
        output, errors = process.communicate(timeout=_PATIENCE)
        return process.returncode, output, errors

    def assert_recovers(self, log_dir: pathlib.Path) -> str:
        """Finishes a disturbed sweep; its results must be those of the undisturbed one, to the bit.

        Returns:
          Its errors (warnings).
        """
        return self.assert_is_right(log_dir, self.start(log_dir))[1]

    def assert_is_right(self, log_dir: pathlib.Path, process: "subprocess.Popen[str]") -> tuple[str, str]:
        """Waits for the end of a sweep; its results must be those of the undisturbed one, to the bit.

        Returns:
          Its output and its errors.
        """
        table, output, errors = self._finish(process)
        assert statistics(log_dir) == self.expected
        assert table == self.table
        return output, errors

    def _finish(self, process: "subprocess.Popen[str]") -> tuple[str, str, str]:
        """Waits for a sweep that must succeed: the tables that it prints, its whole output, and its errors."""
        output, errors = process.communicate(timeout=_PATIENCE)
        assert process.returncode == 0, output + errors
        return output[output.index("digits, final test error") :], output, errors


def statistics(log_dir: pathlib.Path) -> Statistics:
    """Every series of every pickle, to the bit."""
    result = {}
    for path in sorted(log_dir.rglob("*.pkl")):
        content = pickle.loads(path.read_bytes())
        for key, value in content.items():
            if isinstance(value, np.ndarray):
                result[f"{path.relative_to(log_dir)} {key}"] = value.tobytes()
    return result


def trainings(log_dir: pathlib.Path) -> list[int]:
    """The process numbers of trainings that are running for this log directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace") if entry.name.isdigit() else ""
            output = os.readlink(entry / "fd" / "1") if "experiments." in command else ""
        except OSError:
            continue
        # Copies of a worker have its command; they write below the directory. On a cluster's node, others do.
        is_its_own = "experiments.train" in command and f"--log_dir={log_dir}\0" in command
        if is_its_own or ("launch.worker" in command and output.startswith(f"{log_dir}/")):
            found.append(int(entry.name))
    return found


def kill(processes: Sequence[int], number: int = signal.SIGKILL) -> None:
    """Sends a signal, by default the one that no process can catch."""
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue


def is_refused(scene: Scene, log_dir: pathlib.Path) -> None:
    """Starts a sweep where another one is at work: it must end at once."""
    status, output, errors = scene.sweep(log_dir)
    assert (status, output) == (1, "")
    assert errors == (
        f"error: {log_dir}: another process is running a sweep there; wait for it, or use another --log_dir\n"
    )


def damage_newest_checkpoints(log_dir: pathlib.Path, how: str, position: float) -> list[pathlib.Path]:
    """The directories of the runs that have a checkpoint and are not done, whose newest one is damaged."""
    # Checkpoints of a run that is done are not read again.
    begun = [directory for directory in run_directories(log_dir) if checkpoints(directory)]
    unfinished = [directory for directory in begun if not run_directory.is_done(str(directory))]
    for directory in unfinished:
        alter(checkpoints(directory)[-1], how, position)
    return unfinished


def kill_sweep(process: "subprocess.Popen[str]", log_dir: pathlib.Path, with_trainings: bool) -> None:
    """Kills a sweep alone, as when memory runs out, or with its trainings at once, as when the power fails."""
    process.kill()
    if with_trainings:
        kill(trainings(log_dir))
    process.communicate()


def wait_until(condition: Callable[[], object], what: str, seconds: float = _PATIENCE) -> None:
    """Waits, and fails if the condition does not come to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def run_directories(log_dir: pathlib.Path) -> list[pathlib.Path]:
    """Those that exist by now."""
    return [pathlib.Path(directory) for directory in run_directory.find(str(log_dir))]


def checkpoints(log_dir: pathlib.Path) -> list[pathlib.Path]:
    """All checkpoints that exist by now."""
    return sorted(log_dir.rglob("epoch-*.npz"))


def alter(path: pathlib.Path, how: str, position: float = 0.5) -> None:
    """Flips a bit, at a share of the length, or cuts the file off there."""
    content = bytearray(path.read_bytes())
    index = int(position * (len(content) - 1))
    if how == "flip":
        content[index] ^= 0x10
    else:
        del content[index:]
    # In place, as failing hardware would.
    path.write_bytes(content)
