"""Checks that a network takes images of a shape and gives logits of so many classes."""

import keras
import numpy as np

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.last_activation import probability_activation

_IMAGES = 16
_ROUNDING = 0.01
"""Tolerance of the sum of probabilities, large enough for bfloat16."""


def check(
    network: keras.Model,
    given: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    data: str,
    advice: str,
    remedy: str,
) -> None:
    """Raises ConfigError for a network with other inputs or outputs, and for one that gives probabilities.

    A softmax of probabilities, as distillation takes it, is nearly uniform.

    Args:
      network: with symbolic inputs and outputs: functional or sequential.
      given: the flag with its value, for messages.
      image_shape: (height, width, channels) of the images, whose pixels are 0 to 255.
      num_classes: the number of logits.
      data: the name of the data, for messages.
      advice: what to do about other shapes.
      remedy: what to do about probabilities.
    """
    inputs, outputs = _shapes(network)
    if not _fits(inputs, image_shape) or outputs != [(num_classes,)]:
        raise ConfigError(
            f"{given}: from {_text(inputs)} to {_text(outputs)}; needed for {data}: from images {image_shape} to "
            f"{num_classes} logits; {advice}"
        )
    if _gives_probabilities(network, image_shape):
        raise ConfigError(f"{given}: gives probabilities; needed: logits; {remedy}")


def _shapes(network: keras.Model) -> tuple[list[tuple[int | None, ...]], list[tuple[int | None, ...]]]:
    """The shapes of all inputs and outputs without the batch axis; empty for a network that is not built."""
    try:
        return [each.shape[1:] for each in network.inputs], [each.shape[1:] for each in network.outputs]
    except (AttributeError, TypeError, ValueError):
        return [], []


def _fits(inputs: list[tuple[int | None, ...]], image_shape: tuple[int, int, int]) -> bool:
    """Whether there is one input for these images; None means any size."""
    return (
        len(inputs) == 1
        and len(inputs[0]) == 3
        and all(a in (None, b) for a, b in zip(*inputs, image_shape, strict=True))
    )


def _text(shapes: list[tuple[int | None, ...]]) -> str:
    return " and ".join(map(str, shapes)) or "unknown shapes"


def _gives_probabilities(network: keras.Model, image_shape: tuple[int, int, int]) -> bool:
    """Whether the outputs lie between 0 and 1 and add up to 1, or come from a sigmoid."""
    pixels = np.random.default_rng(0).integers(0, 256, (_IMAGES, *image_shape)).astype(np.float32)
    outputs = np.asarray(keras.ops.cast(network(pixels, training=False), "float32"))
    add_up = np.allclose(outputs.sum(axis=-1), 1, rtol=0, atol=_ROUNDING)
    in_range = bool(np.all((outputs >= 0) & (outputs <= 1)))
    return in_range and (add_up or probability_activation(network) is not None)
