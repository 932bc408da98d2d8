"""Runs on Keras' JAX backend, in an environment without TensorFlow: `make test-jax`.

The tests' other conftest.py starts TensorFlow, and is left out by --confcutdir.
"""

import os

os.environ |= {
    "KERAS_BACKEND": "jax",
    "KERAS_HOME": os.devnull,
    # Programs run for milliseconds here: what counts is that they are compiled in seconds.
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false",
}

import numpy as np
import pytest

from collab_ensembles.data import Dataset
from collab_ensembles.runs import epoch_graph


@pytest.fixture(autouse=True)
def _graphs_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch_graph, "epoch_graph", lambda title, quantity, curves: b"")


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """Forty images to train on, of 8 x 8 pixels in 10 classes, and twelve to test."""
    random = np.random.default_rng(7)
    labels = [np.arange(number, dtype=np.int32) % 10 for number in (40, 12)]
    images = [
        random.integers(0, 200, (len(each), 8, 8, 1), np.uint8) + each[:, None, None, None].astype(np.uint8)
        for each in labels
    ]
    return Dataset("digits", images[0], labels[0], images[1], labels[1], tuple("0123456789"))
