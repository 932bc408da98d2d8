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
    """Has TensorFlow, if it comes to be imported, report errors alone."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"


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
