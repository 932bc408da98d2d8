"""What may explain why the same settings gave other bits: versions, threads, devices."""

import os
import platform
import resource
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles import __version__


def describe(precision: str, threads: int | None) -> dict[str, Any]:
    """Facts on this process, as JSON values.

    Args:
      precision: of the run.
      threads: how many TensorFlow was given.
    """
    return {
        "collab_ensembles": __version__,
        "revision": _revision(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
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


def _revision() -> str | None:
    """The git revision of the code, with a mark if files were changed; None where it is no checkout."""
    command = ["git", "-C", os.path.dirname(__file__), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
