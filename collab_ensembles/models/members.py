"""The members of a group: checks that they are classifiers with one input and logits as output; keeps averages."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from collab_ensembles.networks.last_activation import probability_activation


def check(members: Mapping[str, keras.Model]) -> None:
    """Raises ValueError, in one line, for members that cannot learn together.

    If a network of the user's own class does not show a property, the check passes.
    """
    if not isinstance(members, Mapping):
        raise ValueError(
            f"received members that are a {type(members).__name__}; needed: a dictionary of networks by name, such as "
            '{"a": network, "b": other}'
        )
    if not members or "ensemble" in members:
        raise ValueError(f"received members {list(members)}; needed: at least one, none of them named 'ensemble'")
    names: dict[int, str] = {}
    for name, member in members.items():
        first = names.setdefault(id(member), name)
        if first != name:
            raise ValueError(f"members {first} and {name} are one and the same network; make one for each")
    shapes = {name: _output_shape(name, member) for name, member in members.items()}
    classes = {name: shape[-1] for name, shape in shapes.items() if shape is not None}
    if len(set(classes.values())) > 1:
        given = ", ".join(f"{name} {number}" for name, number in classes.items())
        raise ValueError(f"the members give different numbers of logits: {given}; needed: the same classes")


def _output_shape(name: str, member: Any) -> tuple[int | None, ...] | None:
    """The number of logits of one member, None if unknown; raises ValueError like `check`."""
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
    activation = probability_activation(member)
    if activation is not None:
        raise ValueError(
            f"member {name} ends in a {activation}, and gives probabilities; needed: logits; leave out the activation "
            "of its last layer"
        )
    return shape


@contextlib.contextmanager
def averages_kept(members: Mapping[str, keras.Model]) -> Iterator[None]:
    """Restores the moving averages of batch normalisation as they were, at the end of a block with forward passes."""
    variables = [variable for member in members.values() for variable in member.non_trainable_weights]
    values = [keras.ops.copy(variable) for variable in variables]
    yield
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
