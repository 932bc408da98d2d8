"""Saves networks as Keras files that load without this package."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from collab_ensembles import files


def with_stock_layers(network: keras.Model) -> keras.Model:
    """The same network with its weights, in float32, made of Keras' own layers."""

    def stock(layer: keras.layers.Layer) -> keras.layers.Layer:
        # This package's layers have the variables and the configuration of their Keras base classes.
        kind: Any = next(kind for kind in type(layer).__mro__ if not kind.__module__.startswith("collab_ensembles."))
        return kind.from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(network, clone_function=stock, recursive=True)
    copy.set_weights(network.get_weights())
    return copy


def save(network: keras.Model, path: str) -> None:
    """Saves a network, rebuilt from stock Keras layers, as the file `path` (ending in .keras).

    Raises:
      CollabError: the file cannot be written.
    """
    files.write_bytes(path, content(network))


def own_classes(network: keras.Model) -> list[str]:
    """The classes of layers that are neither Keras' nor this package's, whose code a file does not bring."""
    kinds = {type(layer) for layer in _layers(network)}
    return sorted(kind.__name__ for kind in kinds if kind.__module__.split(".")[0] not in ("keras", "collab_ensembles"))


def _layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a network, and those of the networks in it."""
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def content(network: keras.Model) -> bytes:
    """What `save` writes."""
    with tempfile.TemporaryDirectory() as directory:
        whole = os.path.join(directory, "network.keras")
        with warnings.catch_warnings():
            # Keras 3.15 still passes NumPy a keyword that NumPy 2.4 deprecates.
            warnings.filterwarnings("ignore", message=r"__array__ implementation doesn't accept a copy keyword")
            with_stock_layers(network).save(whole)
        with open(whole, "rb") as file:
            return file.read()
