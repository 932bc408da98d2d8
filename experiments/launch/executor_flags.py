"""The flags of a sweep that choose where its runs are computed."""

import os

from absl import flags

from collab_ensembles.errors import ConfigError
from collab_ensembles.machine import WAYS
from experiments import backend_flags, path_flags
from experiments.launch import ray_flags
from experiments.launch.executors import Executor

_EXECUTOR = flags.DEFINE_enum(
    "executor",
    "local",
    ["local", "ray", "device"],
    "where runs are computed: local: by processes on this machine; ray: by a Ray cluster; device: in one process, with "
    "--backend=jax",
)
_WAY = flags.DEFINE_enum(
    "way",
    WAYS[0],
    WAYS,
    "with --executor=device: how runs that share a program are computed: serial: one after another; unrolled: by turns "
    "in each step; vmap: all at once",
)
_CHECKPOINT_DIR = path_flags.define(
    "checkpoint_dir",
    None,
    "with --executor=ray: a directory that all nodes share; with it, a run whose node is lost continues from its "
    "checkpoint",
)


def on_ray() -> bool:
    """Whether Ray computes the runs."""
    return bool(_EXECUTOR.value == "ray")


def on_device() -> bool:
    """Whether this process computes the runs."""
    return bool(_EXECUTOR.value == "device")


def way() -> str:
    """How this process computes runs that share a program."""
    return str(_WAY.value)


def at_a_time(workers: str, runs: int) -> str:
    """What `--workers=auto` means if this process computes the runs; other values as they are."""
    return workers if workers != "auto" else "1" if way() == WAYS[0] else str(runs)


def check(log_dir: str, data_dir: str | None) -> None:
    """Raises ConfigError for values that are not allowed, and for flags of another `--executor`."""
    if on_device() != backend_flags.on_jax() and (on_device() or on_ray()):
        raise ConfigError(
            f"--executor={_EXECUTOR.value} with --backend={backend_flags.backend()}: allowed: device with jax, ray "
            "with tensorflow, local with both"
        )
    if _WAY.value != _WAY.default and not on_device():
        raise ConfigError(f"--way={_WAY.value} belongs to --executor=device; leave it out, or add --executor=device")
    ray_flags.check(on_ray(), _CHECKPOINT_DIR)
    if not on_ray():
        return
    for name, path in (("data_dir", data_dir), ("checkpoint_dir", _CHECKPOINT_DIR.value)):
        if path and not os.path.isabs(path):
            raise ConfigError(f"--{name}={path}: allowed with --executor=ray: an absolute path, since all nodes use it")
    if _CHECKPOINT_DIR.value and os.path.realpath(_CHECKPOINT_DIR.value) == os.path.realpath(log_dir):
        raise ConfigError(
            f"--checkpoint_dir={_CHECKPOINT_DIR.value}: the same as --log_dir, but finished runs are copied from here "
            "to there; give another directory on the shared disk"
        )


def ray_executor(log_dir: str, prepare: list[list[str]], workers: int | None, threads: int) -> Executor:
    """Connects to the cluster.

    Args:
      log_dir: the directory of the run directories, on this machine.
      prepare: the commands that prepare the data on a node; empty if there is nothing to prepare.
      workers: the number of runs at a time; None: as many as fit on the cluster.
      threads: the threads of each run.
    """
    facts = ray_flags.connect()

    from experiments.launch.ray_executor import Plan, RayExecutor

    return RayExecutor(Plan(log_dir, _CHECKPOINT_DIR.value, prepare, threads, ray_flags.gpus(), workers), facts)
