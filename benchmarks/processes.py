"""Measures a workload in one process, or in several that start together."""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.workloads import Workload


@dataclasses.dataclass(frozen=True)
class Result:
    """What several processes did together.

    Attributes:
      images_per_second: the sum over the processes of their medians.
      spread: the largest relative deviation of a repetition from its process's median.
      memory_bytes: the largest memory of a process at its end, memory-mapped files aside.
    """

    images_per_second: float
    spread: float
    memory_bytes: int


def measure(workload: Workload, processes: int = 1) -> Result:
    """Runs the workload in fresh processes, which begin to measure when all are warm.

    Raises:
      RuntimeError: a process failed.
    """
    command = [sys.executable, "-m", "benchmarks.workloads", json.dumps(dataclasses.asdict(workload))]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if workload.threads is not None:
        environment["OMP_NUM_THREADS"] = str(workload.threads)
    running = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return _combined([_outcome(process) for process in running])


def _outcome(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output, errors = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"a measuring process failed: {errors.strip().splitlines()[-1:]}")
    outcome: dict[str, Any] = json.loads(output.splitlines()[-1])
    return outcome


def _combined(outcomes: list[dict[str, Any]]) -> Result:
    medians = [statistics.median(outcome["images_per_second"]) for outcome in outcomes]
    spread = max(
        abs(rate / median - 1)
        for outcome, median in zip(outcomes, medians, strict=True)
        for rate in outcome["images_per_second"]
    )
    return Result(sum(medians), spread, max(outcome["memory_bytes"] for outcome in outcomes))
