"""Trains a run again from its settings and compares the statistics.

On the same machine, with the same versions and the same number of threads, all are identical to the bit. "Within
rounding" means a difference of at most a thousandth: a relative difference for costs and distances, an absolute one for
errors and disagreement.

Example:
  python -m experiments.verify runs/digits/digits_collab_shallow_and_thin_and_medium_ensemble-seed0-0f9d3c3d
"""

import contextlib
import os
import tempfile
from typing import Any

import numpy as np
from absl import logging

from collab_ensembles.errors import RunDirectoryError, UnavailableDataError
from collab_ensembles.machine import TENSORFLOW
from collab_ensembles.runs import backends, kept_files, naming, run_data, run_directory, start_weights
from collab_ensembles.runs.unpickle import read_pickle
from collab_ensembles.settings.config import RunConfig
from experiments import command_line, path_flags, runtime

_DATA_DIR = path_flags.data_dir()

_ROUNDING = 1e-3
_NOTHING = np.zeros(0)
_VERDICTS = ("identical", "within rounding", "differs")


def main(arguments: list[str]) -> int:
    """Compares; returns 1 if any statistic differs by more than rounding."""
    directory = command_line.one_argument(arguments, "a run directory")
    config, status = run_directory.read_located(directory), run_directory.read_status(directory)
    if status.epochs_done == 0:
        raise RunDirectoryError(f"{directory}: nothing trained yet (state {status.state}); train the run first")
    for name in run_directory.changed_pickles(directory, status):
        logging.warning("%s: missing, or changed since it was written", os.path.join(directory, name))
    recorded = _statistics(directory, config, status.epochs_done)
    # The copies of the files that the run began with; the original files may have changed.
    config = start_weights.located(kept_files.located(config, directory), directory)
    # Local data that do not fit the run are refused before TensorFlow starts.
    with contextlib.suppress(UnavailableDataError):
        run_data.load_again(directory, _DATA_DIR.value, fetch=False)
    recorded_in = status.environment
    threads = runtime.start(
        backends.of(status) or TENSORFLOW, recorded_in.get("threads"), tf32=recorded_in.get("products") == runtime.TF32
    )

    from collab_ensembles.runs import run

    dataset = run_data.load_again(directory, _DATA_DIR.value)
    with tempfile.TemporaryDirectory() as again:
        options = run.Options(_DATA_DIR.value, stop_after=status.epochs_done, threads=threads)
        environment = run.run(config, again, options, dataset).environment
        repeated = _statistics(again, config, status.epochs_done)
    for key in sorted(key for key in environment if environment[key] != status.environment.get(key)):
        print(f"{key}: {status.environment.get(key)} then, {environment[key]} now")
    verdicts = []
    for name in sorted({*recorded, *repeated}):
        verdict, remark = compare(name, recorded.get(name, _NOTHING), repeated.get(name, _NOTHING))
        verdicts.append(verdict)
        print(f"{name}: {verdict}{remark}")
    counts = [f"{verdicts.count(verdict)} {verdict}" for verdict in _VERDICTS if verdict in verdicts]
    print(f"{len(verdicts)} statistics of {status.epochs_done} epochs: {', '.join(counts)}")
    return 1 if "differs" in verdicts else 0


def compare(name: str, recorded: np.ndarray, repeated: np.ndarray) -> tuple[str, str]:
    """Compares two series of one number for each epoch; returns the verdict and a remark.

    Args:
      name: such as `ST test_errors`; errors and disagreement are shares of all examples: their difference is absolute.
      recorded: [epochs].
      repeated: likewise.
    """
    if recorded.tobytes() == repeated.tobytes():
        return "identical", ""
    if recorded.shape != repeated.shape:
        return "differs", f" ({recorded.size} epochs then, {repeated.size} now)"
    # Epochs without a test are NaN in both.
    differences = np.where(np.isnan(recorded) & np.isnan(repeated), 0.0, np.abs(recorded - repeated))
    statistic = name.rpartition(" ")[2]
    share = "error" in statistic or "disagreement" in statistic
    relative, absolute = (0.0, _ROUNDING) if share else (_ROUNDING, 0.0)
    verdict = "within rounding" if np.allclose(recorded, repeated, relative, absolute, equal_nan=True) else "differs"
    epoch = int(np.argmax(differences))
    return verdict, f" (most in epoch {epoch + 1}: {recorded[epoch]:.6g} then, {repeated[epoch]:.6g} now)"


def _statistics(directory: str, config: RunConfig, epochs: int) -> dict[str, np.ndarray]:
    result = {}
    for output, stem in naming.statistics_names(config).items():
        content: Any = read_pickle(os.path.join(directory, f"{stem}.pkl"))
        if not isinstance(content, dict):
            raise RunDirectoryError(f"{directory}/{stem}.pkl: not a pickle of statistics")
        for key, value in content.items():
            if isinstance(value, np.ndarray):
                result[f"{output} {key}"] = value[:epochs]
    return result


if __name__ == "__main__":
    command_line.launch(main)
