"""The residual networks for CIFAR of He et al. (2016), Deep Residual Learning, section 4.2.

A 3x3 convolution to 16 filters, three stages of n blocks of 16, 32 and 64 filters, the mean over height and width,
and a dense layer: 6n + 2 layers. Batch normalisation follows every convolution, none of which has a bias. Stages 2
and 3 begin by halving height and width, rounded up: their shortcuts take every other pixel and add channels of zeros
(option A), so that no shortcut has parameters.

The paper subtracts each pixel's mean over the training set; here `LayerFactory.normalize_input` takes that place.
"""

from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.networks.sizes import CifarResNetSize
from collab_ensembles.tensor import Tensor


def segments(size: CifarResNetSize, num_classes: int) -> list[Segment]:
    """The three stages, from pixels 0 to 255, [batch, height, width, channels], to logits [batch, num_classes].

    The first holds what is before it too, the last what is after it.
    """

    def first(factory: LayerFactory, x: Tensor) -> Tensor:
        x = factory.convolve(factory.normalize_input(x), 16, "first_convolution")
        return _stage(factory, factory.activate(x, "first"), 1, size.blocks)

    def second(factory: LayerFactory, x: Tensor) -> Tensor:
        return _stage(factory, x, 2, size.blocks)

    def third(factory: LayerFactory, x: Tensor) -> Tensor:
        x = _stage(factory, x, 3, size.blocks)
        return factory.logits(factory.mean(x), num_classes)

    return [Segment("stage1", first), Segment("stage2", second), Segment("stage3", third)]


def _stage(factory: LayerFactory, x: Tensor, stage: int, blocks: int) -> Tensor:
    filters = 16 * 2 ** (stage - 1)
    for block in range(1, blocks + 1):
        x = _block(factory, x, filters, f"stage{stage}_block{block}", halves=stage > 1 and block == 1)
    return x


def _block(factory: LayerFactory, x: Tensor, filters: int, name: str, halves: bool) -> Tensor:
    if halves:
        # Caffe and Torch pad both sides alike, so that a kernel's centre lies on the pixel that the shortcut takes.
        # TensorFlow's padding "same" would shift it by one pixel.
        y = factory.pad(x, 1, f"{name}_padding")
        y = factory.convolve(y, filters, f"{name}_convolution1", strides=2, padding="valid")
        x = factory.pad_channels(factory.subsample(x, f"{name}_subsampling"), filters, f"{name}_channel_padding")
    else:
        y = factory.convolve(x, filters, f"{name}_convolution1")
    y = factory.convolve(factory.activate(y, f"{name}_1"), filters, f"{name}_convolution2")
    y = factory.normalize(y, f"{name}_2_normalization")
    return factory.relu(factory.add(x, y, f"{name}_sum"), f"{name}_sum_relu")
