"""Loads trained networks from Keras files and checks that they can be teachers."""

import os

import keras

from collab_ensembles.errors import ConfigError, one_line
from collab_ensembles.networks import classifier


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
    classifier.check(
        network,
        f"--teacher={path}",
        image_shape,
        num_classes,
        data,
        "give a network that was trained on such data",
        "save it again without its last softmax or sigmoid (of a Dense layer: layer.activation = "
        "keras.activations.linear)",
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
