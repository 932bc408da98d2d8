"""Starting TensorFlow: with a given number of threads, and quietly."""

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

from absl import logging

from collab_ensembles.errors import ConfigError

_MOST_THREADS = 1024
_AGAIN_SECONDS = 5.0
"""A process needs less to end, and the next sweep waits for longer than two of these, see `run._LOCK_PATIENCE`."""

_PREFIXES = ("KERAS_", "TF_", "XLA_", "ONEDNN_", "DNNL_", "MKL_", "KMP_", "OMP_", "NVIDIA_TF32_OVERRIDE")
"""What the variables begin with by which Keras, TensorFlow and the libraries below it are told to compute otherwise."""

_HARMLESS = ("TF_CPP_", "TF_DUMP_", "TF_FORCE_", "TF_GPU_ALLOCATOR", "TF_GPU_HOST_MEM_", "TF_PER_DEVICE_MEMORY_")
"""What those of them begin with that say what is printed, or how memory is taken."""

_PLACES = ("--xla_gpu_cuda_data_dir=", "--xla_dump_")
"""What those words of XLA_FLAGS begin with that say where files are."""


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_threads(threads: int | None) -> None:
    """Raises ConfigError for fewer than one thread, or far more than there are cores anywhere."""
    if threads is not None and not 1 <= threads <= _MOST_THREADS:
        raise ConfigError(f"--threads={threads}: allowed: whole numbers from 1 to {_MOST_THREADS}")


def warn_of_slow_bfloat16(precision: str) -> None:
    """Says so if this processor lacks bfloat16 instructions: results are right all the same, only slow."""
    if precision != "mixed_bfloat16":
        return
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            features = file.read()
    except OSError:
        return
    if "avx512_bf16" not in features and "amx_bf16" not in features:
        logging.warning("this processor has no bfloat16 instructions: on it, --precision=float32 is faster")


def end_with_stdin() -> None:
    """From now on, has this process end itself, as SIGTERM would, when its standard input is closed.

    The other end of that pipe is held by the process that started this one, and the system closes it
    however that process dies.
    """

    def watch() -> None:
        # Not by sys.stdin, which is None where there was none from the start.
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        while True:
            # What the signal's handler raises is lost if it comes while a finaliser runs.
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(_AGAIN_SECONDS)

    threading.Thread(target=watch, daemon=True).start()


def quiet_tensorflow() -> None:
    """Has TensorFlow and Keras, if they come to be imported, report errors alone and compute as they do by default.

    Variables of the environment and the user's keras.json would have the same settings give other numbers. (The
    processor's own and the number of threads still do; they are recorded with each run.)
    """
    places = [word for word in os.environ.get("XLA_FLAGS", "").split() if word.startswith(_PLACES)]
    for name in list(os.environ):
        if name.startswith(_PREFIXES) and not name.startswith(_HARMLESS):
            del os.environ[name]
    if places:
        os.environ["XLA_FLAGS"] = " ".join(places)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # No directory, so that no keras.json is found there, and none is written.
    os.environ["KERAS_HOME"] = os.devnull


def start_tensorflow(threads: int | None) -> int:
    """Imports TensorFlow, to run on so many threads; default: one for each core.

    Returns:
      The number of threads.
    """
    threads = threads or available_cores()
    quiet_tensorflow()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    with stderr_held_back():
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1 if threads == 1 else 2)
        for gpu in tf.config.list_physical_devices("GPU"):
            # Without this the first process takes all of the GPU's memory.
            tf.config.experimental.set_memory_growth(gpu, True)
    return threads


@contextlib.contextmanager
def stderr_held_back(shown_on_failure: bool = True) -> Iterator[None]:
    """Keeps what libraries write to descriptor 2, and shows it only if the block fails, or not even then."""
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
