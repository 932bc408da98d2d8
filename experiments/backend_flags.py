"""The flags that choose Keras' backend, for the commands that train."""

from collections.abc import Sequence

from absl import flags

from collab_ensembles.errors import ConfigError
from collab_ensembles.machine import JAX, TENSORFLOW
from collab_ensembles.runs import backends
from collab_ensembles.settings.config import RunConfig
from experiments import runtime

_BACKEND = flags.DEFINE_enum(
    "backend",
    TENSORFLOW,
    [TENSORFLOW, JAX],
    "what trains: tensorflow; or jax: each epoch as one compiled program, for a GPU (docs/GPU.md)",
)
_CHANGE_BACKEND = flags.DEFINE_bool(
    "change_backend", False, "go on with a run that another backend began, from its checkpoint"
)
_TF32 = flags.DEFINE_bool(
    "tf32", False, "with --backend=jax: on a GPU, multiply float32 in TensorFloat-32, which is faster and less exact"
)


def backend() -> str:
    """The backend that is to train."""
    return str(_BACKEND.value)


def on_jax() -> bool:
    """Whether JAX trains."""
    return backend() == JAX


def may_change() -> bool:
    """Whether a run may go on that another backend began."""
    return bool(_CHANGE_BACKEND.value)


def check(configs: Sequence[RunConfig], tensorboard: bool) -> None:
    """Raises ConfigError if the backend cannot train these runs, or so."""
    if _TF32.value and not on_jax():
        raise ConfigError("--tf32 belongs to --backend=jax; leave it out, or add --backend=jax")
    if tensorboard and on_jax():
        raise ConfigError("--tensorboard: its logs are written by TensorFlow; received --backend=jax; leave one out")
    for config in configs:
        backends.check_system(config, backend())
    runtime.check_installed(backend(), f", or train with --backend={TENSORFLOW if on_jax() else JAX}")


def arguments() -> list[str]:
    """The flags for a command that trains a run in the same way."""
    given = [(_BACKEND, f"--backend={backend()}"), (_CHANGE_BACKEND, "--change_backend"), (_TF32, "--tf32")]
    return [text for flag, text in given if flag.value != flag.default]


def start(threads: int | None) -> int:
    """Starts the backend; returns the number of threads."""
    return runtime.start(backend(), threads, bool(_TF32.value))
