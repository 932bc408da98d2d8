"""Scalars and hyperparameters for TensorBoard, which is an optional extra."""

import os
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text

DIRECTORY = "tensorboard"
"""In a run directory."""


def callback(directory: str, config: RunConfig) -> keras.callbacks.Callback:
    """A callback that writes the statistics of each epoch, and the settings once, below a run directory."""
    from tensorboard.plugins.hparams import api

    writer = tf.summary.create_file_writer(os.path.join(directory, DIRECTORY))
    settings = {key: as_text(value) if isinstance(value, list) else value for key, value in config.to_json().items()}

    def begin(logs: Mapping[str, float] | None = None) -> None:
        with writer.as_default(step=0):
            api.hparams({key: value for key, value in settings.items() if value is not None})

    def write(epoch: int, logs: Mapping[str, Any]) -> None:
        with writer.as_default(step=epoch + 1):
            for name, value in logs.items():
                part, statistic = ("test", name.removeprefix("val_")) if name.startswith("val_") else ("train", name)
                tf.summary.scalar(f"{statistic}/{part}", float(value))
        writer.flush()

    return keras.callbacks.LambdaCallback(
        on_train_begin=begin, on_epoch_end=write, on_train_end=lambda logs: writer.close()
    )
