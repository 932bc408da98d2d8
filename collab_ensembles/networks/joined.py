"""Several networks as one, for inference."""

from collections.abc import Mapping

import keras


def joined(networks: Mapping[str, keras.Model], name: str, head: keras.layers.Dense | None = None) -> keras.Model:
    """A network that gives the mean of the logits of several, or what a head makes of all of them, one after the other.

    Args:
      networks: from images of one shape to logits of one shape; they get the names they stand under.
      name: that of the whole.
      head: a layer from [batch, networks * classes] to [batch, classes].
    """
    for own, network in networks.items():
        # Two exports of one network have one name.
        network.name = own
    inputs = keras.Input(next(iter(networks.values())).input_shape[1:], name="images")
    # Layers, since bare operations cannot be cloned.
    logits = [network(inputs) for network in networks.values()]
    if head is not None:
        return keras.Model(inputs, head(keras.layers.Concatenate(name="all_logits")(logits)), name=name)
    mean = keras.layers.Average(name="mean")(logits) if len(logits) > 1 else logits[0]
    return keras.Model(inputs, mean, name=name)
