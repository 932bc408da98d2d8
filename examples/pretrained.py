"""A pretrained network with frozen layers is a member: only its new last layer learns.

The pretrained network is a small one that is trained here on five classes first; one from `keras.applications` is used
in the same way.

Example:
  python -m examples.pretrained
The same network on the command line, from a file:
  python -m examples.pretrained --out=pretrained.keras
  python -m experiments.train --members=pretrained.keras,ST --method=CE --learning_rate=0.01 --epochs=8
"""

import argparse
import sys
from collections.abc import Sequence

import keras
import numpy as np

import collab_ensembles as ce


def pretrained(images: np.ndarray, labels: np.ndarray) -> keras.Model:
    """The features of a network that has learned five of the ten digits."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(images.shape[1:])
    x = keras.layers.Rescaling(1 / 16)(inputs)
    x = keras.layers.Conv2D(16, 3, activation="relu")(x)
    x = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, keras.layers.Dense(5)(x))
    model.compile(keras.optimizers.Adam(0.005), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    known = labels < 5
    model.fit(images[known], labels[known], batch_size=64, epochs=5, verbose=0)
    return keras.Model(inputs, x)


def main(arguments: Sequence[str] = ()) -> None:
    """Trains a frozen network with a new head beside one that learns from nothing; or saves the first, untrained."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", help="only save the pretrained network with its new layer, as this .keras file")
    out = parser.parse_args(arguments).out
    data = ce.load_data("digits")
    images = np.asarray(data.train_images)
    features = pretrained(images, data.train_labels)
    features.trainable = False
    inputs = keras.Input(data.image_shape)
    frozen = keras.Model(inputs, keras.layers.Dense(10)(features(inputs)))
    if out:
        frozen.save(out)
        print(f"pretrained network with a new last layer: {out}")
        return
    fresh = keras.Sequential(
        [
            keras.Input(data.image_shape),
            keras.layers.Rescaling(1 / 16),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    model = ce.EnsembleModel({"pretrained": frozen, "fresh": fresh}, ce.cross_entropy, weight=0.1)
    model.compile(keras.optimizers.Adam(0.01))
    before = features.get_weights()
    model.fit(images, data.train_labels, batch_size=64, epochs=8, verbose=0)
    same = all(np.array_equal(one, other) for one, other in zip(before, features.get_weights(), strict=True))
    errors = model.evaluate(np.asarray(data.test_images), data.test_labels, verbose=0, return_dict=True)
    print(f"the frozen layers have not changed: {same}")
    for name in model.statistics_names:
        print(f"{name:10s} test error {100 * errors[f'{name}_error']:.1f} %")


if __name__ == "__main__":
    main(sys.argv[1:])
