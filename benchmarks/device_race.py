"""Measures how fast JAX trains runs of ST and M in one way; chooses the fastest of several ways for a grid.

A line of JSON for each measurement: images a second over whole epochs (test and statistics included), the seconds that
the first epoch took more, which are those of compilation, and the bytes that XLA expects a step to move. `share` is
the time that these bytes take at the speed of a copy, of the time that a step took.

Example:
  python -m benchmarks.device_race --way=vmap --runs=4 >> race.jsonl
  python -m benchmarks.device_race --choose=race.jsonl
"""

import json
import subprocess
import sys
import time
from typing import Any

from absl import flags

from collab_ensembles.machine import WAYS
from experiments import command_line, runtime

_PROCESSES = "processes"

_WAY = flags.DEFINE_enum(
    "way", WAYS[0], [*WAYS, _PROCESSES], "how runs are computed together; processes: each by itself, side by side"
)
_RUNS = flags.DEFINE_integer("runs", 1, "how many")
_STEPS = flags.DEFINE_integer("steps", 200, "steps of 64 images in an epoch")
_EPOCHS = flags.DEFINE_integer("epochs", 3, "epochs after the first one")
_MEMBERS = flags.DEFINE_list("members", ["ST", "M"], "the networks")
_SIDE = flags.DEFINE_integer("side", 28, "height and width of the images")
_TF32 = flags.DEFINE_bool("tf32", False, "see experiments.train")
_PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "mixed_bfloat16"], "see experiments.train")
_CHOOSE = flags.DEFINE_string("choose", None, "a file of such lines: print the flags of a sweep in the fastest way")

_BATCH, _TEST = 64, 500
_GRID_RUNS, _GRID_PROGRAMS, _GRID_IMAGES = 13, 4, 30 * 60_000
"""Of the grid of Noel (2017) on MNIST: runs, programs, and images of a run."""


def main(arguments: list[str]) -> None:
    """Measures, or chooses."""
    command_line.no_arguments(arguments)
    if _CHOOSE.value:
        with open(_CHOOSE.value, encoding="utf-8") as file:
            print(chosen([json.loads(line) for line in file if line.startswith("{")]))
    elif _WAY.value == _PROCESSES:
        print(json.dumps(_side_by_side()), flush=True)
    else:
        print(json.dumps(_measured()), flush=True)


def chosen(lines: list[dict[str, Any]]) -> str:
    """The flags of the way that would train the grid first, in exact float32.

    Args:
      lines: measurements, of which those that failed are not there.
    """
    able = [each for each in lines if each["precision"] == "float32" and not each["tf32"]]
    best = min(able, key=grid_seconds, default={"way": WAYS[0], "runs": 1})
    if best["way"] == _PROCESSES:
        return f"--executor=local --workers={best['runs']}"
    return f"--executor=device --way={best['way']} --workers={best['runs']}"


def grid_seconds(line: dict[str, Any]) -> float:
    """The seconds that the grid would take: compilations, and images at the measured speed."""
    # Each process compiles for each of its runs.
    compilations = _GRID_RUNS / line["runs"] if line["way"] == _PROCESSES else _GRID_PROGRAMS
    return float(compilations * line["compile_seconds"] + _GRID_RUNS * _GRID_IMAGES / line["images_per_second"])


def _side_by_side() -> dict[str, Any]:
    """Several processes of this command at the same time, and the sum of their speeds."""
    same = [argument for argument in sys.argv[1:] if not argument.startswith(("--way", "--runs"))]
    command = [sys.executable, "-m", "benchmarks.device_race", "--way=serial", "--runs=1", *same]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_RUNS.value)]
    lines = [json.loads(process.communicate()[0]) for process in started]
    speed = sum(line["images_per_second"] for line in lines)
    slowest = max(line["compile_seconds"] for line in lines)
    share = sum(line["share"] for line in lines)
    return {
        **lines[0],
        "way": _PROCESSES,
        "runs": _RUNS.value,
        "images_per_second": speed,
        "compile_seconds": slowest,
        "share": share,
    }


def _measured() -> dict[str, Any]:
    runtime.start_jax(None, _TF32.value)

    import jax
    import numpy as np

    from collab_ensembles.data.batch_manager import BatchManager
    from collab_ensembles.methods.assembly import build_model, compile_for_training
    from collab_ensembles.models.compiled_epoch import Device
    from collab_ensembles.runs import compiled_fit
    from collab_ensembles.settings.config import RunConfig

    random = np.random.default_rng(0)
    shape, number = (_SIDE.value, _SIDE.value, 1), _STEPS.value * _BATCH
    images = random.integers(0, 256, (number + _TEST, *shape), np.uint8)
    labels = random.integers(0, 10, number + _TEST).astype(np.int32)
    epochs = range(_EPOCHS.value + 1)
    device, trainings = Device(_WAY.value), []
    for seed in range(_RUNS.value):
        settings: dict[str, Any] = {"method": "L2", "weight": 0.01, "seed": seed, "precision": _PRECISION.value}
        config = RunConfig(dataset="mnist", members=tuple(_MEMBERS.value), epochs=len(epochs), **settings)
        model = build_model(config, shape, 10)
        compile_for_training(model, config)
        batches = BatchManager(images[:number], labels[:number], _BATCH, seed=seed)
        test = BatchManager(images[number:], labels[number:], _TEST)
        trainings.append(compiled_fit.fit(model, config, batches, test, "", epochs, []))
    seconds = []
    for _ in epochs:
        together = [next(training) for training in trainings]
        begun = time.monotonic()
        groups = [[each] for each in together] if _WAY.value == WAYS[0] else [together]
        for group in groups:
            device.compute(group)
        seconds.append(time.monotonic() - begun)
    epoch = min(seconds[1:])
    step = epoch / _STEPS.value / (_RUNS.value if _WAY.value == WAYS[0] else 1)
    costs = device.programs["train", together[0].program, len(groups[0])].cost_analysis() or {}
    moved = float(costs.get("bytes accessed", 0.0))
    return {
        "device": jax.devices()[0].device_kind,
        "way": _WAY.value,
        "runs": _RUNS.value,
        "precision": _PRECISION.value,
        "tf32": _TF32.value,
        "steps": _STEPS.value,
        "images_per_second": _RUNS.value * number / epoch,
        "compile_seconds": seconds[0] - epoch,
        "step_microseconds": 1e6 * step,
        "step_megabytes": moved / 1e6,
        "share": moved / _copied_per_second() / step,
    }


def _copied_per_second() -> float:
    """Bytes a second that a copy reads and writes on the device."""
    import jax
    import jax.numpy as jnp

    values = jnp.zeros(2**26, jnp.float32)
    copy = jax.jit(lambda each: each + 1)
    copy(values).block_until_ready()
    begun = time.monotonic()
    for _ in range(20):
        values = copy(values)
    values.block_until_ready()
    return 20 * 2 * values.nbytes / (time.monotonic() - begun)


if __name__ == "__main__":
    command_line.launch(main)
