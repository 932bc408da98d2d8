"""The commands on JAX, in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = ("--dataset=digits", "--members=convnet2,convnet3", "--train_limit=64", "--batch_size=32")


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)


def test_a_sweep_in_one_process_trains_a_grid_and_prints_its_tables(tmp_path: Path) -> None:
    command = ("experiments.sweep", "--backend=jax", "--executor=device", *_RUN, "--epochs=1", f"--log_dir={tmp_path}")
    result = _run(*command)
    assert (result.returncode, result.stderr) == (0, "")
    assert "13 of 13 runs to train" in result.stdout
    assert "backend=jax" in result.stdout
    assert "| L1     |   0.01 |" in result.stdout
    statuses = [json.loads(path.read_text()) for path in tmp_path.glob("digits/*/status.json")]
    assert [status["state"] for status in statuses] == 13 * ["done"]
    assert {status["environment"]["backend"] for status in statuses} == {"jax"}
    again = _run(*command)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.count("skipped, finished") == 13
    # One of the runs, by the other command.
    same = ("experiments.train", *_RUN, "--epochs=1", "--method=L1", "--weight=0.01", f"--log_dir={tmp_path}")
    assert "already trained" in _run(*same, "--backend=jax").stdout
    other = _run(*same)
    assert other.returncode == 2
    assert "was trained with jax; received --backend=tensorflow" in other.stderr or "not installed" in other.stderr


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("experiments.train", ["--backend=jax", "--system=fdl"], "received --system=fdl"),
        ("experiments.train", ["--backend=jax", "--tensorboard"], "leave one out"),
        ("experiments.train", ["--tf32"], "--tf32 belongs to --backend=jax"),
        ("experiments.train", [], "TensorFlow is not installed"),
        ("experiments.sweep", ["--executor=device"], "allowed: device with jax"),
        ("experiments.sweep", ["--backend=jax", "--way=vmap"], "belongs to --executor=device"),
    ],
)
def test_bad_flags_are_refused_in_one_line(tmp_path: Path, module: str, arguments: list[str], message: str) -> None:
    result = _run(module, *arguments, f"--log_dir={tmp_path / 'runs'}")
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
