"""The networks of two dense hidden layers of Lacaille (2018), section 3.2.2.

Pixels from 0 to 1, ReLU, and where asked for dropout behind each hidden layer. The thesis gives no initial values:
these are Keras' defaults, Glorot's uniform ones, and 0 for biases.
"""

from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.segments import Segment
from collab_ensembles.networks.sizes import MLPSize
from collab_ensembles.tensor import Tensor


def segments(size: MLPSize, num_classes: int, dropout: float = 0.0) -> list[Segment]:
    """The whole network, from pixels 0 to 255, [batch, height, width, channels], to logits [batch, num_classes].

    Args:
      size: the units of the hidden layers.
      num_classes: the number of logits.
      dropout: the share of the units of each hidden layer that training leaves out, from 0 to below 1.
    """

    def whole(factory: LayerFactory, x: Tensor) -> Tensor:
        x = factory.flatten(factory.standardize(x, 0.0, 1.0))
        for number, units in enumerate((size.first, size.second), start=1):
            x = factory.dense(x, units, f"dense{number}")
            x = factory.relu(x, f"relu{number}")
            if dropout:
                x = factory.drop(x, dropout, f"dropout{number}")
        return factory.dense(x, num_classes, "logits")

    return [Segment("whole", whole)]
