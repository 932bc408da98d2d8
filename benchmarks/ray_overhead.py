"""Measures what Ray adds to a run: connecting, processes, the return of the files; writes benchmarks/results/ray.md.

Clusters of this machine alone compute one run after the other, each of which does no more than copy the files of a
finished one. The first prepares the data, as in any sweep.

Example:
  python -m benchmarks.ray_overhead runs/digits/RUN_DIRECTORY --dataset=digits
"""

import os
import subprocess
import sys
import tempfile
import time

from absl import flags

from collab_ensembles import files
from collab_ensembles.errors import CollabError
from collab_ensembles.machine import processor
from collab_ensembles.runs import run_directory
from experiments import command_line, path_flags, runtime
from experiments.launch import ray_cluster, returned_files
from experiments.launch.executors import Executor, LocalExecutor, Task
from experiments.progress import failure

_RUNS = flags.DEFINE_integer("runs", 8, "how many runs to compute here, and on Ray")
_DATASET = flags.DEFINE_string("dataset", "digits", "the data that are prepared")
_OUT = path_flags.define("out", "benchmarks/results/ray.md", "where the numbers go")

_COPY = (
    "import shutil, sys; log_dir = [each[10:] for each in sys.argv if each.startswith('--log_dir=')][-1]; "
    "shutil.copytree({!r}, log_dir + '/' + {!r}, dirs_exist_ok=True)"
)


def main(arguments: list[str]) -> None:
    """Computes the runs here and on Ray, and writes seconds a run."""
    finished = os.path.abspath(command_line.one_argument(arguments, "the directory of a finished run"))
    run_directory.read_config(finished)
    content = returned_files.collect(finished)
    prepare = [sys.executable, "-m", "experiments.prepare", f"--dataset={_DATASET.value}"]
    subprocess.run(prepare, check=True)
    with tempfile.TemporaryDirectory() as log_dir:
        here = _seconds(LocalExecutor(1), log_dir, "here", finished)
        start = time.monotonic()
        executor = _on_ray(log_dir, prepare)
        connecting = time.monotonic() - start
        on_ray = _seconds(executor, log_dir, "ray", finished)
        writing = _seconds_to_write(os.path.join(log_dir, "written", os.path.basename(finished)), content)
    import ray

    rows = {
        f"{_RUNS.value} subprocesses without Ray": f"{here:.2f} s a run",
        "starting a cluster here (`--address=local`)": f"{connecting:.1f} s, once",
        f"{_RUNS.value} runs on Ray, the first of which prepares the data": f"{on_ray:.2f} s a run",
        "checking and writing the files of a run on the driver": f"{writing:.2f} s",
    }
    text = (
        f"{processor()}, {runtime.available_cores()} cores, load {os.getloadavg()[0]:.1f}; Ray {ray.__version__}. Runs "
        f"that copy {len(content)} files of {sum(map(len, content.values())):,} bytes; data: {_DATASET.value}.\n\n"
    )
    text += "| | |\n|---|---:|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    files.write_bytes(_OUT.value, text.encode())
    print(text)


def _on_ray(log_dir: str, prepare: list[str]) -> Executor:
    facts = ray_cluster.connect(ray_cluster.LOCAL, send_package=True)

    from experiments.launch.ray_executor import Plan, RayExecutor

    return RayExecutor(Plan(log_dir, None, [prepare], cpus=1, gpus=0, workers=1), facts)


def _seconds(executor: Executor, log_dir: str, kind: str, finished: str) -> float:
    """The time of a run, one at a time, that copies the files of a finished one."""
    tasks = []
    for index in range(_RUNS.value):
        run = os.path.join(kind, str(index), os.path.basename(finished))
        command = [sys.executable, "-c", _COPY.format(finished, run), f"--log_dir={log_dir}"]
        tasks.append(Task(run, command, os.path.join(log_dir, run)))
    start = time.monotonic()
    executor.compute(tasks, lambda: None)
    seconds = (time.monotonic() - start) / len(tasks)
    for task in tasks:
        if task.exit_status != 0:
            raise CollabError(f"{task.name}: {failure(task)}")
    return seconds


def _seconds_to_write(directory: str, content: dict[str, bytes]) -> float:
    start = time.monotonic()
    returned_files.write(directory, content, is_done=True)
    return time.monotonic() - start


if __name__ == "__main__":
    command_line.launch(main)
