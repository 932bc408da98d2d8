"""The ResNet-50 of He et al. (2016), Deep Residual Learning, table 1: bottleneck blocks.

A 7x7 convolution to 64 filters with stride 2, the maximum of 3x3 with stride 2, four stages of 3, 4, 6 and 3 blocks,
the mean over height and width, and a dense layer. Batch normalisation follows every convolution, none of which has a
bias. A shortcut that changes the shape is a 1x1 convolution (option B). A stage that halves height and width, rounded
up, does so in its first block's first 1x1 convolution, as in the authors' published models; many later versions
do it in the 3x3 convolution after that.

The paper subtracts the mean pixel; here `LayerFactory.normalize_input` takes that place.
"""

from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.networks.sizes import ResNet50Size
from collab_ensembles.tensor import Tensor


def segments(size: ResNet50Size, num_classes: int) -> list[Segment]:
    """The four stages, from pixels 0 to 255, [batch, height, width, channels], to logits [batch, num_classes].

    The first holds what is before it too, the last what is after it.
    """

    def conv2(factory: LayerFactory, x: Tensor) -> Tensor:
        return _stage(factory, _stem(factory, x), 64, 3, "conv2", strides=1)

    def conv3(factory: LayerFactory, x: Tensor) -> Tensor:
        return _stage(factory, x, 128, 4, "conv3", strides=2)

    def conv4(factory: LayerFactory, x: Tensor) -> Tensor:
        return _stage(factory, x, 256, 6, "conv4", strides=2)

    def conv5(factory: LayerFactory, x: Tensor) -> Tensor:
        x = _stage(factory, x, 512, 3, "conv5", strides=2)
        return factory.logits(factory.mean(x), num_classes)

    return [Segment("conv2_x", conv2), Segment("conv3_x", conv3), Segment("conv4_x", conv4), Segment("conv5_x", conv5)]


def _stem(factory: LayerFactory, x: Tensor) -> Tensor:
    # Padded alike on both sides, as in Caffe; TensorFlow's padding "same" pads more below and on the right.
    x = factory.pad(factory.normalize_input(x), 3, "conv1_padding")
    x = factory.activate(factory.convolve(x, 64, "conv1", width=7, strides=2, padding="valid"), "conv1")
    # Zeros are no greater than what comes out of a ReLU, and so change no maximum.
    return factory.maximum(factory.pad(x, 1, "maximum_padding"), "maximum", width=3, strides=2)


def _stage(factory: LayerFactory, x: Tensor, filters: int, blocks: int, name: str, strides: int) -> Tensor:
    x = _block(factory, x, filters, f"{name}_1", strides, projects=True)
    for block in range(2, blocks + 1):
        x = _block(factory, x, filters, f"{name}_{block}", strides=1, projects=False)
    return x


def _block(factory: LayerFactory, x: Tensor, filters: int, name: str, strides: int, projects: bool) -> Tensor:
    y = factory.convolve(x, filters, f"{name}_convolution1", width=1, strides=strides)
    y = factory.convolve(factory.activate(y, f"{name}_1"), filters, f"{name}_convolution2")
    y = factory.convolve(factory.activate(y, f"{name}_2"), 4 * filters, f"{name}_convolution3", width=1)
    y = factory.normalize(y, f"{name}_3_normalization")
    if projects:
        x = factory.convolve(x, 4 * filters, f"{name}_shortcut", width=1, strides=strides)
        x = factory.normalize(x, f"{name}_shortcut_normalization")
    return factory.relu(factory.add(x, y, f"{name}_sum"), f"{name}_sum_relu")
