"""Facts that can explain why equal settings gave other bits: versions, threads, devices, Keras' settings."""

import os
import platform
import resource
import sys
from typing import Any

import keras
import numpy as np
from absl import logging

from collab_ensembles import __version__
from collab_ensembles.errors import ConfigError
from collab_ensembles.machine import JAX, ONEDNN, TENSORFLOW, processor
from collab_ensembles.revision import revision


def describe(precision: str, threads: int | None) -> dict[str, Any]:
    """Facts on this process, as JSON values.

    Args:
      precision: the precision of the run.
      threads: the number of threads of TensorFlow or JAX.
    """
    return {
        "collab_ensembles": __version__,
        "revision": revision(),
        **_of_backend(),
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "precision": precision,
        "jit_compile": jit_compile(),
        "devices": _devices(),
    }


def _of_backend() -> dict[str, Any]:
    """The name and version of what computes, and what decides how exact products are, or whose convolutions."""
    if keras.config.backend() == JAX:
        import jax

        exact = jax.config.jax_default_matmul_precision
        return {"backend": JAX, "jax": jax.__version__, "products": exact or "default"}
    import tensorflow as tf

    return {"backend": TENSORFLOW, "tensorflow": tf.__version__, "onednn": os.environ.get(ONEDNN, "default")}


def _devices() -> list[str]:
    """TensorFlow's kinds of devices, such as GPU; or the names of JAX's, such as NVIDIA H100 80GB HBM3."""
    if keras.config.backend() == JAX:
        import jax

        return [device.device_kind for device in jax.devices()]
    import tensorflow as tf

    return [device.device_type for device in tf.config.list_physical_devices()]


def warn_of_slow_bfloat16(precision: str) -> None:
    """Warns if a processor without bfloat16 instructions is to train: results are correct, but training is slow."""
    if precision != "mixed_bfloat16" or {device.lower() for device in _devices()} != {"cpu"}:
        return
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            features = file.read()
    except OSError:
        return
    if "avx512_bf16" not in features and "amx_bf16" not in features:
        logging.warning("this processor has no bfloat16 instructions; --precision=float32 is faster here")


def check_keras_numbers() -> None:
    """Raises ConfigError if Keras has other settings for its numbers than its defaults.

    A user's keras.json, variables such as KERAS_BACKEND and calls of `keras.config` can change them.
    `image_data_format` may have any value: all layers here name the order of their axes.
    """
    if keras.config.backend() != JAX:
        check_tensorflow()
    _check_keras("floatx", keras.config.floatx(), "float32")
    _check_keras("dtype_policy", keras.config.dtype_policy().name, "float32")
    _check_keras("epsilon", keras.config.epsilon(), 1e-7)


def check_tensorflow() -> None:
    """Raises ConfigError if Keras' backend is not TensorFlow, whose `fit` and `evaluate` the models here have."""
    _check_keras("backend", keras.config.backend(), TENSORFLOW)


def check_keras_lengths() -> None:
    """Raises ConfigError if a setting such as KERAS_MAX_EPOCHS makes Keras shorten trainings or evaluations."""
    _check_keras("max_epochs", keras.config.max_epochs(), None)
    _check_keras("max_steps_per_epoch", keras.config.max_steps_per_epoch(), None)


def _check_keras(name: str, received: object, needed: object) -> None:
    if received != needed:
        raise ConfigError(
            f"Keras' {name} is {received}; needed: {needed}; call keras.config.set_{name}({needed!r}) first, or "
            "correct keras.json and the variables KERAS_*"
        )


def jit_compile() -> bool:
    """Whether XLA compiles training steps: with JAX always; else on a GPU, since on a CPU it gained nothing."""
    if keras.config.backend() == JAX:
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def peak_memory() -> int:
    """The peak of this process's resident memory so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
