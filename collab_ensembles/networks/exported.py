"""Networks as Keras files for people who do not have this package."""

import os
import tempfile
import warnings

import keras

from collab_ensembles import files


def save(network: keras.Model, path: str) -> None:
    """Saves a network of stock Keras layers as the file `path` (ending in .keras).

    Raises:
      CollabError: the file cannot be written.
    """
    with tempfile.TemporaryDirectory() as directory:
        whole = os.path.join(directory, "network.keras")
        with warnings.catch_warnings():
            # Keras 3.15 still passes NumPy a keyword that NumPy 2.4 deprecates.
            warnings.filterwarnings("ignore", message=r"__array__ implementation doesn't accept a copy keyword")
            network.save(whole)
        with open(whole, "rb") as file:
            files.write_bytes(path, file.read())
