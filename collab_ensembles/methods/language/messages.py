"""Messages: rows of symbols, drawn with the Gumbel-softmax (Jang et al. 2017); Lacaille (2018), section 4.2.2."""

import dataclasses

import keras
import tensorflow as tf

from collab_ensembles.tensor import Tensor

VOCABULARY = 2
"""The symbols to choose from; the thesis calls a message of them a sequence of bits."""

_STEPS = 100
"""The steps between two changes of the temperature."""


@dataclasses.dataclass(frozen=True)
class Temperature:
    """The temperature of the Gumbel-softmax over a training; Lacaille (2018), section 4.3.

    Attributes:
      first: at the beginning.
      factor: what it is multiplied by after each 100 steps.
      lowest: below which it does not fall.
    """

    first: float
    factor: float
    lowest: float

    def of(self, step: Tensor) -> Tensor:
        """The temperature of a step, counted from 0; float32 []."""
        changes = keras.ops.cast(step // _STEPS, "float32")
        return keras.ops.maximum(self.first * keras.ops.power(self.factor, changes), min(self.lowest, self.first))


def gumbel(shape: tuple[Tensor | int, ...], seed: Tensor) -> Tensor:
    """Numbers from the standard Gumbel distribution, float32; `seed`, int64 [2], decides them."""
    uniform = tf.random.stateless_uniform(shape, seed, minval=1e-20, maxval=1.0, alg="philox")
    return -tf.math.log(-tf.math.log(uniform))


def log_gumbel_softmax(logits: Tensor, noise: Tensor, temperature: Tensor | float) -> Tensor:
    """The logarithm of a sample of the Gumbel-softmax: it is softmax((logits + noise) / temperature).

    Args:
      logits: float32 [..., vocabulary].
      noise: from `gumbel`, of the same shape.
      temperature: above 0. Near 0 the sample is one-hot; the place of its highest value is, at any temperature, a
        draw from the softmax of the logits.
    """
    return keras.ops.log_softmax((logits + noise) / temperature, axis=-1)


def symbols(logits: Tensor) -> Tensor:
    """The message without chance, as it is tested: the most probable symbols, int32 [..., length].

    Args:
      logits: float32 [..., length, vocabulary].
    """
    return keras.ops.cast(keras.ops.argmax(logits, axis=-1), "int32")


def likelihood_cost(log_predicted: Tensor, message: Tensor) -> Tensor:
    """L_likelihood of equation 4.2.5, in nats: the cross-entropy of a received message and the receiver's own.

    The sum over the symbols of a message, equation 4.2.6, and the mean over the batch.

    Args:
      log_predicted: the logarithm of the receiver's message, float32 [batch, length, vocabulary].
      message: the message received, of the same shape.
    """
    return -keras.ops.mean(keras.ops.sum(message * log_predicted, axis=(1, 2)))
