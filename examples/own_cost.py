"""A collaboration cost of your own: the large network teaches the small one, more from epoch to epoch.

Example:
  python -m examples.own_cost
"""

from typing import Any

import keras

import collab_ensembles as ce


def hellinger(source: Any, target: Any) -> Any:
    """The squared Hellinger distance of the two predictions, mean over the batch."""
    # Not the root of the softmax: where a probability is 0, that has no derivative.
    roots = [keras.ops.exp(keras.ops.log_softmax(logits) / 2) for logits in (source, target)]
    return keras.ops.mean(keras.ops.sum(keras.ops.square(roots[0] - roots[1]), axis=-1)) / 2


def network(width: int, shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A network with one hidden layer."""
    keras.utils.set_random_seed(width)
    hidden = [keras.layers.Rescaling(1 / 16), keras.layers.Flatten(), keras.layers.Dense(width, activation="relu")]
    return keras.Sequential([keras.Input(shape), *hidden, keras.layers.Dense(classes)])


def main() -> None:
    """Trains with a link whose weight rises, and prints how far apart the members are."""
    data = ce.load_data("digits")
    members = {name: network(width, data.image_shape, 10) for name, width in (("large", 64), ("small", 8))}
    links = [ce.Link("large", "small", hellinger, weight=lambda epoch: 0.2 * epoch)]
    model = ce.EnsembleModel(members, links=links)
    model.compile(keras.optimizers.Adam(0.005))
    history = model.fit(
        data.train_images,
        data.train_labels,
        batch_size=64,
        epochs=6,
        validation_data=(data.test_images, data.test_labels),
        verbose=0,
    )
    for epoch, share in enumerate(history.history["val_disagreement"]):
        print(
            f"epoch {epoch + 1}: weight {0.2 * epoch:.1f}, the members disagree on {100 * share:.1f} % of test images"
        )


if __name__ == "__main__":
    main()
