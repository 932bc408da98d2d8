"""Several networks as one, for inference."""

from collections.abc import Mapping, Sequence

import keras

from collab_ensembles.tensor import Tensor


def joined(
    networks: Mapping[str, keras.Model],
    name: str,
    head: keras.layers.Dense | None = None,
    averaging: str = "logits",
) -> keras.Model:
    """A network whose output is an average of several networks, or the output of a head on all their logits.

    Args:
      networks: networks from images of one shape to logits of one shape, by the names that they get.
      name: the name of the joined network.
      head: a layer from [batch, networks * classes] to [batch, classes].
      averaging: without a head: `logits`, the mean of the networks' logits; or `softmax`, the logarithm of the mean of
        their probabilities.
    """
    for own, network in networks.items():
        # Two exports of one network have the same name.
        network.name = own
    inputs = keras.Input(next(iter(networks.values())).input_shape[1:], dtype="float32", name="images")
    # Layers, since operations without a layer cannot be cloned.
    logits = [network(inputs) for network in networks.values()]
    if head is not None:
        return keras.Model(
            inputs, head(keras.layers.Concatenate(dtype="float32", name="all_logits")(logits)), name=name
        )
    if len(logits) == 1:
        return keras.Model(inputs, logits[0], name=name)
    together = (
        keras.layers.Average(dtype="float32", name="mean")(logits)
        if averaging == "logits"
        else _log_mean_softmax(logits)
    )
    return keras.Model(inputs, together, name=name)


def _log_mean_softmax(logits: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of the softmaxes of logits [batch, classes], from Keras' own layers.

    Keras has no layer for a logarithm of sums. Of two it is ln(e^a + e^b) = b + ln(1 + e^(a - b)), whose last part is
    `softplus`; and the sums over all networks are probabilities but for one factor, which `log_softmax` takes away.
    """
    logarithms = [keras.layers.Activation("log_softmax", dtype="float32")(each) for each in logits]
    total = logarithms[0]
    for each in logarithms[1:]:
        difference = keras.layers.Subtract(dtype="float32")([total, each])
        softplus = keras.layers.Activation("softplus", dtype="float32")(difference)
        total = keras.layers.Add(dtype="float32")([each, softplus])
    return keras.layers.Activation("log_softmax", dtype="float32", name="log_mean_softmax")(total)
