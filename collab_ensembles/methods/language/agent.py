"""An agent: what it sees, what it says of it, and who judges how much that says; Lacaille (2018), section 4.2."""

import dataclasses

import keras
import numpy as np

from collab_ensembles.methods.language.messages import VOCABULARY
from collab_ensembles.networks import mlp
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.sizes import MLPSize
from collab_ensembles.tensor import Tensor

_WHITE = 255.0


@dataclasses.dataclass(frozen=True)
class Agent:
    """The networks of one agent. The classifier, which is not part of its language, is the last layer of `network`.

    Attributes:
      network: from pixels 0 to 255, [batch, height, width, channels], to logits [batch, classes]; its first layer is
        the agent's view.
      features: the same layers from the pixels to the view as a row of numbers from 0 to 1, [batch, pixels], and to the
        last hidden layer, [batch, units].
      speaker: from the last hidden layer to the logits of the symbols, [batch, length, vocabulary].
      image_part: the part of the discriminator that sees the view: from [batch, pixels] to [batch, units].
      judge: the rest: from this and a message, [batch, length, vocabulary], to scores [batch].
    """

    network: keras.Model
    features: keras.Model
    speaker: keras.Model
    image_part: keras.Model
    judge: keras.Model

    def classify(self, hidden: Tensor) -> Tensor:
        """The logits of the classes, [batch, classes]; no gradient flows into the hidden layer."""
        return self.network.layers[-1](keras.ops.stop_gradient(hidden))

    def language(self) -> dict[str, keras.Model]:
        """The networks beside `network`, by name."""
        return {"speaker": self.speaker, "image_part": self.image_part, "judge": self.judge}


def build(
    size: MLPSize,
    inverted: np.ndarray,
    num_classes: int,
    message_length: int,
    random: np.random.Generator,
    name: str,
) -> Agent:
    """The networks of an agent, with the initial values that `networks.mlp` has.

    Args:
      size: the hidden layers, also those of the discriminator.
      inverted: see `LanguageConfig.inverted`.
      num_classes: of the classifier.
      message_length: the symbols of a message.
      random: of the initial values.
      name: of the agent.
    """
    factory = LayerFactory(random, regularization_rate=0.0)
    inputs = keras.Input(inverted.shape, dtype="float32", name="images")
    x = _view(inverted)(inputs)
    for segment in mlp.segments(size, num_classes):
        x = segment.build(factory, x)
    network = keras.Model(inputs, x, name=name)
    view, hidden = network.get_layer("flatten").output, network.layers[-1].input
    return Agent(
        network,
        keras.Model(inputs, [view, hidden], name=f"{name}_features"),
        _speaker(size.second, message_length, factory, f"{name}_speaker"),
        *_discriminator(size, view.shape[-1], message_length, factory, name),
    )


def _view(inverted: np.ndarray) -> keras.layers.Layer:
    """Pixels as the agent sees them: 255 - p where the mask has it, otherwise p."""
    scale = np.where(inverted, -1.0, 1.0).astype(np.float32)
    offset = np.where(inverted, _WHITE, 0.0).astype(np.float32)
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="view")


def _speaker(units: int, length: int, factory: LayerFactory, name: str) -> keras.Model:
    hidden = keras.Input((units,), dtype="float32", name="hidden")
    logits = factory.dense(hidden, length * VOCABULARY, "symbols")
    logits = keras.layers.Reshape((length, VOCABULARY), dtype="float32", name="message")(logits)
    return keras.Model(hidden, logits, name=name)


def _discriminator(
    size: MLPSize, pixels: int, length: int, factory: LayerFactory, name: str
) -> tuple[keras.Model, keras.Model]:
    """An MLP of image and message, in two parts.

    The first layer is the sum of a layer of the image and one of the message. So the layer of an image is computed
    once, also if the image is judged with several messages.
    """
    view = keras.Input((pixels,), dtype="float32", name="view")
    image_part = keras.Model(view, factory.dense(view, size.first, "of_image"), name=f"{name}_image_part")
    of_image = keras.Input((size.first,), dtype="float32", name="of_image")
    message = keras.Input((length, VOCABULARY), dtype="float32", name="message")
    of_message = factory.dense(factory.flatten(message, "symbols"), size.first, "of_message")
    x = factory.relu(factory.add(of_image, of_message, "sum"), "relu1")
    x = factory.relu(factory.dense(x, size.second, "dense2"), "relu2")
    score = keras.layers.Reshape((), dtype="float32", name="score")(factory.dense(x, 1, "dense3"))
    return image_part, keras.Model([of_image, message], score, name=f"{name}_judge")
