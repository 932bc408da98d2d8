"""Measures speed and memory, in one run on one machine, and writes benchmarks/results/latest.json.

Every rate is a median over repetitions of 25 steps in fresh, warm processes, and over the rounds. Ratios
are what counts, since machines differ and are shared: they are taken within a round. PyTorch is
measured if it is installed (`pip install -e '.[bench]'`).

Example:
  python -m benchmarks.bench --rounds=3
"""

import dataclasses
import importlib.metadata
import os
import platform
import subprocess
import sys
from typing import Any

from absl import flags

from benchmarks import arithmetic, tables
from benchmarks.processes import measure
from benchmarks.workloads import Workload
from collab_ensembles import files
from collab_ensembles.machine import processor
from experiments import command_line, path_flags, runtime

_ROUNDS = flags.DEFINE_integer("rounds", 3, "how often each comparison is measured, interleaved")
_OUT = path_flags.define("out", "benchmarks/results/latest.json", "where the results go")
_QUICK = flags.DEFINE_bool("quick", False, "few steps: to try the benchmark out, not to report")

_MNIST = (28, 28, 1)
_CIFAR = (32, 32, 3)
Measurement = tuple[Workload, int]


def main(arguments: list[str]) -> None:
    """Measures everything and writes JSON and a Markdown table."""
    command_line.no_arguments(arguments)
    # Before a quarter of an hour of measuring, not after it.
    files.make_directory(os.path.dirname(os.path.abspath(_OUT.value)))
    cores = runtime.available_cores()
    results: dict[str, Any] = {"machine": _machine(cores), "images_per_second": _interleaved(_comparisons(cores))}
    results["limit"] = _limits(cores)
    results["memory"] = _memory()
    files.write_json(_OUT.value, results)
    text = tables.markdown(results)
    files.write_bytes(_OUT.value.replace(".json", ".md"), text.encode())
    print(text)
    print(f"written: {_OUT.value}")


def _comparisons(cores: int) -> dict[str, Measurement]:
    ours = Workload(threads=1)
    measurements: dict[str, Measurement] = {
        "stock": (Workload(kind="stock"), 1),
        "one process": (Workload(threads=cores), 1),
        "float32": (ours, cores),
        "no collaboration": (dataclasses.replace(ours, method="plain"), cores),
        "mixed_bfloat16": (dataclasses.replace(ours, precision="mixed_bfloat16"), cores),
    }
    for count in (1, 2, 4, 8):
        members = dataclasses.replace(ours, members=("ST",) * count, method="plain")
        measurements[f"{count} members"] = (members, cores)
    if _has_torch():
        for precision in ("float32", "mixed_bfloat16"):
            for compiled in (False, True):
                peer = Workload("torch", 1, precision, compiled=compiled)
                measurements[f"torch {precision}{' compiled' if compiled else ''}"] = (peer, cores)
    else:
        print("PyTorch is not installed: its comparison is left out; pip install -e '.[bench]'", file=sys.stderr)
    return measurements


def _interleaved(measurements: dict[str, Measurement]) -> dict[str, list[float]]:
    """Images a second by name; a round measures each once, so that a slow minute hits all alike.

    Every other round goes backwards: what is measured after another is not always so.
    """
    rates: dict[str, list[float]] = {name: [] for name in measurements}
    for number in range(_ROUNDS.value):
        for name, (workload, processes) in list(measurements.items())[:: -1 if number % 2 else 1]:
            if _QUICK.value:
                workload = dataclasses.replace(workload, steps=10, repetitions=2)
            result = measure(workload, processes)
            rates[name].append(result.images_per_second)
            print(f"round {number + 1}: {name}: {result.images_per_second:.0f} images/s", file=sys.stderr, flush=True)
    return rates


def _limits(cores: int) -> dict[str, float]:
    """Images a second that the measured rate of matrix products would allow, on all cores."""
    flop = arithmetic.step_flop(("ST", "M"), _MNIST)
    limits: dict[str, float] = {"flop_per_image": float(flop)}
    for dtype in ("float32", "bfloat16"):
        commands = [[sys.executable, "-m", "benchmarks.arithmetic", dtype]] * cores
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
        rate = sum(float(process.communicate()[0]) for process in running)
        limits[f"{dtype}_flop_per_second"] = rate
        limits[f"{dtype}_images_per_second"] = rate / flop
    return limits


def _memory() -> dict[str, int]:
    """The memory of a training process in bytes, beside the memory-mapped data."""
    mapped = Workload(threads=1, repetitions=2, memory_mapped=True)
    workloads = {
        "MNIST": dataclasses.replace(mapped, examples=60_000),
        "CIFAR-10": dataclasses.replace(mapped, examples=50_000, image_shape=_CIFAR),
        "500,000 images of 28 x 28": dataclasses.replace(mapped, examples=500_000),
    }
    return {name: measure(workload).memory_bytes for name, workload in workloads.items()}


def _has_torch() -> bool:
    try:
        importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _machine(cores: int) -> dict[str, Any]:
    packages = ["tensorflow", "keras", "numpy", *(["torch"] if _has_torch() else [])]
    return {
        "processor": processor(),
        "cores": cores,
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
    }


if __name__ == "__main__":
    command_line.launch(main)
