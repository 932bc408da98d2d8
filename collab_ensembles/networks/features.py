"""Outputs of a network's layers, for costs that compare features; Das and Dutta Roy (2022)."""

import keras

FEATURES = "features"
"""If a network has a layer of this name, the output of the layer is its only feature."""


def convolutions(network: keras.Model) -> list[str]:
    """The names of all convolution layers, shortcuts included, in order from the input."""
    return [layer.name for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]


def with_features(network: keras.Model) -> keras.Model:
    """The same layers, with outputs [logits, feature 1, ..., feature D]: one feature a convolution.

    If a network has a layer of the name `FEATURES`, its output is the only feature. Otherwise each feature [batch,
    height, width, filters] is the output of a convolution layer: before batch normalisation and ReLU, or after the ReLU
    if that is a part of the layer, as in `convnet`. Its dtype is the layer's, which is bfloat16 in a network of mixed
    precision. Two convolutions at the same depth, such as those of a shortcut and beside it, are in the order of Keras'
    list of layers, which depends only on the structure of the network.
    """
    own = [layer.name for layer in network.layers if layer.name == FEATURES]
    features = [network.get_layer(name).output for name in own or convolutions(network)]
    return keras.Model(network.input, [network.output, *features], name=network.name)
