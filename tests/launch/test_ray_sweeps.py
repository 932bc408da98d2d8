"""Sweeps on a real Ray cluster of several nodes on this machine; `make test-ray` runs these tests.

Nodes are killed, sweeps interrupted: results are those of a sweep without Ray, bit for bit.
"""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from collab_ensembles.runs import run_directory
from faults.sweeps import Scene, checkpoints, kill, run_directories, statistics, trainings, wait_until

pytest.importorskip("ray")

from ray_nodes import SETTINGS, Nodes, nodes

pytestmark = [pytest.mark.ray, pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads /proc")]

_PATIENCE = 300.0


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Data, and a sweep without Ray; long enough to be disturbed."""
    scene = Scene(tmp_path_factory.mktemp("ray"), runs=2, epochs=12)
    scene.prepare()
    return scene


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster of one node, for all tests here."""
    with nodes(tmp_path_factory.mktemp("nodes")) as cluster:
        yield cluster


@pytest.fixture
def cluster(head: Nodes) -> Iterator[Nodes]:
    """A head that computes too; the nodes that a test adds end with it."""
    yield head
    head.kill_others()


@pytest.fixture
def log_dir(scene: Scene, request: pytest.FixtureRequest) -> Iterator[pathlib.Path]:
    with scene.log_dir_of(request.node.name) as log_dir:
        yield log_dir


def _start(scene: Scene, log_dir: pathlib.Path, address: str, *flags: str) -> "subprocess.Popen[str]":
    return scene.start(log_dir, "--executor=ray", f"--address={address}", "--workers=auto", *flags)


@contextlib.contextmanager
def _held_at_a_checkpoint(log_dir: pathlib.Path, runs: int) -> Iterator[list[int]]:
    """Waits until so many trainings have a checkpoint; each one stops there, so that none can end before the others."""
    held: list[int] = []

    def all_are() -> bool:
        for training in set(trainings(log_dir)).difference(held):
            directories = _locked_directories(training)
            if any(map(checkpoints, directories)):
                held.append(training)
                kill([training], signal.SIGSTOP)
                assert not any(run_directory.is_done(str(directory)) for directory in directories), "too fast to hold"
        return len(held) >= runs

    try:
        wait_until(all_are, f"{runs} trainings with a checkpoint")
        yield held
    finally:
        kill(held, signal.SIGCONT)


def _locked_directories(process: int) -> list[pathlib.Path]:
    """The run directories that a process trains."""
    found = []
    with contextlib.suppress(OSError):
        for link in pathlib.Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(pathlib.Path(os.readlink(link)))
    return [path.parent for path in found if path.name == "lock"]


def _is_told_to_end(process: int) -> bool:
    """Whether a stopped process will find a SIGTERM when it goes on, or is gone."""
    try:
        status = pathlib.Path(f"/proc/{process}/status").read_text()
    except OSError:
        return True
    pending = int(status.split("ShdPnd:")[1].split()[0], 16)
    return bool(pending & 1 << (signal.SIGTERM - 1))


def _output(process: "subprocess.Popen[str]", exit_status: int = 0) -> tuple[str, str]:
    output, errors = process.communicate(timeout=_PATIENCE)
    assert process.returncode == exit_status, output + errors
    # Nothing of Ray's own.
    assert "ray" not in output.replace(" of Ray with", "").lower()
    return output, errors


def _resumed(log_dir: pathlib.Path) -> list[list[int]]:
    return [run_directory.read_status(str(directory)).resumed for directory in run_directories(log_dir)]


@pytest.mark.parametrize("shared", [False, True])
def test_a_node_is_killed_during_a_sweep(shared: bool, scene: Scene, cluster: Nodes, log_dir: pathlib.Path) -> None:
    cluster.add("second")
    checkpoint_dir = scene.new_log_dir("shared")
    process = _start(scene, log_dir, cluster.address, *([f"--checkpoint_dir={checkpoint_dir}"] if shared else []))
    with _held_at_a_checkpoint(log_dir, runs=2) as held:
        parents = [_state(training)[1] for training in held]
        cluster.kill("second")
        # Until then, its training would not find its input closed, and would go on.
        wait_until(lambda: [_state(training)[1] for training in held] != parents, "the end of the node's worker")
    output, errors = _output(process)
    assert errors == ""
    assert "2 of 2 runs to train, on 2 node(s) and 2 CPU(s) of Ray with 1 thread(s) each" in output
    assert output.count("its process died once and was started again   on head") == 1
    assert output.count("   on head") == 2
    assert statistics(log_dir) == scene.expected
    scene.assert_recovers(log_dir)  # finds all runs finished, and prints the same tables
    assert [len(resumed) for resumed in sorted(_resumed(log_dir))] == ([0, 1] if shared else [0, 0])
    # The newest checkpoint has come back too.
    assert [path.name for path in checkpoints(log_dir)] == [f"epoch-{scene.epochs:05d}.npz"] * 2
    assert not trainings(log_dir)


def _state(process: int) -> tuple[str, int, int]:
    """The state of a process, its parent and its session; `X`, 0 and 0 if it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return "X", 0, 0
    return fields[0], int(fields[1]), int(fields[3])


def _living(session: int) -> list[int]:
    """The living processes of a session."""
    processes = [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]
    states = {process: _state(process) for process in processes}
    return [process for process, (state, _, own) in states.items() if own == session and state not in "ZX"]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="holds two trainings at once")
def test_ctrl_c_ends_everything_and_a_second_call_finishes(
    scene: Scene, log_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    flags = ["local", f"--checkpoint_dir={scene.new_log_dir('shared')}"]
    process = _start(scene, log_dir, *flags)
    with _held_at_a_checkpoint(log_dir, runs=2) as held:
        os.killpg(process.pid, signal.SIGINT)
        start = time.monotonic()
        wait_until(lambda: all(map(_is_told_to_end, held)), "the end of the trainings is asked for", 20.0)
    _, errors = _output(process, 130)
    assert time.monotonic() - start < 30
    assert errors == "interrupted; run the same command again to continue\n"
    assert not trainings(log_dir)
    wait_until(lambda: not _living(process.pid), "the end of Ray's processes")
    assert not run_directories(log_dir)
    _output(_start(scene, log_dir, *flags))
    assert statistics(log_dir) == scene.expected
    assert [len(resumed) for resumed in _resumed(log_dir)] == [1, 1]


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143)])
def test_trainings_end_with_their_sweep(
    number: int, expected: int, scene: Scene, cluster: Nodes, log_dir: pathlib.Path
) -> None:
    process = _start(scene, log_dir, cluster.address)
    wait_until(lambda: trainings(log_dir), "a training")
    process.send_signal(number)
    start = time.monotonic()
    _output(process, expected)
    wait_until(lambda: not trainings(log_dir), "the end of the trainings")
    assert time.monotonic() - start < 15


def test_a_run_whose_process_dies_again_and_again_fails(scene: Scene, cluster: Nodes, log_dir: pathlib.Path) -> None:
    process = _start(dataclasses.replace(scene, runs=1), log_dir, cluster.address)
    killed: set[int] = set()
    while process.poll() is None:
        # Ray gives its processes the names of their tasks.
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if (entry / "cmdline").read_text().startswith("ray::L2 0.0001, seed 0"):
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed.add(int(entry.name))
        time.sleep(0.2)
    output, errors = _output(process, 1)
    assert len(killed) == 4
    assert errors.startswith("failed: L2 0.0001, seed 0: lost 4 times with its process or node: ")
    assert errors.count("\n") == 1
    assert "FAILED: lost 4 times" in output
    assert not trainings(log_dir)


def test_a_node_of_other_versions_gets_no_more_runs(
    scene: Scene, cluster: Nodes, log_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "numpy-0.1.dist-info").mkdir()
    (tmp_path / "numpy-0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n")
    cluster.add("old", variables={"PYTHONPATH": str(tmp_path)})
    output, errors = _output(_start(scene, log_dir, cluster.address, "--nosend_package"))
    assert errors.startswith("warning: old: numpy is 0.1, on the driver ")
    assert errors.endswith("; install the same as on the driver; this node gets no more runs\n")
    assert errors.count("\n") == 1
    assert output.count("   on head") == 2
    assert statistics(log_dir) == scene.expected


def test_the_code_that_is_sent_counts_and_not_what_a_node_has(
    scene: Scene, cluster: Nodes, log_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for package in ("collab_ensembles", "experiments"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError('the node has other code')\n")
    cluster.add("other", variables={"PYTHONPATH": str(tmp_path)})
    output, errors = _output(_start(scene, log_dir, cluster.address))
    assert errors == ""
    assert output.count("   on head") == output.count("   on other") == 1
    assert statistics(log_dir) == scene.expected
    installed = scene.new_log_dir("installed")
    output, errors = _output(_start(scene, installed, cluster.address, "--nosend_package", "--epochs=1"))
    assert errors.startswith("warning: other: collab-ensembles is ")
    assert errors.endswith("; install the same as on the driver; this node gets no more runs\n")
    assert output.count("   on head") == 2


def test_when_no_node_can_get_the_data_each_run_says_so(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory, log_dir: pathlib.Path
) -> None:
    offline = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    directory = tmp_path_factory.mktemp("offline")
    with nodes(directory, head_cpus=0) as cluster:
        for name in ("one", "two"):
            cluster.add(name, variables={**offline, "XDG_CACHE_HOME": str(directory)})
        flags = ["--dataset=cifar100", f"--data_dir={directory / 'data'}"]
        output, errors = _output(_start(scene, log_dir, cluster.address, *flags), 1)
    assert "cannot fetch cifar100" in output
    lines = errors.splitlines()
    assert [line.split(":")[0] for line in lines] == ["warning", "failed", "failed"]
    for line in lines[1:]:
        assert "cannot fetch cifar100: tensorflow-datasets: " in line
        assert line.endswith("connect to a network and try again")
    assert not run_directories(log_dir)


def test_what_cannot_be_computed_by_any_node_or_without_its_token_is_one_line(
    scene: Scene, cluster: Nodes, log_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, errors = _output(_start(scene, log_dir, cluster.address, "--threads=64"), 2)
    assert errors.startswith(
        "error: --threads=64 --gpus=0: no node has so many; the cluster's 1 node(s) have at most 1 CPU(s) "
    )
    assert errors.count("\n") == 1
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another")
    start = time.monotonic()
    _, errors = _output(_start(scene, log_dir, cluster.address), 1)
    assert errors.startswith(f"error: --address={cluster.address}: the cluster asks for a token; set RAY_AUTH_MODE=")
    assert errors.count("\n") == 1
    assert time.monotonic() - start < 30
