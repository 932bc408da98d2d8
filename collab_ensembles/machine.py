"""Facts on this machine, and the names of what computes on it. Imports nothing heavy."""

import platform

TENSORFLOW, JAX = "tensorflow", "jax"
"""Keras' backends, by Keras' own names."""

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
"""TensorFlow's variable for who computes on a CPU: 1 is oneDNN, 0 Eigen."""

WAYS = ("serial", "unrolled", "vmap")
"""How JAX trains several runs with one program, see `models.compiled_epoch`."""


def processor() -> str:
    """The processor's model, as Linux names it, or else as Python does."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor()
