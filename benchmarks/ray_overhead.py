"""Measures what Ray adds to a run: connecting, processes, the check of the data, the return of the files.

Starts clusters of this machine alone, which compute one run after the other: runs that do nothing, or no
more than copy the files of a finished one. The numbers stand in docs/SCALING.md.

Example:
  python -m benchmarks.ray_overhead runs/digits/RUN_DIRECTORY
"""

import os
import subprocess
import sys
import tempfile
import time

from absl import flags

from collab_ensembles import run_directory
from collab_ensembles.errors import CollabError
from experiments import command_line, ray_cluster, returned_files
from experiments.executors import Executor, LocalExecutor, Task
from experiments.progress import failure

_RUNS = flags.DEFINE_integer("runs", 8, "how many runs of each kind to compute")
_DATASET = flags.DEFINE_string("dataset", "digits", "the data that are checked")

_NOTHING = [sys.executable, "-c", "pass"]
_COPY = "import shutil, sys; shutil.copytree({!r}, sys.argv[1].split('=')[1] + '/' + {!r}, dirs_exist_ok=True)"


def main(arguments: list[str]) -> None:
    """Computes the runs here, on Ray, and on Ray with data and files, and prints seconds a run."""
    finished = os.path.normpath(command_line.one_argument(arguments, "the directory of a finished run"))
    run_directory.read_config(finished)
    content = returned_files.collect(finished)
    print(f"files of a run: {len(content)}, {sum(map(len, content.values())):,} bytes")
    prepare = [sys.executable, "-m", "experiments.prepare", f"--dataset={_DATASET.value}"]
    subprocess.run(prepare, check=True)
    with tempfile.TemporaryDirectory() as log_dir:
        print(f"here, doing nothing: {_seconds(LocalExecutor(1), log_dir, 'here'):.2f} s a run")
        seconds = _seconds(_on_ray(log_dir, _NOTHING), log_dir, "ray")
        print(f"on Ray, doing nothing: {seconds:.2f} s a run")
        seconds = _seconds(_on_ray(log_dir, prepare), log_dir, "data")
        print(f"with the check of the data: {seconds:.2f} s a run")
        seconds = _seconds(_on_ray(log_dir, prepare), log_dir, "files", finished)
        print(f"with the check of the data and the files: {seconds:.2f} s a run")


def _on_ray(log_dir: str, prepare: list[str]) -> Executor:
    start = time.monotonic()
    facts = ray_cluster.connect(ray_cluster.LOCAL, send_package=True)
    print(f"cluster started here: {time.monotonic() - start:.1f} s")

    from experiments.ray_executor import Plan, RayExecutor

    return RayExecutor(Plan(log_dir, None, prepare, cpus=1, gpus=0, workers=1), facts)


def _seconds(executor: Executor, log_dir: str, kind: str, finished: str = "") -> float:
    """The time of a run, one at a time, that copies the files of a finished one if that is given."""
    tasks = []
    for index in range(_RUNS.value):
        run = os.path.join(kind, str(index), os.path.basename(finished))
        command = [sys.executable, "-c", _COPY.format(finished, run)] if finished else _NOTHING
        tasks.append(Task(run, command, os.path.join(log_dir, run)))
    start = time.monotonic()
    executor.compute(tasks, lambda: None)
    seconds = (time.monotonic() - start) / len(tasks)
    for task in tasks:
        if finished and task.exit_status != 0:
            raise CollabError(f"{task.name}: {failure(task)}")
    return seconds


if __name__ == "__main__":
    command_line.launch(main)
