"""Networks as chains of segments, so that training graphs can split and branch them.

A segment is a function that puts layers on top of a tensor. It takes the factory that makes the layers, and so
does not know whether it is part of the network itself or of one branch among several.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence

import keras

from collab_ensembles.networks import padding
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.tensor import Tensor


@dataclasses.dataclass(frozen=True)
class Segment:
    """A part of a network between two split points.

    Attributes:
      name: also the name of the split point at its end.
      build: puts the segment's layers, made by the factory, on top of a tensor.
    """

    name: str
    build: Callable[[LayerFactory, Tensor], Tensor]


def build(
    segments: Sequence[Segment], image_shape: tuple[int, int, int], factory: LayerFactory, name: str, divisor: int = 1
) -> keras.Model:
    """The whole network: float32 [batch, height, width, channels], raw pixels, to logits [batch, classes].

    Images are padded so that their sides are multiples of `divisor`; see `padding`.
    """
    inputs, x = padding.inputs(image_shape, divisor, factory.exact)
    for segment in segments:
        x = segment.build(factory, x)
    return keras.Model(inputs, x, name=name)


def target_layer(name: str) -> str:
    """The name that a head's layer, such as `head1_block2_convolution1`, has in the target network."""
    return re.sub(r"^head\d+_", "", name)
