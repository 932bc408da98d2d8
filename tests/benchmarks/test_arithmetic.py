"""Operations of a training step against a count over the layers of the networks themselves."""

import math

import keras
import pytest

from benchmarks.arithmetic import step_flop
from collab_ensembles.networks.resnet import build_resnet
from collab_ensembles.networks.sizes import parse_size
from collab_ensembles.streams import Stream, generator


def _forward(layer: keras.layers.Conv2D) -> int:
    return int(2 * math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape))


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_operations_equal_a_count_over_the_layers(shape: tuple[int, int, int]) -> None:
    total = 0
    for member in ("ST", "M"):
        net = build_resnet(parse_size(member), shape, 10, random=generator(0, Stream.INITIALISATION), name=member)
        for layer in net.layers:
            if isinstance(layer, keras.layers.Conv2D):
                total += (2 if layer.name == "first_convolution" else 3) * _forward(layer)
    assert step_flop(("ST", "M"), shape) == total
