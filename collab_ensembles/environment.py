"""What may explain why the same settings gave other bits: versions, threads, devices."""

import os
import platform
import resource
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles import __version__
from collab_ensembles.machine import processor
from collab_ensembles.revision import revision


def describe(precision: str, threads: int | None) -> dict[str, Any]:
    """Facts on this process, as JSON values.

    Args:
      precision: of the run.
      threads: how many TensorFlow was given.
    """
    return {
        "collab_ensembles": __version__,
        "revision": revision(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "precision": precision,
        "jit_compile": jit_compile(),
        "devices": [device.device_type for device in tf.config.list_physical_devices()],
    }


def jit_compile() -> bool:
    """Whether training steps are compiled by XLA: it pays on a GPU; on a CPU it gained nothing, and takes seconds."""
    return bool(tf.config.list_physical_devices("GPU"))


def peak_memory() -> int:
    """The most resident memory that this process has had so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
