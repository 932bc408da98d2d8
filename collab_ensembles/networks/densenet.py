"""The DenseNets of Huang et al. (2017), section 3, for CIFAR, without bottleneck and compression.

A 3x3 convolution to 16 filters, three dense blocks of n layers, the mean over height and width, and a dense layer:
L = 3n + 4 layers with the two transitions between the blocks. Each layer of a block, BN-ReLU-3x3 convolution, adds k
channels to all that came before. Convolutions have no bias. The paper normalises each channel by its mean and
deviation over the training set; here `LayerFactory.normalize_input` takes that place. There is no dropout: the paper
has it only for training without augmentation.
"""

from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.networks.sizes import DenseNetSize
from collab_ensembles.tensor import Tensor


def segments(size: DenseNetSize, num_classes: int) -> list[Segment]:
    """The three blocks, from pixels 0 to 255, [batch, height, width, channels], to logits [batch, num_classes].

    The first holds what is before it too, the last what is after it. A transition belongs to the block after it, as
    a ResNet's stage begins with its own halving: the network is cut where a dense block's channels are complete.
    """

    def first(factory: LayerFactory, x: Tensor) -> Tensor:
        x = factory.convolve(factory.normalize_input(x), 16, "first_convolution")
        return _dense_block(factory, x, size, "block1")

    def second(factory: LayerFactory, x: Tensor) -> Tensor:
        return _dense_block(factory, _transition(factory, x, "transition1"), size, "block2")

    def third(factory: LayerFactory, x: Tensor) -> Tensor:
        x = _dense_block(factory, _transition(factory, x, "transition2"), size, "block3")
        return factory.logits(factory.mean(factory.activate(x, "last")), num_classes)

    return [Segment("block1", first), Segment("block2", second), Segment("block3", third)]


def _dense_block(factory: LayerFactory, x: Tensor, size: DenseNetSize, block: str) -> Tensor:
    for layer in range(1, size.layers + 1):
        name = f"{block}_layer{layer}"
        y = factory.convolve(factory.activate(x, name), size.growth, f"{name}_convolution")
        x = factory.concatenate(x, y, f"{name}_concatenation")
    return x


def _transition(factory: LayerFactory, x: Tensor, name: str) -> Tensor:
    """As many channels, half the height and width: BN-ReLU-1x1 convolution-2x2 mean."""
    x = factory.convolve(factory.activate(x, name), x.shape[-1], f"{name}_convolution", width=1)
    return factory.average(x, f"{name}_mean")
