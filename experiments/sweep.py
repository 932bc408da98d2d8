"""Trains a grid of configurations, several at a time, and prints the tables.

Finished runs are skipped. After an interruption, the same command continues.

Example:
  python -m experiments.sweep --grid=noel --dataset=mnist --log_dir=runs --seeds=0,1,2
On a GPU, by JAX, in one process (docs/GPU.md):
  python -m experiments.sweep --grid=noel --dataset=mnist --backend=jax --executor=device
On the machines of a Ray cluster (docs/SCALING.md):
  python -m experiments.sweep --grid=noel --dataset=mnist --executor=ray --address=10.0.0.1:6379
"""

import contextlib
import os
import shlex
import subprocess
import sys

from absl import flags, logging

from collab_ensembles import files
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, UnavailableDataError
from collab_ensembles.networks import own_files
from collab_ensembles.runs import backends, naming, run_data, run_directory, system_code
from collab_ensembles.runs.run_directory import DataFacts
from collab_ensembles.runs.run_options import Options
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import names, plan
from experiments import backend_flags, command_line, config_flags, path_flags, runtime, time_needed
from experiments.launch import executor_flags, ray_cluster
from experiments.launch.executors import Executor, LocalExecutor, Task
from experiments.live_report import LiveReport, live_report
from experiments.progress import LastingConsole, Progress, Row, failure

_SEEDS = flags.DEFINE_list("seeds", ["0"], "seeds, separated by commas; the grid is trained once for each of them")
_LOG_DIR = path_flags.log_dir()
_DATA_DIR = path_flags.data_dir()
_WORKERS = flags.DEFINE_string(
    "workers",
    "auto",
    "number of runs at a time; auto: one for each core; with --executor=ray: as many as fit on the cluster; with "
    "--executor=device: one, or, with another --way than serial, all that share a program",
)
_THREADS = flags.DEFINE_integer(
    "threads",
    None,
    "number of threads of each run; default: the cores divided among the workers; with --executor=ray: 1",
)
_CHECKPOINT_EVERY = flags.DEFINE_integer("checkpoint_every", 1, "number of epochs between two checkpoints")
_TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "also write scalars and settings for TensorBoard")
_REPORT = path_flags.define(
    "report",
    None,
    "a page (.html) with progress, time left and the results so far, written after each run that ends, and at the end; "
    "default: none",
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "print the commands but train nothing")
_MEASURE = flags.DEFINE_bool(
    "measure",
    False,
    "with --dry_run: also print how long the sweep will take here, from three epochs of a run for each set of members",
)

_PREPARE = "experiments.prepare"
"""The module that fetches and verifies data."""


def main(arguments: list[str]) -> int:
    """Plans, trains and reports; returns 1 if any run has failed."""
    command_line.no_arguments(arguments)
    configs = plan(flags.FLAGS.grid, config_flags.settings(), _seeds())
    runtime.check_threads(_THREADS.value)
    # Settings that are not allowed are refused here, once, and not by each run.
    executor_flags.check(_LOG_DIR.value, _DATA_DIR.value)
    backend_flags.check(configs, _TENSORBOARD.value)
    for config in configs:
        registry.check_team(config, with_team=False)
    if _MEASURE.value and (not _DRY_RUN.value or executor_flags.on_ray() or executor_flags.on_device()):
        raise ConfigError("--measure: allowed with --dry_run, and with the default --executor")
    if _MEASURE.value and any(config.needed_runs() for config in configs):
        raise ConfigError(
            f"--measure: the runs of --grid={flags.FLAGS.grid} first train others to their end; leave it out"
        )
    if _REPORT.value is not None and not _REPORT.value.endswith(".html"):
        raise ConfigError(f"--report={_REPORT.value}: the name of the page must end in .html")
    Options(checkpoint_every=_CHECKPOINT_EVERY.value, tensorboard=_TENSORBOARD.value)
    workers = min(_workers(len(configs)), len(configs))
    processes = 1 if executor_flags.on_device() else workers
    threads = _THREADS.value or (1 if executor_flags.on_ray() else max(1, runtime.available_cores() // processes))
    if not executor_flags.on_ray() and processes * threads > runtime.available_cores():
        logging.warning(
            "%d workers of %d thread(s) on %d cores: they will wait for each other",
            processes,
            threads,
            runtime.available_cores(),
        )
    rows = _rows(configs, threads)
    config_flags.check_data(config for config, row in zip(configs, rows, strict=True) if row.task is not None)
    if _DRY_RUN.value:
        for row in rows:
            print(shlex.join(row.task.command) if row.task else f"# {row.name}: skipped, {row.note}")
        if _MEASURE.value:
            _prepare_data(configs)
            print(f"# {time_needed.of_sweep(configs, rows, workers, not backend_flags.on_jax())}")
        return 0
    files.check_can_make(_LOG_DIR.value)
    if _REPORT.value is not None:
        files.check_can_make(os.path.dirname(os.path.abspath(_REPORT.value)))
        if os.path.isdir(_REPORT.value):
            raise ConfigError(f"--report={_REPORT.value}: a directory; give the name of a file")
    if os.path.exists(os.path.join(_LOG_DIR.value, "lock")):
        with _lock():
            # Checks that no other sweep runs there, without leaving a new lock file if the data are refused.
            pass
    # All checks come before anything is written.
    if not executor_flags.on_ray() and any(row.task is not None for row in rows):
        _prepare_data(configs)
        _check_own_networks(configs, rows)
    _check_unchanged(configs, rows)
    files.make_directory(_LOG_DIR.value)
    with _lock():
        return _sweep(configs, rows, workers, threads)


def _lock() -> contextlib.AbstractContextManager[None]:
    return run_directory.lock(_LOG_DIR.value, "running a sweep there")


def _check_unchanged(configs: list[RunConfig], rows: list[Row]) -> None:
    """Raises an error if runs have results of other data, or of another backend; does not start TensorFlow.

    Warns of test images that runs would learn from without labels.
    """
    for row in rows:
        backends.check_unchanged(row.directory, backend_flags.backend(), row.task is None, backend_flags.may_change())
    facts: dict[object, DataFacts | None] = {}
    for config, row in zip(configs, rows, strict=True):
        data = run_data.key(config)
        if data not in facts:
            try:
                dataset = run_data.load(config, _DATA_DIR.value, fetch=False)
            except UnavailableDataError as error:
                facts[data] = None
                if any(row.task is None for row in rows):
                    run_data.warn_not_compared(_LOG_DIR.value, error)
            else:
                # What the runs say themselves stands in their files alone.
                run_data.warn_of_test_images(dataset)
                facts[data] = run_data.facts(dataset)
        if present := facts[data]:
            run_data.check_unchanged(row.directory, present, row.task is None)


def _sweep(configs: list[RunConfig], rows: list[Row], workers: int, threads: int) -> int:
    tasks = [row.task for row in rows if row.task is not None]
    executor: Executor = LocalExecutor(workers)
    if tasks:
        executor, where = _executor(configs, workers, threads)
        print(f"{len(tasks)} of {len(rows)} runs to train, {where} with {threads} thread(s) each")
    with Progress(rows, LastingConsole()) as progress, live_report(_REPORT.value, _LOG_DIR.value, progress) as page:
        executor.compute(tasks, lambda: _watch(progress, page))
    failed = [task for task in tasks if task.exit_status != 0]
    for task in failed:
        see = "" if task.error else f"; see {task.directory}"
        print(f"failed: {task.name}: {failure(task)}{see}", file=sys.stderr)
    # What the sweep has trained is no worse for tables or a page that cannot be written.
    if len(failed) < len(rows):
        _status_of("analysis.tables", f"--log_dir={_LOG_DIR.value}", f"--dataset={configs[0].dataset}")
    if _REPORT.value:
        _status_of("analysis.report", f"--log_dir={_LOG_DIR.value}", f"--out={_REPORT.value}")
    return 1 if failed else 0


def _watch(progress: Progress, page: LiveReport | None) -> None:
    progress.refresh()
    if page is not None:
        page.watch()


def _executor(configs: list[RunConfig], workers: int, threads: int) -> tuple[Executor, str]:
    """The executor of the runs, and a description of it for people."""
    if executor_flags.on_device():
        return _device_executor(configs, workers, threads), f"at most {workers} at a time, {executor_flags.way()},"
    if not executor_flags.on_ray():
        # JAX has threads from the start, and cannot be forked.
        return LocalExecutor(workers, preload=not backend_flags.on_jax()), f"{workers} at a time"
    prepare = [[sys.executable, "-m", _PREPARE, *flags_of_data] for flags_of_data in _prepare_flags(configs)]
    most = None if _WORKERS.value == "auto" else workers
    return executor_flags.ray_executor(_LOG_DIR.value, prepare, most, threads), ray_cluster.describe()


def _device_executor(configs: list[RunConfig], workers: int, threads: int) -> Executor:
    threads = backend_flags.start(threads)

    from experiments.launch.device_executor import DeviceExecutor

    options = Options(
        _DATA_DIR.value,
        checkpoint_every=_CHECKPOINT_EVERY.value,
        threads=threads,
        change_backend=backend_flags.may_change(),
    )
    found = dict(run_directory.find_run(_LOG_DIR.value, config) for config in configs)
    return DeviceExecutor(found, options, executor_flags.way(), workers)


def _rows(configs: list[RunConfig], threads: int) -> list[Row]:
    run_directory.check_format(_LOG_DIR.value)
    return [_row(config, name, threads) for config, name in zip(configs, names(configs), strict=True)]


def _row(config: RunConfig, name: str, threads: int) -> Row:
    directory, _ = run_directory.find_run(_LOG_DIR.value, config)
    if run_directory.is_done(directory):
        system_code.warn_if_changed(directory, config.system)
        return Row(None, config.epochs, directory, name, f"finished in {directory}")
    if executor_flags.on_ray():
        # Nodes do not have a run that began before its folder was moved: it starts again under its new name.
        directory = naming.run_directory(_LOG_DIR.value, config)
    command = [sys.executable, "-m", "experiments.train", *config_flags.arguments(config)]
    command += [*backend_flags.arguments(), f"--log_dir={_LOG_DIR.value}", f"--threads={threads}"]
    if _CHECKPOINT_EVERY.value != 1:
        command.append(f"--checkpoint_every={_CHECKPOINT_EVERY.value}")
    if _TENSORBOARD.value:
        command.append("--tensorboard")
    command += _data_dir()
    return Row(Task(name, command, directory), config.epochs, directory, name)


def _prepare_data(configs: list[RunConfig]) -> None:
    """Fetches the data once, in a separate process; otherwise several runs would do so at the same time."""
    for flags_of_data in _prepare_flags(configs):
        _run(_PREPARE, *flags_of_data)


def _check_own_networks(configs: list[RunConfig], rows: list[Row]) -> None:
    """Makes the networks of the user's files once, in a separate process, so that not each run has to refuse them."""
    tasks = {config.members: row.task for config, row in zip(configs, rows, strict=True) if row.task is not None}
    for members, task in tasks.items():
        if own_files.in_files(members):
            _run(*task.command[2:], "--dry_run")


def _prepare_flags(configs: list[RunConfig]) -> list[list[str]]:
    """Those for each data set of a sweep; none for a folder of images, which each run reads itself."""
    unlabelled = sorted({config.unlabelled_data for config in configs} - {"", "rest"})
    found = [[f"--dataset={name}"] for name in unlabelled]
    dataset, split = configs[0].dataset, configs[0].split
    if not catalogue.is_folder(dataset):
        found.insert(0, [f"--dataset={dataset}", f"--split={split}"])
    return [[*each, *_data_dir()] for each in found]


def _data_dir() -> list[str]:
    return [f"--data_dir={_DATA_DIR.value}"] if _DATA_DIR.value else []


def _run(module: str, *options: str) -> None:
    """Runs another command. If that fails, it has printed why, and this process ends with the same exit status."""
    if status := _status_of(module, *options):
        raise SystemExit(status)


def _status_of(module: str, *options: str) -> int:
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", module, *options], stdin=subprocess.DEVNULL).returncode


def _seeds() -> list[int]:
    try:
        seeds = [int(seed) for seed in _SEEDS.value]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise ConfigError(f"--seeds={','.join(_SEEDS.value)}: allowed: different whole numbers from 0, such as 0,1,2")
    return seeds


def _workers(runs: int) -> int:
    given = executor_flags.at_a_time(_WORKERS.value, runs) if executor_flags.on_device() else _WORKERS.value
    if given == "auto":
        return runtime.available_cores()
    try:
        workers = int(given)
    except ValueError:
        workers = 0
    if workers < 1:
        raise ConfigError(f"--workers={_WORKERS.value}: allowed: auto, or whole numbers from 1")
    return workers


if __name__ == "__main__":
    command_line.launch(main, config_flags.of_grid)
