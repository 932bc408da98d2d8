"""VGG-16 with batch normalisation, for small images.

The 13 convolutions of configuration D of Simonyan and Zisserman (2015), table 1, each 3x3 with bias, and batch
normalisation (Ioffe and Szegedy, 2015) and ReLU after each; five times the maximum of 2x2. The three dense layers of
the paper give way to one, as is usual for CIFAR. It takes the mean over height and width of what is left, which for
images of 32 x 32 is one pixel.
"""

import functools

from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.networks.sizes import VGG16Size
from collab_ensembles.tensor import Tensor

_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Filters and convolutions of each block."""


def segments(size: VGG16Size, num_classes: int) -> list[Segment]:
    """The five blocks, from pixels 0 to 255, [batch, height, width, channels], to logits [batch, num_classes].

    Each ends with its maximum; the last holds what is after it too.
    """

    def first(factory: LayerFactory, x: Tensor) -> Tensor:
        return _block(factory, factory.normalize_input(x), index=1)

    def last(factory: LayerFactory, x: Tensor) -> Tensor:
        x = _block(factory, x, index=5)
        return factory.logits(factory.mean(x), num_classes)

    between = [Segment(f"block{index}", functools.partial(_block, index=index)) for index in (2, 3, 4)]
    return [Segment("block1", first), *between, Segment("block5", last)]


def _block(factory: LayerFactory, x: Tensor, index: int) -> Tensor:
    filters, convolutions = _BLOCKS[index - 1]
    for number in range(1, convolutions + 1):
        x = factory.convolve(x, filters, f"block{index}_convolution{number}", bias=True)
        x = factory.activate(x, f"block{index}_{number}")
    return factory.maximum(x, f"block{index}_maximum")
