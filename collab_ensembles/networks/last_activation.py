"""Finds out whether a network ends in logits or in an activation that gives probabilities."""

from typing import Any

import keras

_GIVE_PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")
_PASS_THROUGH = (keras.layers.Activation, keras.layers.Flatten, keras.layers.Reshape, keras.layers.Identity)


def probability_activation(network: Any) -> str | None:
    """The name of the softmax or sigmoid at the end of a network, also of a nested network.

    Args:
      network: a keras.Model.

    Returns:
      None if there is none, or if the network is of the user's own class and does not show it.
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
