"""Compares float32 with mixed_bfloat16 by the errors of the plain ensemble, over seeds.

Trains what is missing below the log directory (3 epochs of the schedule of 30: most of an hour on two
cores), and writes benchmarks/results/precision.md. Beside the statistics of a run stand its test errors
with batch-norm statistics taken anew: the moving averages lag behind weights that still move fast.

Example:
  python -m benchmarks.precision --log_dir=.local/precision
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from benchmarks.batch_statistics import evaluate_anew
from collab_ensembles import files
from collab_ensembles.runs import naming
from collab_ensembles.runs.unpickle import read_pickle
from collab_ensembles.settings.config import RunConfig
from experiments import command_line, config_flags, path_flags, runtime

_LOG_DIR = path_flags.log_dir()
_DATA_DIR = path_flags.data_dir()
_OUT = path_flags.define("out", "benchmarks/results/precision.md", "where the table goes")

_DATASETS = ("mnist", "cifar10")
_PRECISIONS = ("float32", "mixed_bfloat16")
_SEEDS = (0, 1, 2)
_EPOCHS = 3


def main(arguments: list[str]) -> None:
    """Trains, evaluates and writes the table."""
    command_line.no_arguments(arguments)
    configs = [
        RunConfig(dataset=dataset, precision=precision, seed=seed, epochs=30)
        for dataset in _DATASETS
        for seed in _SEEDS
        for precision in _PRECISIONS
    ]
    with ThreadPoolExecutor(runtime.available_cores()) as pool:
        list(pool.map(_train, configs))
    runtime.start_tensorflow(None)
    rows = [row for config in configs for row in _errors(config)]
    text = _table(pd.DataFrame(rows))
    files.make_directory(os.path.dirname(os.path.abspath(_OUT.value)))
    files.write_bytes(_OUT.value, text.encode())
    print(text)


def _train(config: RunConfig) -> None:
    command = [sys.executable, "-m", "experiments.train", *config_flags.arguments(config), "--threads=1"]
    command += [f"--stop_after={_EPOCHS}", f"--log_dir={_LOG_DIR.value}"]
    if _DATA_DIR.value:
        command.append(f"--data_dir={_DATA_DIR.value}")
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _errors(config: RunConfig) -> list[dict[str, object]]:
    """One row an output, errors in percent."""
    directory = naming.run_directory(_LOG_DIR.value, config)
    fresh = evaluate_anew(directory, _DATA_DIR.value)
    rows = []
    for output, stem in naming.statistics_names(config).items():
        content = read_pickle(os.path.join(directory, f"{stem}.pkl"))
        measures = {
            "training, mean of epoch 3": content["train_errors_mean"][_EPOCHS - 1],
            "test": content["test_errors"][_EPOCHS - 1],
            "test, statistics anew": fresh[f"{output}_error"],
        }
        for measure, error in measures.items():
            rows.append(
                {
                    "data set": config.dataset,
                    "output": output,
                    "error": measure,
                    "precision": config.precision,
                    "seed": config.seed,
                    "percent": 100 * float(error),
                }
            )
    return rows


def _table(rows: pd.DataFrame) -> str:
    """Mean and standard deviation over the seeds, and the difference in units of its standard error."""
    keys = ["data set", "error", "output"]
    lines = [
        f"Plain ensemble after {_EPOCHS} of 30 epochs, error in percent: mean and standard deviation over seeds "
        f"{', '.join(map(str, _SEEDS))}. Difference: mixed_bfloat16 less float32, and in standard errors.",
        "",
        f"| {' | '.join(keys)} | float32 | mixed_bfloat16 | difference | standard errors |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for key, group in rows.groupby(keys, sort=False):
        names = map(str, key)
        exact, mixed = (group[group["precision"] == precision]["percent"] for precision in _PRECISIONS)
        difference = mixed.mean() - exact.mean()
        standard_error = np.sqrt((exact.var() + mixed.var()) / len(_SEEDS))
        cells = [f"{each.mean():.2f} ± {each.std():.2f}" for each in (exact, mixed)]
        lines.append(
            f"| {' | '.join(names)} | {' | '.join(cells)} | {difference:+.2f} | {difference / standard_error:+.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    command_line.launch(main)
