"""The linear classifiers of nodes that learn without labels, and their validation; Lacaille (2018), section 2.2.4.1."""

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.methods.nodes import probe
from collab_ensembles.tensor import Tensor

VALIDATED = ("validation_error", "collective_validation_error")
"""What is recorded after each epoch: the error of the mean node on the validation part, and that of all together."""

_MANY = 500

Examples = tuple[np.ndarray, np.ndarray]


class Probes:
    """Trains the last layers of networks on the codes below them, on all training examples."""

    def __init__(self, members: Sequence[keras.Model], seed: int) -> None:
        """Takes networks from images to logits."""
        self._members, self._seed = list(members), seed
        below = [keras.Model(member.input, member.layers[-1].input) for member in members]
        self._codes = tf.function(lambda images: [network(tf.cast(images, tf.float32)) for network in below])

    def keep(self, training: Examples, validation: Examples | None) -> None:
        """Takes images and labels.

        Raises:
          ValueError: there is no validation part.
        """
        if validation is None:
            raise ValueError("received no validation part; it is needed to end the training of linear classifiers")
        self._training, self._validation = training, validation

    def fit(self) -> None:
        """Trains all classifiers on the present codes."""
        (images, labels), (others, known) = self._training, self._validation
        for member, codes, validation in zip(self._members, self._all(images), self._all(others), strict=True):
            classes = member.output_shape[-1]
            member.layers[-1].set_weights(probe.train(codes, labels, validation, known, classes, self._seed))

    def validated(self, together: Callable[[list[Tensor]], Tensor]) -> dict[str, float]:
        """What is recorded, see `VALIDATED`; `together` gives the collective logits from those of all nodes."""
        images, labels = self._validation
        logits = [
            member.layers[-1](codes).numpy() for member, codes in zip(self._members, self._all(images), strict=True)
        ]
        errors = [np.mean(each.argmax(axis=1) != labels) for each in logits]
        collective = np.asarray(together(logits)).argmax(axis=1) if len(logits) > 1 else logits[0].argmax(axis=1)
        return dict(zip(VALIDATED, (float(np.mean(errors)), float(np.mean(collective != labels))), strict=True))

    def _all(self, images: np.ndarray) -> list[np.ndarray]:
        """The codes of all networks, [examples, code] each."""
        parts = list(self._batches(images))
        return [np.concatenate(own) for own in zip(*parts, strict=True)]

    def _batches(self, images: np.ndarray) -> Iterator[list[np.ndarray]]:
        for start in range(0, len(images), _MANY):
            yield [codes.numpy() for codes in self._codes(images[start : start + _MANY])]
