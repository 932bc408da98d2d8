"""Which of several runs experiments.measure_inference measures."""

import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np

from collab_ensembles.runs import naming, run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig
from command_runner import REPOSITORY, environment

# In a process of its own: flags are there for good.
_ASK = """
import sys
sys.path.insert(0, sys.argv[1])
from collab_ensembles.errors import RunDirectoryError
from experiments import measure_inference
try:
    print(measure_inference.finished_run(*sys.argv[2:]))
except RunDirectoryError as error:
    print("refused:", error)
"""


def _run(log_dir: pathlib.Path, state: str = "done", **settings: Any) -> str:
    """The directory of a run that has only been noted down."""
    config = RunConfig(**settings)
    directory = naming.run_directory(str(log_dir), config)
    run_directory.write_config(directory, config)
    run_directory.write_status(directory, Status(state=state))
    return directory


def _measured(log_dir: pathlib.Path, dataset: str) -> str:
    """What is measured, or why nothing is; `dataset` is found in the log directory."""
    command = [sys.executable, "-c", _ASK, str(REPOSITORY), str(log_dir), dataset]
    result = subprocess.run(command, cwd=log_dir, env=environment(), capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_a_file_of_ones_own_is_found_by_a_relative_path(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "own.npz")
    directory = _run(tmp_path, dataset=str(tmp_path / "own.npz"))
    assert _measured(tmp_path, "own.npz") == directory
    assert _measured(tmp_path, os.path.join("no", "..", "own.npz")) == directory
    assert "no finished plain ensemble" in _measured(tmp_path, "other.npz")


def test_of_several_networks_the_default_ones_are_measured_and_no_others_by_chance(tmp_path: pathlib.Path) -> None:
    others = {_run(tmp_path, members=("ST", "ST"), seed=1), _run(tmp_path, resnet="fixed")}
    _run(tmp_path, state="running")
    _run(tmp_path, method="L2")
    refused = _measured(tmp_path, "digits")
    assert refused.startswith("refused: ")
    assert all(os.path.basename(directory) in refused for directory in others)
    defaults = {_run(tmp_path, seed=seed, epochs=epochs) for seed in (0, 1, 2) for epochs in (10, 30)}
    assert _measured(tmp_path, "digits") in defaults
