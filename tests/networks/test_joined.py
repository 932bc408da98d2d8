"""Several networks as one: averages of logits or of probabilities, from layers that Keras has."""

from pathlib import Path

import keras
import numpy as np
import pytest

from collab_ensembles.models.averaging import average, average_of_first
from collab_ensembles.networks import exported
from collab_ensembles.networks.joined import joined
from conftest import network
from reference import log_mean_softmax


def _logits(scale: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Of four members; large ones have probabilities that are 0 in float32."""
    return list(rng.normal(0, scale, (4, 6, 5)).astype(np.float32))


@pytest.mark.parametrize("scale", [1, 300])
def test_averages_are_the_means_of_logits_or_of_probabilities(scale: float, rng: np.random.Generator) -> None:
    logits = _logits(scale, rng)
    means = {"logits": lambda some: np.mean(some, axis=0), "softmax": log_mean_softmax}
    for averaging, mean in means.items():
        np.testing.assert_allclose(average(logits, averaging), mean(np.asarray(logits, float)), rtol=1e-5, atol=1e-4)
        for count in (1, 3, 4):
            expected = mean(np.asarray(logits[:count], float))
            np.testing.assert_allclose(average_of_first(logits, count, averaging), expected, rtol=1e-5, atol=1e-4)


def test_the_two_averages_can_answer_differently() -> None:
    """One member is certain, two others lean the other way."""
    logits = [np.array([[90.0, 0.0]], np.float32), *[np.array([[0.0, 3.0]], np.float32)] * 2]
    assert [np.argmax(average(logits, averaging)) for averaging in ("logits", "softmax")] == [0, 1]


@pytest.mark.parametrize("count", [2, 3])
def test_a_mean_of_probabilities_is_exported_from_stock_layers(
    count: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    networks = {f"member{index}": network("B1R1F2", index) for index in range(count)}
    exported.save(joined(networks, "whole", averaging="softmax"), str(tmp_path / "whole.keras"))
    images = rng.integers(0, 256, (6, 8, 8, 1)).astype(np.float32)
    expected = log_mean_softmax([np.asarray(each(images), float) for each in networks.values()])
    received = keras.models.load_model(tmp_path / "whole.keras")(images)
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-3)
