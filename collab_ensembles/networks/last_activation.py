"""Finds out whether a network ends in logits or in an activation that gives probabilities."""

import functools
from typing import Any

import keras
import numpy as np

_GIVE_PROBABILITIES = ("softmax", "sigmoid", "hardsigmoid", "sparsemax")
_PASS_THROUGH = (keras.layers.Activation, keras.layers.Flatten, keras.layers.Reshape, keras.layers.Identity)


def probability_activation(network: Any) -> str | None:
    """The name of the softmax or sigmoid at the end of a network, also of a nested network.

    A network of the user's own class has no symbolic outputs. There, the layer that it has defined last counts as its
    last one.

    Args:
      network: a keras.Model.

    Returns:
      None if there is none, or if the network does not show it.
    """
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return next((_of_operation(each) for each in reversed(network.layers) if not _passes_on(each)), None)
    operation, node, _ = outputs[0]._keras_history
    while _passes_on(operation):
        operation, node, _ = operation._inbound_nodes[node].input_tensors[0]._keras_history
    return _of_operation(operation)


def _of_operation(operation: Any) -> str | None:
    """The same for a layer or operation that is the last one."""
    if isinstance(operation, keras.Model):
        return probability_activation(operation)
    activation = getattr(operation, "activation", operation)
    if isinstance(activation, keras.Operation):
        name = type(activation).__name__
        return name.lower() if name.lower() in _GIVE_PROBABILITIES else None
    if not callable(activation) or not _gives_probabilities(activation, getattr(operation, "units", 2)):
        return None
    while isinstance(activation, functools.partial):
        activation = activation.func
    return str(getattr(activation, "__name__", type(activation).__name__))


def _passes_on(operation: Any) -> bool:
    """Whether an operation leaves probabilities as they are."""
    return isinstance(operation, _PASS_THROUGH) and _of_operation(operation) is None


def _gives_probabilities(activation: Any, units: int) -> bool:
    """Whether a function of logits has values from 0 to 1 only. Its name does not tell: tf.nn.softmax has another."""
    # At least two: the log-softmax of one logit is 0.
    logits = np.linspace(-50, 50, 2 * max(units, 2), dtype=np.float32).reshape(2, -1)
    try:
        values = keras.ops.convert_to_numpy(activation(keras.ops.convert_to_tensor(logits)))
    except Exception:
        # A function of the user's own may need another shape, and raise anything.
        return False
    return bool(np.all((values >= 0) & (values <= 1)))
