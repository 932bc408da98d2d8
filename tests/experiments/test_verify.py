"""experiments.verify: the same run again, and what is said of it."""

import pathlib
import pickle

import numpy as np
import pytest

from command_runner import run
from experiments.verify import compare


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(0.0, "identical"), (1e-9, "within rounding"), (5e-4, "within rounding"), (0.01, "differs")],
)
def test_a_series_is_identical_within_rounding_or_different(change: float, verdict: str) -> None:
    recorded = np.array([0.5, 0.25, 0.125])
    repeated = recorded + np.array([0, change, 0])
    received, remark = compare(recorded, repeated)
    assert received == verdict
    assert remark == "" if change == 0 else "most in epoch 2: 0.25 then" in remark


def test_a_number_in_place_of_one_that_is_none_differs() -> None:
    assert compare(np.array([np.nan]), np.array([0.1]))[0] == "differs"


def test_a_run_is_trained_again_and_compared(tmp_path: pathlib.Path) -> None:
    options = ["--dataset=digits", "--members=B1R1F2,B1R1F3", "--train_limit=96", "--epochs=4", "--stop_after=2"]
    trained = run("experiments.train", *options, "--threads=1", f"--log_dir={tmp_path}")
    assert trained.exit_status == 0, trained.errors
    (directory,) = (path.parent for path in tmp_path.rglob("config.json"))
    same = run("experiments.verify", str(directory))
    assert (same.exit_status, same.errors) == (0, "")
    assert same.output.splitlines()[-1] == "20 statistics of 2 epochs: 20 identical"

    (path,) = directory.glob("*_Ensemble.pkl")
    content = pickle.loads(path.read_bytes())
    content["test_errors"][1] += 0.1
    path.write_bytes(pickle.dumps(content))
    other = run("experiments.verify", str(directory))
    assert other.exit_status == 1
    assert other.output.splitlines()[-1] == "20 statistics of 2 epochs: 19 identical, 1 differs"
    assert "ensemble test_errors: differs (most in epoch 2" in other.output


def test_what_is_no_trained_run_is_refused(tmp_path: pathlib.Path) -> None:
    result = run("experiments.verify", str(tmp_path))
    assert result.exit_status == 1
    assert "no such file; give the directory of a run" in result.errors
    assert result.errors.count("\n") == 1
