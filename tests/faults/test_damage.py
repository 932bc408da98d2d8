"""Files of a sweep are damaged, or cannot be written; the results are those of an undisturbed one, to the bit.

`make test` has one fault of each kind in test_each_kind.py; others go the same ways, or are tried within a process.
"""

import ctypes
import os
import pathlib
import resource
import shutil
from collections.abc import Callable

import pytest

from faults.sweeps import (
    Scene,
    alter,
    checkpoints,
    damage_newest_checkpoints,
    kill_sweep,
    run_directories,
    trainings,
    wait_until,
)

Survived = Callable[..., None]

_DROP_FROM_BOUNDING_SET, _OVERRIDE_PERMISSIONS = 24, 1
"""Of prctl(2): PR_CAPBSET_DROP and CAP_DAC_OVERRIDE, without which root too keeps to permissions."""


@pytest.mark.usefixtures("long")
def test_the_newest_checkpoint_is_damaged(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    for how in ("flip", "cut"):
        for position in (0.01, 0.3, 0.6, 0.9, 0.99):
            damaged = _cut_off(scene, log_dir, how, position)
            scene.assert_recovers(log_dir)
            for directory in damaged:
                assert "truncated or changed" in (directory / "output.log").read_text()
            survived(f"newest checkpoint damaged ({how})", len(damaged))


def _cut_off(scene: Scene, log_dir: pathlib.Path, how: str, position: float) -> list[pathlib.Path]:
    """The directories of runs that were killed between their first checkpoint and their end, and then damaged."""
    for _ in range(5):
        shutil.rmtree(log_dir, ignore_errors=True)
        process = scene.start(log_dir)
        wait_until(lambda: len(checkpoints(log_dir)) >= 4, "two checkpoints of two runs")
        kill_sweep(process, log_dir, with_trainings=True)
        wait_until(lambda: not trainings(log_dir), "the end of the trainings")
        damaged = damage_newest_checkpoints(log_dir, how, position)
        if damaged:
            return damaged
    raise AssertionError("five times, all runs had ended before they could be killed")


@pytest.mark.usefixtures("long")
def test_a_file_of_a_finished_run_is_damaged(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    shutil.copytree(scene.directory / "undisturbed", log_dir)
    for name in ("*.pkl", "status.json"):
        for how in ("flip", "cut"):
            for position in (0.02, 0.2, 0.5, 0.8, 0.98):
                path = sorted(run_directories(log_dir)[1].glob(name))[0]
                alter(path, how, position)
                errors = scene.assert_recovers(log_dir)
                # A flipped bit in the text of status.json can leave another valid text, such as of a version.
                assert path.name in errors or (name, how) == ("status.json", "flip")
                survived(f"{name} of a finished run damaged ({how})")


@pytest.mark.usefixtures("long")
def test_the_data_cache_is_damaged(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    for how in ("flip", "cut"):
        shutil.rmtree(log_dir, ignore_errors=True)
        images = max(scene.data_dir.rglob("images.npy"), key=lambda path: path.stat().st_size)
        alter(images, how)
        errors = scene.assert_recovers(log_dir)
        assert "damaged (its digest differs); it is made again" in errors or how == "cut"
        assert "it is made again" in errors
        survived(f"data cache damaged ({how})")


@pytest.mark.usefixtures("long")
def test_the_disk_is_full(scene: Scene, log_dir: pathlib.Path, survived: Survived) -> None:
    for limit in (5_000, 10_000, 20_000):
        shutil.rmtree(log_dir, ignore_errors=True)
        # No file can grow beyond this: the error is another, its handling the same.
        status, output, errors = scene.sweep(
            log_dir, before=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        )
        assert status == 1, output + errors
        assert "cannot write" in errors
        assert "free some space" in errors
        assert "Traceback" not in output + errors
        scene.assert_recovers(log_dir)
        survived("disk full")


def test_the_log_directory_is_read_only(
    scene: Scene, log_dir: pathlib.Path, thorough: bool, survived: Survived
) -> None:
    log_dir.mkdir()
    log_dir.chmod(0o555)

    def keep_to_permissions() -> None:
        if os.getuid() == 0:
            ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _OVERRIDE_PERMISSIONS, 0, 0, 0)

    status, output, errors = scene.sweep(log_dir, before=keep_to_permissions)
    assert (status, output) == (1, "")
    assert errors.startswith(f"error: cannot write {log_dir}: Permission denied; allow writing there")
    assert errors.count("\n") == 1
    assert list(log_dir.iterdir()) == []
    if thorough:
        log_dir.chmod(0o755)
        scene.assert_recovers(log_dir)
    survived("log directory read-only")
