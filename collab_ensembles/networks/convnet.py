"""The network of one convolution of Das and Dutta Roy (2022).

A 3x3 convolution with bias to M filters and ReLU, the maximum of 2x2, and a dense layer.
"""

from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.networks.sizes import ConvNetSize
from collab_ensembles.tensor import Tensor


def segments(size: ConvNetSize, num_classes: int) -> list[Segment]:
    """The whole network, from pixels 0 to 255, [batch, height, width, channels], to logits [batch, num_classes]."""

    def whole(factory: LayerFactory, x: Tensor) -> Tensor:
        # The ReLU is the convolution's own, so that what the layer gives out is the feature that the paper compares.
        x = factory.convolve(factory.normalize_input(x), size.filters, "convolution", bias=True, activation="relu")
        return factory.logits(factory.flatten(factory.maximum(x, "maximum")), num_classes)

    return [Segment("whole", whole)]
