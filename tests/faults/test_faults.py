"""A sweep is killed, damaged and starved; its results are those of the undisturbed one, to the bit."""

import ctypes
import os
import pathlib
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable

import pytest
from sweeps import (
    Scene,
    alter,
    checkpoints,
    kill,
    kill_sweep,
    run_directories,
    trainings,
    wait_until,
)

Survived = Callable[..., None]

_DROP_FROM_BOUNDING_SET, _OVERRIDE_PERMISSIONS = 24, 1
"""Of prctl(2): PR_CAPBSET_DROP and CAP_DAC_OVERRIDE, without which root too keeps to permissions."""


@pytest.fixture(scope="module")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether all faults are tried (`make faults`), or a few of each kind (`make test`)."""
    return bool(pytestconfig.getoption("--all-faults"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, thorough: bool) -> Scene:
    """Data and the undisturbed sweep."""
    scene = Scene(tmp_path_factory.mktemp("faults"), runs=4 if thorough else 2, epochs=24 if thorough else 6)
    scene.prepare()
    return scene


@pytest.fixture
def log_dir(scene: Scene, request: pytest.FixtureRequest) -> pathlib.Path:
    """A log directory for one test."""
    return scene.new_log_dir("".join(c if c.isalnum() else "_" for c in request.node.name))


def test_kill_9_at_random_moments(scene: Scene, log_dir: pathlib.Path, thorough: bool, survived: Survived) -> None:
    moments = random.Random(20170602)
    kills = 30 if thorough else 4
    for number in range(kills):
        process = scene.start(log_dir)
        time.sleep(moments.uniform(0.3, 14.0 if thorough else 7.0))
        kill_sweep(process, log_dir, with_trainings=number % 2 == 0)
    scene.assert_recovers(log_dir)
    survived("kill -9 of the sweep, alone or with its trainings, at random moments", kills)


def test_trainings_end_when_their_sweep_is_killed(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    process = scene.start(log_dir)
    wait_until(lambda: checkpoints(log_dir), "the first checkpoint")
    kill_sweep(process, log_dir, with_trainings=False)
    start = time.monotonic()
    wait_until(lambda: not trainings(log_dir), "the end of the trainings")
    assert time.monotonic() - start < 10
    survived("kill -9 of the sweep: its trainings end by themselves")


def test_a_killed_training_is_started_again(
    scene: Scene, log_dir: pathlib.Path, thorough: bool, survived: Survived
) -> None:
    for number in range(3 if thorough else 1):
        shutil.rmtree(log_dir, ignore_errors=True)
        process = scene.start(log_dir)
        wait_until(lambda: checkpoints(log_dir), "the first checkpoint")
        kill(trainings(log_dir)[number % 2 :][:1])
        output, errors = process.communicate(timeout=240)
        assert process.returncode == 0, output + errors
        assert "its process died once and was started again" in output
        scene.assert_recovers(log_dir)
        survived("kill -9 of a single training")


@pytest.mark.parametrize("how", ["flip", "cut"])
def test_the_newest_checkpoint_is_damaged(
    how: str, scene: Scene, log_dir: pathlib.Path, thorough: bool, survived: Survived
) -> None:
    for position in (0.01, 0.3, 0.6, 0.9, 0.99) if thorough else (0.3,):
        shutil.rmtree(log_dir, ignore_errors=True)
        process = scene.start(log_dir)
        wait_until(lambda: len(checkpoints(log_dir)) >= 4, "two checkpoints of two runs")
        kill_sweep(process, log_dir, with_trainings=True)
        damaged = [directory for directory in run_directories(log_dir) if checkpoints(directory)]
        for directory in damaged:
            alter(checkpoints(directory)[-1], how, position)
        scene.assert_recovers(log_dir)
        logs = "".join((directory / "output.log").read_text() for directory in damaged)
        assert logs.count("truncated or altered") >= 1
        survived(f"newest checkpoint damaged ({how})", len(damaged))


@pytest.mark.parametrize("how", ["flip", "cut"])
@pytest.mark.parametrize("name", ["*.pkl", "status.json"])
def test_a_file_of_a_finished_run_is_damaged(
    name: str, how: str, scene: Scene, log_dir: pathlib.Path, thorough: bool, survived: Survived
) -> None:
    shutil.copytree(scene.directory / "undisturbed", log_dir)
    for position in (0.02, 0.2, 0.5, 0.8, 0.98) if thorough else (0.5,):
        path = sorted(run_directories(log_dir)[1].glob(name))[0]
        alter(path, how, position)
        errors = scene.assert_recovers(log_dir)
        # A flipped bit in the text of status.json can leave another valid text, such as of a version.
        assert path.name in errors or (name, how) == ("status.json", "flip")
        survived(f"{name} of a finished run damaged ({how})")


def test_the_data_cache_is_damaged(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    for how in ("flip", "cut"):
        shutil.rmtree(log_dir, ignore_errors=True)
        images = max(scene.data_dir.rglob("images.npy"), key=lambda path: path.stat().st_size)
        alter(images, how)
        errors = scene.assert_recovers(log_dir)
        assert "damaged (its digest differs); it is made again" in errors or how == "cut"
        assert "it is made again" in errors
        survived(f"data cache damaged ({how})")


def test_the_disk_is_full(scene: Scene, log_dir: pathlib.Path, thorough: bool, survived: Survived) -> None:
    for limit in (5_000, 10_000, 20_000) if thorough else (20_000,):
        shutil.rmtree(log_dir, ignore_errors=True)
        # No file can grow beyond this: the error is another, its handling the same.
        status, output, errors = scene.sweep(
            log_dir, before=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        )
        assert status == 1, output + errors
        assert "cannot write" in errors
        assert "make room" in errors
        assert "Traceback" not in output + errors
        scene.assert_recovers(log_dir)
        survived("disk full")


def test_the_log_directory_is_read_only(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    log_dir.mkdir()
    log_dir.chmod(0o555)

    def keep_to_permissions() -> None:
        if os.getuid() == 0:
            ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _OVERRIDE_PERMISSIONS, 0, 0, 0)

    status, output, errors = scene.sweep(log_dir, before=keep_to_permissions)
    assert (status, output) == (1, "")
    assert errors.startswith(f"error: cannot write {log_dir}/lock: Permission denied; make room or permit writing")
    assert errors.count("\n") == 1
    log_dir.chmod(0o755)
    scene.assert_recovers(log_dir)
    survived("log directory read-only")


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_stops_at_once_when_told_to(
    number: int, expected: int, scene: Scene, log_dir: pathlib.Path, thorough: bool, survived: Survived
) -> None:
    for after_checkpoints in (0, 1, 5) if thorough else (1,):
        shutil.rmtree(log_dir, ignore_errors=True)
        process = scene.start(log_dir)
        wait_until(lambda: trainings(log_dir), "trainings")
        wait_until(lambda least=after_checkpoints: len(checkpoints(log_dir)) >= least, "checkpoints")
        kept = len(checkpoints(log_dir))
        start = time.monotonic()
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == expected
        assert time.monotonic() - start < 12
        assert not trainings(log_dir)
        assert len(checkpoints(log_dir)) >= min(kept, 1)
        scene.assert_recovers(log_dir)
        survived(f"{signal.Signals(number).name} to the sweep")


def test_a_second_sweep_is_refused_and_harms_nothing(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    process = scene.start(log_dir)
    wait_until(lambda: trainings(log_dir), "a training")
    status, output, errors = scene.sweep(log_dir)
    assert (status, output) == (1, "")
    assert errors == (
        f"error: {log_dir}: another process is running a sweep there; wait for it, or give another --log_dir\n"
    )
    process.communicate(timeout=240)
    assert process.returncode == 0
    scene.assert_recovers(log_dir)
    survived("two sweeps on one log directory")
