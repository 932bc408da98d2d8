"""Sweeps whose runs fail: the interpreter they are given does nothing but fail."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from command_runner import REPOSITORY, environment

_SWEEP = """
import sys
from experiments import command_line, config_flags, sweep
sys.executable = "/bin/false"
if {prepared}:
    sweep._prepare_data = lambda config: None
command_line.launch(sweep.main, config_flags.of_grid)
"""


def _sweep(prepared: bool, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _SWEEP.format(prepared=prepared), *flags]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def own_data(tmp_path: pathlib.Path) -> str:
    images, labels = np.zeros((99, 8, 8), np.uint8), np.zeros(99, int)
    np.savez(tmp_path / "own.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    return f"--dataset={tmp_path / 'own.npz'}"


def test_when_all_runs_fail_each_is_named_with_its_directory(tmp_path: pathlib.Path, own_data: str) -> None:
    result = _sweep(True, own_data, f"--log_dir={tmp_path / 'runs'}", "--seeds=3")
    assert result.returncode == 1
    failed = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 13
    assert any(line.startswith("failed: L2 0.01, seed 3: exit status 1") for line in failed)
    assert all(f"see {tmp_path / 'runs' / 'own'}/" in line for line in failed)
    assert "Traceback" not in result.stderr
    assert result.stdout.count("FAILED: exit status 1") == 13


def test_no_run_is_started_when_the_data_cannot_be_prepared(tmp_path: pathlib.Path) -> None:
    result = _sweep(False, "--dataset=mnist", f"--log_dir={tmp_path / 'runs'}")
    # What is wrong, the failing command has said itself.
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "")
    assert not (tmp_path / "runs").exists()
