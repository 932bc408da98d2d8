"""What the layers of a network give out, for costs that compare features; Das and Dutta Roy (2022)."""

import keras

FEATURES = "features"
"""The name of the layer whose output is a network's only feature, where it has one of that name."""


def convolutions(network: keras.Model) -> list[str]:
    """The names of all convolution layers, shortcuts included, in order from the input."""
    return [layer.name for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]


def with_features(network: keras.Model) -> keras.Model:
    """The same layers, with outputs [logits, feature 1, ..., feature D]: one feature a convolution.

    A network with a layer of the name `FEATURES` has what that gives out as its only feature. Otherwise a feature
    [batch, height, width, filters] is what a convolution layer gives out: before batch normalisation and ReLU, or after
    the ReLU where that is the layer's own, as in `convnet`. Its dtype is the layer's, which is bfloat16 in a network of
    mixed precision. Two convolutions at the same depth, such as those of a shortcut and beside it, stand in the order
    in which Keras lists them, which the structure of the network alone decides.
    """
    own = [layer.name for layer in network.layers if layer.name == FEATURES]
    features = [network.get_layer(name).output for name in own or convolutions(network)]
    return keras.Model(network.input, [network.output, *features], name=network.name)
