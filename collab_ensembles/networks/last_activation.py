"""What a network ends in: logits, or an activation that makes probabilities of them."""

from typing import Any

import keras

_GIVE_PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")
_PASS_THROUGH = (keras.layers.Activation, keras.layers.Flatten, keras.layers.Reshape, keras.layers.Identity)


def probability_activation(network: Any) -> str | None:
    """The name of the softmax or sigmoid that a network ends in, in whatever networks it consists of.

    Args:
      network: a keras.Model.

    Returns:
      None where there is none, and of networks of the user's own class, which do not tell.
    """
    outputs = getattr(network, "outputs", None)
    while outputs:
        operation, node, _ = outputs[0]._keras_history
        if getattr(operation, "outputs", None) and isinstance(operation, keras.Model):
            outputs = operation.outputs
            continue
        activation = getattr(operation, "activation", operation)
        name = str(getattr(activation, "__name__", type(activation).__name__.lower()))
        if name in _GIVE_PROBABILITIES:
            return name
        outputs = operation._inbound_nodes[node].input_tensors if isinstance(operation, _PASS_THROUGH) else None
    return None
