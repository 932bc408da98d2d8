"""Starts TensorFlow or JAX with a given number of threads and without its messages."""

import contextlib
import importlib
import importlib.util
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from collab_ensembles.errors import ConfigError
from collab_ensembles.machine import JAX, ONEDNN, TENSORFLOW

_MOST_THREADS = 1024
_AGAIN_SECONDS = 5.0
"""A process ends in less time. The next sweep waits longer than twice this time, see `run._LOCK_PATIENCE`."""

_PREFIXES = ("KERAS_", "TF_", "JAX_", "XLA_", "ONEDNN_", "DNNL_", "MKL_", "KMP_", "OMP_", "NVIDIA_TF32_OVERRIDE")
"""Prefixes of environment variables that change how Keras, TensorFlow, JAX and the libraries below compute."""

_HARMLESS = (
    *("TF_CPP_", "TF_DUMP_", "TF_FORCE_", "TF_GPU_ALLOCATOR", "TF_GPU_HOST_MEM_", "TF_PER_DEVICE_MEMORY_"),
    *("JAX_PLATFORMS", "JAX_COMPILATION_CACHE_DIR", "XLA_PYTHON_CLIENT_"),
)
"""Prefixes of variables among these that affect only messages or memory, or choose the device."""

_EXACT, TF32 = "highest", "tensorfloat32"
"""How JAX multiplies float32: GPUs of 2020 and later have units that keep 10 bits of a factor, and use them unless told
otherwise."""

_WITH_ONEDNN = ("x86_64", "AMD64")
"""Of its own accord TensorFlow takes oneDNN's convolutions only where a processor has instructions for neural networks.
On others, such as AMD's Zen 3, Eigen's take 1.7 times as long."""

_NAMES = {TENSORFLOW: "TensorFlow", JAX: "JAX"}

_OF_UNUSED_FEATURES = ("matplotlib", "pandas", "sklearn")
"""What Keras imports, where it is installed, for features that no command uses: almost half of its import's time."""

_PLACES = ("--xla_gpu_cuda_data_dir=", "--xla_dump_")
"""Prefixes of words in XLA_FLAGS that only name files."""


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_threads(threads: int | None) -> None:
    """Raises ConfigError for less than one thread, or for far more than any machine has."""
    if threads is not None and not 1 <= threads <= _MOST_THREADS:
        raise ConfigError(f"--threads={threads}: allowed: whole numbers from 1 to {_MOST_THREADS}")


def end_with_stdin() -> None:
    """From now on, ends this process, like SIGTERM, when its standard input is closed.

    The process that started this one holds the other end of the pipe. The system closes it when that process dies in
    any way.
    """

    def watch() -> None:
        # Not sys.stdin: it is None if there was no standard input at the start.
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        while True:
            # If the signal comes while a finaliser runs, the exception of its handler is lost.
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(_AGAIN_SECONDS)

    threading.Thread(target=watch, daemon=True).start()


def quiet_tensorflow(backend: str = TENSORFLOW) -> None:
    """Prepares the import of Keras and its backend: they report nothing and compute with their defaults.

    Environment variables and the user's keras.json could change the numbers of a run. (The processor and the number of
    threads still can; they are recorded with each run.)
    """
    places = [word for word in os.environ.get("XLA_FLAGS", "").split() if word.startswith(_PLACES)]
    for name in list(os.environ):
        if name.startswith(_PREFIXES) and not name.startswith(_HARMLESS):
            del os.environ[name]
    if places:
        os.environ["XLA_FLAGS"] = " ".join(places)
    # What goes wrong is an exception in Python. The errors that are hidden so are of graph optimisers, which print them
    # when they leave a loop as it is.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if platform.machine() in _WITH_ONEDNN:
        os.environ[ONEDNN] = "1"
    os.environ["KERAS_BACKEND"] = backend
    # Not a directory: so Keras finds no keras.json there and writes none.
    os.environ["KERAS_HOME"] = os.devnull


def import_tensorflow() -> Any:
    """Imports TensorFlow and Keras, in half of the time."""
    with _without_unused():
        import tensorflow as tf
    return tf


@contextlib.contextmanager
def _without_unused() -> Iterator[None]:
    """What is imported here does not find what Keras would import for features that no command uses."""
    hidden = [name for name in _OF_UNUSED_FEATURES if name not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def check_installed(backend: str, otherwise: str = "") -> None:
    """Raises ConfigError if a backend of Keras is not installed; `otherwise` ends its advice."""
    if importlib.util.find_spec(backend) is None:
        raise ConfigError(f"{_NAMES[backend]} is not installed; install it (docs/GPU.md){otherwise}")


def start(backend: str, threads: int | None, tf32: bool = False) -> int:
    """Starts one of Keras' backends; see `start_tensorflow` and `start_jax`."""
    return start_jax(threads, tf32) if backend == JAX else start_tensorflow(threads)


def start_jax(threads: int | None, tf32: bool = False) -> int:
    """Imports JAX and Keras, and sets the number of threads on a CPU; default: one for each core.

    Args:
      threads: see above.
      tf32: on a GPU, multiply float32 with 10 bits of each factor: faster, and less exact.

    Returns:
      The number of threads.
    """
    check_installed(JAX)
    threads = threads or available_cores()
    quiet_tensorflow(JAX)
    # The size of XLA's pool of threads.
    os.environ["NPROC"] = str(threads)
    # Without this, the first process takes most of the GPU's memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    with stderr_held_back(), _without_unused():
        jax = importlib.import_module(JAX)
        jax.config.update("jax_default_matmul_precision", TF32 if tf32 else _EXACT)
        importlib.import_module("keras")
        jax.devices()
    return threads


def start_tensorflow(threads: int | None) -> int:
    """Imports TensorFlow and sets its number of threads; default: one for each core.

    Returns:
      The number of threads.
    """
    check_installed(TENSORFLOW)
    threads = threads or available_cores()
    quiet_tensorflow()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    with stderr_held_back():
        tf = import_tensorflow()
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1 if threads == 1 else 2)
        for gpu in tf.config.list_physical_devices("GPU"):
            # Without this, the first process takes all memory of the GPU.
            tf.config.experimental.set_memory_growth(gpu, True)
    return threads


@contextlib.contextmanager
def stderr_held_back(shown_on_failure: bool = True) -> Iterator[None]:
    """Captures what libraries write to descriptor 2; shows it, if at all, only if the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            if shown_on_failure:
                buffer.seek(0)
                sys.stderr.write(buffer.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
