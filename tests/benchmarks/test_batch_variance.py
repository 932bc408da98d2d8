"""The variances that the benchmark compares are those of the batch."""

import keras
import numpy as np
import pytest

from benchmarks.batch_variance import normalize
from collab_ensembles.networks.layers import BatchNormalization


@pytest.mark.parametrize("kind", [BatchNormalization, keras.layers.BatchNormalization])
def test_the_variances_are_those_of_the_batch(kind: type, rng: np.random.Generator) -> None:
    inputs = rng.normal(2, 3, (4, 5, 6, 3)).astype(np.float32)
    outputs, variances = normalize(kind, inputs)
    np.testing.assert_allclose(variances, inputs.astype(np.float64).var(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(outputs.std(axis=(0, 1, 2)), 1, rtol=1e-3)
