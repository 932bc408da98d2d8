"""What a member of a group has to be: a built classifier with one input, that gives logits."""

from collections.abc import Mapping
from typing import Any

import keras

_GIVE_PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")
_PASS_THROUGH = (keras.layers.Activation, keras.layers.Flatten, keras.layers.Reshape, keras.layers.Identity)


def check(members: Mapping[str, keras.Model]) -> None:
    """Raises ValueError, in one line, for members that cannot learn together.

    What a network of the user's own class does not tell of itself is taken to be right.
    """
    if not members or "ensemble" in members:
        raise ValueError(f"received members {list(members)}; needed: at least one, none of them named 'ensemble'")
    shapes = {name: _output_shape(name, member) for name, member in members.items()}
    classes = {name: shape[-1] for name, shape in shapes.items() if shape is not None}
    if len(set(classes.values())) > 1:
        given = ", ".join(f"{name} {number}" for name, number in classes.items())
        raise ValueError(f"the members give different numbers of logits: {given}; needed: the same classes")


def _output_shape(name: str, member: Any) -> tuple[int | None, ...] | None:
    """What one member gives, None where it does not tell; raises ValueError as `check`."""
    if not isinstance(member, keras.Model):
        raise ValueError(f"member {name} is a {type(member).__name__}; needed: a keras.Model")
    if not member.built:
        raise ValueError(f"member {name} is not built; begin it with keras.Input(shape), or call it on a batch first")
    inputs = getattr(member, "inputs", None) or [None]
    if len(inputs) > 1:
        raise ValueError(f"member {name} has {len(inputs)} inputs; needed: one")
    shape = getattr(member, "output_shape", None)
    if shape is not None and not (isinstance(shape, tuple) and len(shape) == 2):
        raise ValueError(f"member {name} gives outputs of shape {shape}; needed: one of shape (batch, classes)")
    activation = _last_activation(member)
    if activation in _GIVE_PROBABILITIES:
        raise ValueError(
            f"member {name} ends in a {activation}, and gives probabilities; needed: logits; leave out the activation "
            "of its last layer"
        )
    return shape


def _last_activation(network: Any) -> str | None:
    """The name of the activation that a network ends in; of a network of the user's own class None."""
    outputs = getattr(network, "outputs", None)
    while outputs:
        operation, node, _ = outputs[0]._keras_history
        if getattr(operation, "outputs", None) and isinstance(operation, keras.Model):
            outputs = operation.outputs
            continue
        activation = getattr(operation, "activation", operation)
        name = getattr(activation, "__name__", type(activation).__name__.lower())
        if name in _GIVE_PROBABILITIES or not isinstance(operation, _PASS_THROUGH):
            return str(name)
        outputs = operation._inbound_nodes[node].input_tensors
    return None
