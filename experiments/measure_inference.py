"""Measures the cost of inference of the members of a finished run: parameters, and seconds per image.

The members are rebuilt from plain Keras layers, as in `experiments.export`. They process random images in batches on
one thread. The cost of the ensemble is that of all its members. The command writes inference.json into the directory of
the data set, where `analysis.report` finds it.

Example:
  python -m experiments.measure_inference --log_dir=runs --dataset=mnist
"""

import math
import os
import statistics
import time

from absl import flags

from collab_ensembles import files
from collab_ensembles.data import catalogue
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.runs import run_directory
from collab_ensembles.settings.config import RunConfig
from experiments import command_line, path_flags, runtime

_LOG_DIR = path_flags.log_dir()
_DATASET = flags.DEFINE_string("dataset", "digits", "the data set whose members are measured")

_IMAGES = 2_000
_BATCH = 100
_REPETITIONS = 5


def main(arguments: list[str]) -> None:
    """Measures the members of the first finished plain ensemble; all runs of its setting have the same networks."""
    command_line.no_arguments(arguments)
    catalogue.check_name(_DATASET.value)
    directory = finished_run(os.path.join(_LOG_DIR.value, catalogue.label(_DATASET.value)), _DATASET.value)
    runtime.start_tensorflow(1)

    import numpy as np
    import tensorflow as tf

    from collab_ensembles.networks.exported import with_stock_layers
    from collab_ensembles.runs import run_model

    model, status = run_model.restore(directory)
    assert status.data is not None
    pixels = np.random.default_rng(0).integers(0, 256, (_BATCH, *status.data.image_shape))
    batch = tf.constant(pixels, tf.float32)
    rows = []
    for name, member in model.members.items():
        answer = tf.function(with_stock_layers(member), autograph=False)
        seconds = []
        for repetition in range(_REPETITIONS + 1):
            start = time.perf_counter()
            for _ in range(_IMAGES // _BATCH):
                answer(batch)
            # The first one traces the graph.
            seconds += [time.perf_counter() - start] if repetition else []
        parameters = sum(math.prod(variable.shape) for variable in member.trainable_variables)
        rows.append(
            {"model": name, "parameters": parameters, "seconds_per_image": statistics.median(seconds) / _IMAGES}
        )
    total = {key: sum(float(row[key]) for row in rows) for key in ("parameters", "seconds_per_image")}
    rows.append(
        {"model": "Ens", "parameters": int(total["parameters"]), "seconds_per_image": total["seconds_per_image"]}
    )
    path = os.path.join(_LOG_DIR.value, catalogue.label(_DATASET.value), "inference.json")
    files.write_json(path, {"measured_on": os.path.basename(directory), "models": rows})
    for row in rows:
        microseconds = 1e6 * float(str(row["seconds_per_image"]))
        print(f"{row['model']}: {row['parameters']:,} parameters, {microseconds:.0f} microseconds an image")
    print(f"written: {path}")


def finished_run(log_dir: str, dataset: str) -> str:
    """The directory of the first finished plain ensemble on these data, with the default networks if possible.

    Raises:
      RunDirectoryError: there is none, or there are several with different networks.
    """
    found: dict[tuple[object, ...], str] = {}
    for directory, config in run_directory.find_known(log_dir):
        plain = config.description() == "plain" and len(config.members) > 1
        if plain and catalogue.is_same(config.dataset, dataset) and run_directory.finished(directory):
            found.setdefault(_networks(config), directory)
    if not found:
        raise RunDirectoryError(f"{log_dir}: no finished plain ensemble to measure; train one with experiments.sweep")
    default = _networks(RunConfig(dataset=dataset))
    if default not in found and len(found) > 1:
        raise RunDirectoryError(
            f"{log_dir}: plain ensembles of different networks, {', '.join(map(os.path.basename, found.values()))}; "
            "keep each in its own log directory"
        )
    return found.get(default) or next(iter(found.values()))


def _networks(config: RunConfig) -> tuple[object, ...]:
    """All settings that affect the cost of the members."""
    return config.members, config.resnet


if __name__ == "__main__":
    command_line.launch(main)
