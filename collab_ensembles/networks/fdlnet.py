"""The one-layer network of the published MNIST scripts of Das and Dutta Roy (2022).

Standardised pixels, a 3x3 convolution with bias and stride 2 to n filters, batch normalisation, ReLU, the maximum of
2x2, and a dense layer. What the ensembles compare is what the maximum gives out.
"""

import functools
import math

import keras

from collab_ensembles.networks.features import FEATURES
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.networks.sizes import FDLNetSize
from collab_ensembles.tensor import Tensor

_MEAN, _DEVIATION = 0.1307, 0.3081
"""Of MNIST's training pixels, from 0 to 1; other data are standardised by the same two numbers."""


def segments(size: FDLNetSize, num_classes: int) -> list[Segment]:
    """The whole network, from pixels 0 to 255, [batch, height, width, channels], to logits [batch, num_classes]."""

    def whole(factory: LayerFactory, x: Tensor) -> Tensor:
        x = factory.pad(factory.standardize(x, _MEAN, _DEVIATION), 1, "padding")
        # The deviation counts the values of a filter's whole output, and so makes no difference between channels.
        normal = functools.partial(keras.initializers.RandomNormal, 0.0, math.sqrt(2 / (9 * size.filters)))
        x = factory.convolve(x, size.filters, "convolution", strides=2, padding="valid", bias=True, initializer=normal)
        x = factory.maximum(factory.activate(x, "block"), FEATURES)
        return factory.logits(factory.flatten(x), num_classes, uniform_bias=True)

    return [Segment("whole", whole)]
