"""Loads trained networks from Keras files and checks that they can be teachers."""

import os

import keras
import numpy as np

from collab_ensembles.errors import ConfigError, one_line
from collab_ensembles.networks.last_activation import probability_activation

_IMAGES = 16
_ROUNDING = 0.01
"""Tolerance of the sum of probabilities, large enough for bfloat16."""


def load_teacher(path: str, image_shape: tuple[int, int, int], num_classes: int, data: str) -> keras.Model:
    """A network from images, float32 [batch, height, width, channels], pixels 0 to 255, to logits [batch, num_classes].

    Args:
      path: a .keras file.
      image_shape: (height, width, channels) of the student's images.
      num_classes: the number of the student's classes.
      data: the name of the data set, for messages.

    Raises:
      ConfigError: the file is missing or cannot be loaded, its network takes other inputs or has other outputs, or it
        gives probabilities: a softmax of these, as distillation takes it, is nearly uniform.
    """
    network = _loaded(path)
    inputs, outputs = _shapes(network)
    if not _fits(inputs, image_shape) or outputs != [(num_classes,)]:
        raise ConfigError(
            f"--teacher={path}: from {_text(inputs)} to {_text(outputs)}; needed for {data}: from images {image_shape} "
            f"to {num_classes} logits; give a network that was trained on such data"
        )
    if _gives_probabilities(network, image_shape):
        raise ConfigError(
            f"--teacher={path}: gives probabilities; needed: logits; save it again without its last softmax or sigmoid "
            "(of a Dense layer: layer.activation = keras.activations.linear)"
        )
    return network


def _loaded(path: str) -> keras.Model:
    if not os.path.isfile(path):
        raise ConfigError(
            f"--teacher={path}: no such file; needed: .keras files, such as those that experiments.export writes"
        )
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Damaged files can raise nearly any error.
        raise ConfigError(f"--teacher={path}: not a Keras file that can be loaded ({one_line(error)})") from error


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
