"""Which of Keras' backends trains a run: TensorFlow, the default, or JAX. Imports nothing heavy.

The backend is no setting of a run: the directories and files are the same. But it decides the numbers, since initial
values are drawn in another way. So a run keeps the backend that it began with, and status.json names it.
"""

from collections.abc import Mapping
from typing import Any

from collab_ensembles.errors import ConfigError, OtherBackendError
from collab_ensembles.machine import TENSORFLOW
from collab_ensembles.runs import run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig


def of(status: Status) -> str:
    """The backend that trained a run, or trained it last; before the first epoch an empty text."""
    return _named(status.environment)


def all_of(status: Status) -> str:
    """The same of all attempts: `jax`, or `tensorflow and jax`."""
    named = dict.fromkeys(map(_named, (*status.earlier_environments, status.environment)))
    return " and ".join(each for each in named if each)


def _named(environment: Mapping[str, Any]) -> str:
    # Until there was a choice, it was not recorded.
    return str(environment.get("backend", TENSORFLOW)) if environment else ""


def check_system(config: RunConfig, backend: str) -> None:
    """Raises ConfigError if a backend cannot train such runs."""
    if backend != TENSORFLOW and config.tensorflow_only:
        raise ConfigError(f"--backend={backend}: does not train with {config.tensorflow_only}; leave one of them out")
    if backend not in registry.method(config.system).backends:
        able = [name for name in registry.usable() if backend in registry.method(name).backends]
        raise ConfigError(
            f"--backend={backend}: trains {', '.join(able)}; received --system={config.system}; leave --backend out"
        )


def check_unchanged(directory: str, backend: str, is_done: bool, change: bool = False) -> None:
    """Raises OtherBackendError if a directory has results or usable checkpoints of another backend.

    Args:
      directory: the run directory; it may be missing.
      backend: the backend that is to train the run.
      is_done: as `run_directory.is_done` says.
      change: the run may go on from checkpoints of another backend.
    """
    if change and not is_done:
        return
    status = run_directory.begun_status(directory, is_done)
    before = of(status) if status is not None else ""
    if before not in ("", backend):
        remedy = "use another --log_dir" if is_done else "add --change_backend to go on, or use another --log_dir"
        raise OtherBackendError(f"{directory}: was trained with {before}; received --backend={backend}; {remedy}")
