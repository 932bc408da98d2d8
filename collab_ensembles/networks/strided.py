"""The networks for Lacaille (2018), chapter 2: convolutions, some of them strided, and no pooling.

The thesis gives neither layers nor sizes, but names "traditional CNNs with no pooling layers but rather strided
convolutions" that follow the recommendations of DCGAN (Radford et al., 2016). Here these are three pairs of 3x3
convolutions, of which the second halves height and width, with F, 2F and 4F filters; batch normalisation behind all but
the first; leaky ReLUs; and no dense layer but that of the logits. Kernels begin with the values of He et al. (2015).
"""

import functools

from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.networks.sizes import StridedSize
from collab_ensembles.tensor import Tensor

SLOPE = 0.2
"""Of leaky ReLUs below 0, as in DCGAN."""

PAIRS = 3


def segments(size: StridedSize, num_classes: int) -> list[Segment]:
    """The whole network, from pixels 0 to 255, [batch, height, width, channels], to logits [batch, num_classes]."""

    def whole(factory: LayerFactory, x: Tensor) -> Tensor:
        return factory.logits(encoder(factory, x, size), num_classes)

    return [Segment("whole", whole)]


def encoder(factory: LayerFactory, x: Tensor, size: StridedSize) -> Tensor:
    """The layers below the logits, from pixels 0 to 255 to [batch, features]. Pixels become -1 to 1, as in DCGAN."""
    x = factory.standardize(x, 0.5, 0.5)
    for pair in range(1, PAIRS + 1):
        convolve = functools.partial(factory.convolve, filters=size.filters * 2 ** (pair - 1))
        x = _activated(factory, convolve(x, name=f"pair{pair}_convolution", bias=pair == 1), pair > 1, f"pair{pair}_1")
        x = _activated(factory, convolve(x, name=f"pair{pair}_strided", strides=2), True, f"pair{pair}_2")
    return factory.flatten(x)


def _activated(factory: LayerFactory, x: Tensor, normalized: bool, name: str) -> Tensor:
    if normalized:
        x = factory.normalize(x, f"{name}_normalization")
    return factory.leaky_relu(x, SLOPE, f"{name}_relu")
