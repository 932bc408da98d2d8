"""Trains one configuration.

Example:
  python -m experiments.train --dataset=mnist --method=L2 --weight=0.01 --epochs=30 --seed=0 --log_dir=runs
"""

import dataclasses

from absl import flags

from collab_ensembles import files
from collab_ensembles.data import catalogue
from collab_ensembles.data.dataset import Dataset
from collab_ensembles.errors import ConfigError, UnavailableDataError
from collab_ensembles.runs import backends, kept_files, run_data, run_directory, start_weights, system_code
from collab_ensembles.runs.run_options import Options
from collab_ensembles.settings.config import RunConfig
from experiments import backend_flags, command_line, config_flags, path_flags, runtime
from experiments.launch import team_flags

# absl.logging has a flag of the same name, for log files that are not used here.
_LOG_DIR = path_flags.log_dir()
_DATA_DIR = path_flags.data_dir()
_STOP_AFTER = flags.DEFINE_integer(
    "stop_after", None, "stop after this many epochs, with the learning rates of a training of --epochs epochs"
)
_CHECKPOINT_EVERY = flags.DEFINE_integer("checkpoint_every", 1, "number of epochs between two checkpoints")
_END_WITH_STDIN = flags.DEFINE_bool(
    "end_with_stdin",
    False,
    "end when standard input is closed, which happens when the sweep that started this training dies",
)
_TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "also write scalars and settings for TensorBoard")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "check settings, data and networks, but train nothing")
_THREADS = flags.DEFINE_integer(
    "threads", None, "number of threads that compute; default: one for each core; with --executor=ray: 1 each"
)


def main(arguments: list[str]) -> None:
    """First checks everything that it can check quickly; then starts TensorFlow or JAX."""
    command_line.no_arguments(arguments)
    config = config_flags.config()
    backend_flags.check([config], _TENSORBOARD.value)
    team_flags.check(config)
    options = Options(
        _DATA_DIR.value,
        _STOP_AFTER.value,
        _CHECKPOINT_EVERY.value,
        tensorboard=_TENSORBOARD.value,
        change_backend=backend_flags.may_change(),
    )
    if options.stop_after and options.stop_after > config.epochs:
        raise ConfigError(
            f"--stop_after={options.stop_after}: the training has {config.epochs} epochs; allowed: 1 to {config.epochs}"
        )
    if _END_WITH_STDIN.value:
        runtime.end_with_stdin()
    runtime.check_threads(_THREADS.value)
    run_directory.check_format(_LOG_DIR.value)
    directory, kept = run_directory.find_run(_LOG_DIR.value, config)
    kept_files.check(config, directory)
    start_weights.check(config, directory)
    is_done = run_directory.is_done(directory, options.stop_after)
    backends.check_unchanged(directory, backend_flags.backend(), is_done, options.change_backend)
    if not is_done and catalogue.is_own(config.dataset):
        # Before their digest is recorded: data that do not fit may still be changed.
        config_flags.check_data([config])
    dataset = None
    try:
        dataset = run_data.load(config, options.data_dir, fetch=False)
    except UnavailableDataError as error:
        if is_done:
            run_data.warn_not_compared(directory, error)
        else:
            config_flags.check_data([config])
    if dataset is not None:
        run_data.check_unchanged(directory, run_data.facts(dataset), is_done)
    if is_done:
        system_code.warn_if_changed(directory, config.system)
        print(f"already trained, nothing to do: {directory}")
        return
    files.check_can_make(directory)
    if _DRY_RUN.value:
        _check(kept, directory, options, dataset)
        return
    threads = 1 if team_flags.on_ray() and _THREADS.value is None else _THREADS.value
    with team_flags.team(threads) as team:
        threads = backend_flags.start(threads)

        from collab_ensembles import environment
        from collab_ensembles.runs import run

        environment.warn_of_slow_bfloat16(config.precision)
        status = run.run(kept, directory, dataclasses.replace(options, threads=threads, team=team), dataset)
    errors = ", ".join(f"{output} {100 * error:.2f} %" for output, error in status.test_errors.items())
    trained = status.ended_after or status.epochs_done
    last = next((done for done in range(status.epochs_done, 0, -1) if config.is_tested(done - 1)), 0)
    tested = status.best_epoch or last
    of = "" if tested == trained else f", {trained} trained"
    print(f"test error after {tested} of {config.epochs} epochs{of}: {errors or 'none yet'}")
    print(f"statistics: {directory}")


def _check(config: RunConfig, directory: str, options: Options, dataset: Dataset | None) -> None:
    backend_flags.start(_THREADS.value)

    from collab_ensembles.runs import run

    run.check(config, directory, options, dataset)
    print(f"settings, data and networks fit: {directory}")


if __name__ == "__main__":
    command_line.launch(main, config_flags.of_system)
