"""Test errors of finished runs with batch-norm statistics taken anew, beside those with moving averages.

Moving averages lag behind weights that still move fast. How much of a test error is that lag? Twenty thousand training
images go through the networks as they are at the end, and the plain means of their statistics replace the averages.
That takes checkpoints; rows of runs that the table holds already, and whose checkpoints are gone, stay.

Example:
  python -m benchmarks.batch_statistics --log_dir=runs/mnist-grid
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from absl import flags

from collab_ensembles import files
from collab_ensembles.errors import DataError
from collab_ensembles.runs import naming, run_directory
from experiments import command_line, path_flags, runtime

_BATCHES, _BATCH_SIZE = 40, 500


def main(arguments: list[str]) -> None:
    """Evaluates all finished runs of a log directory, and adds them to the table."""
    command_line.no_arguments(arguments)
    log_dir = flags.FLAGS.log_dir
    directories = [each for each in run_directory.find(log_dir) if run_directory.read_status(each).state == "done"]
    if not directories:
        raise DataError(f"{log_dir}: holds no finished run; train some with experiments.sweep")
    runtime.start_tensorflow(flags.FLAGS.threads)
    rows = []
    for directory in directories:
        rows += compare(directory, flags.FLAGS.data_dir)
        print(f"{directory}: done", flush=True)
    table = added(flags.FLAGS.out, pd.DataFrame(rows))
    files.make_directory(os.path.dirname(os.path.abspath(flags.FLAGS.out)))
    files.write_bytes(flags.FLAGS.out, table.to_csv(index=False, float_format="%.6g").encode())
    print(table.to_string(index=False))


def compare(directory: str, data_dir: str | None) -> list[dict[str, Any]]:
    """One row an output of a run: its test error in percent as recorded, and with statistics taken anew."""
    config, status = run_directory.read_config(directory), run_directory.read_status(directory)
    fresh = evaluate_anew(directory, data_dir)
    return [
        {
            "digest": config.digest()[:8],
            "run": naming.describe(config),
            "output": output,
            "moving_averages_percent": 100 * status.test_errors[output],
            "taken_anew_percent": 100 * fresh[f"{output}_error"],
        }
        for output in naming.statistics_names(config)
    ]


def evaluate_anew(directory: str, data_dir: str | None) -> dict[str, float]:
    """The test statistics of a run's newest checkpoint, see `run_model.evaluate`, with batch statistics taken anew."""
    from collab_ensembles.runs import run_data, run_model

    model, _ = run_model.restore(directory)
    data = run_data.load_again(directory, data_dir)
    rng = np.random.default_rng(0)
    size = min(_BATCH_SIZE, len(data.train_labels))
    batches = [np.sort(rng.choice(len(data.train_labels), size, replace=False)) for _ in range(_BATCHES)]
    take_statistics_anew(model, [data.train_images[rows] for rows in batches])
    return run_model.evaluate(model, data.test_images, data.test_labels)


def take_statistics_anew(model: Any, batches: Sequence[np.ndarray]) -> None:
    """Replaces the moving averages of batch normalisation by plain means over these batches of images."""
    for member in model.members.values():
        layers = [layer for layer in member.layers if hasattr(layer, "moving_mean")]
        for count, images in enumerate(batches):
            for layer in layers:
                layer.momentum = count / (count + 1)
            member(images.astype(np.float32), training=True)


def added(path: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The table at `path`, if there is one, with these rows of `compare` in place of those of the same runs."""
    if not os.path.exists(path):
        return rows
    earlier = pd.read_csv(path, dtype={"digest": str})
    return pd.concat([earlier[~earlier["digest"].isin(rows["digest"])], rows], ignore_index=True)


if __name__ == "__main__":
    path_flags.log_dir()
    path_flags.data_dir()
    flags.DEFINE_integer("threads", None, "threads of TensorFlow; default: as many as cores")
    path_flags.define("out", "benchmarks/results/batch_statistics.csv", "where the table goes")
    command_line.launch(main)
