"""Small graphs of heads for the tests of the models."""

import keras

from collab_ensembles.methods.multihead.head_graph import HeadGraph, build_head_graph, head_groups
from collab_ensembles.methods.multihead.model import MultiheadModel
from collab_ensembles.networks import segments
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.streams import Stream, generator

Tensor = keras.KerasTensor

SPLIT_POINTS = {"single": (), "instances": (), "simple": ("low",), "hierarchical": ("low", "middle")}
DECAY = 0.02


def _low(factory: LayerFactory, x: Tensor) -> Tensor:
    x = factory.convolve(factory.normalize_input(x), 2, "low_convolution", bias=True, strides=2)
    return factory.relu(x, "low_relu")


def _middle(factory: LayerFactory, x: Tensor) -> Tensor:
    return factory.activate(factory.convolve(x, 3, "middle_convolution"), "middle")


def _high(factory: LayerFactory, x: Tensor) -> Tensor:
    return factory.logits(factory.mean(factory.convolve(x, 4, "high_convolution")), 5)


CASCADE = [Segment("low", _low), Segment("middle", _middle), Segment("high", _high)]


def factory(head: int, prefix: str = "") -> LayerFactory:
    random = generator(3, Stream.INITIALISATION, head)
    return LayerFactory(random, regularization_rate=DECAY, prefix=prefix)


def target() -> keras.Model:
    return segments.build(CASCADE, (8, 8, 1), factory(9), "target")


def head_graph(graph: str = "simple", heads: int = 2, rescale: bool = True) -> HeadGraph:
    """Heads for images of 8 x 8 pixels in 5 classes."""
    groups = head_groups(graph, heads, [segment.name for segment in CASCADE], SPLIT_POINTS[graph])
    return build_head_graph(CASCADE, (8, 8, 1), groups, factory, rescale=rescale, target=target)


def multihead(graph: str = "simple", heads: int = 2, rescale: bool = True, **options: float) -> MultiheadModel:
    """A model of them, compiled."""
    model = MultiheadModel(head_graph(graph, heads, rescale), **options)  # type: ignore[arg-type]
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    return model


def kernels(network: keras.Model) -> list[keras.Variable]:
    """The decayed variables of a network, each once."""
    return [layer.kernel for layer in network.layers if getattr(layer, "kernel_regularizer", None)]
