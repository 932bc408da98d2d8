"""Nodes that learn codes of images without labels: VAE and BiGAN; Lacaille (2018), section 2.2.4."""

import dataclasses
import functools
import math
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.methods.nodes import messages
from collab_ensembles.methods.nodes.learners import Computed, Minibatch
from collab_ensembles.models.statistics import error
from collab_ensembles.networks import strided
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.sizes import StridedSize
from collab_ensembles.settings.method import Shape
from collab_ensembles.tensor import Tensor

CODE = 64
"""The numbers of a code; the thesis does not give them."""

_WHITE = 255.0


@dataclasses.dataclass(frozen=True)
class Networks:
    """The networks of a node.

    Attributes:
      member: from pixels, [batch, height, width, channels], to the logits of a linear classifier on the codes.
      encoder: the same layers below it, to the outputs of the encoder: codes; or their means and log variances.
      decoder: from codes [batch, CODE] to logits of pixels of the images' shape.
      judge: from pixels and codes to scores [batch, 1]; of the BiGAN alone.
    """

    member: keras.Model
    encoder: keras.Model
    decoder: keras.Model
    judge: keras.Model | None = None


def build(
    size: StridedSize, image_shape: Shape, num_classes: int, kind: str, random: np.random.Generator, name: str
) -> Networks:
    """The networks of a node.

    Args:
      size: of the encoder; decoder and judge have its structure.
      image_shape: (height, width, channels).
      num_classes: of the classifier.
      kind: `vae` or `bigan`.
      random: of the initial values.
      name: of the node.
    """
    factory = LayerFactory(random, regularization_rate=0.0)
    images = keras.Input(image_shape, dtype="float32", name="images")
    below = strided.encoder(factory, images, size)
    code = factory.dense(below, CODE, "code")
    outputs = [code, factory.dense(below, CODE, "log_variance")] if kind == "vae" else [code]
    member = keras.Model(images, factory.logits(code, num_classes), name=name)
    encoder = keras.Model(images, outputs, name=f"{name}_encoder")
    decoder = _decoder(factory, size, image_shape, f"{name}_decoder")
    judge = _judge(factory, size, image_shape, f"{name}_judge") if kind == "bigan" else None
    return Networks(member, encoder, decoder, judge)


def _decoder(factory: LayerFactory, size: StridedSize, image_shape: Shape, name: str) -> keras.Model:
    """The encoder's pairs from the last one to the first, with transposed convolutions for the strided ones."""
    height, width, channels = image_shape
    sizes = [(height, width)]
    for _ in range(strided.PAIRS):
        sizes.append((math.ceil(sizes[-1][0] / 2), math.ceil(sizes[-1][1] / 2)))
    filters = [size.filters * 2**pair for pair in range(strided.PAIRS)]
    codes = keras.Input((CODE,), dtype="float32", name="codes")
    smallest = (*sizes[-1], filters[-1])
    x = factory.dense(codes, math.prod(smallest), "start")
    x = keras.layers.Reshape(smallest, dtype="float32", name="square")(x)
    transposed = functools.partial(
        factory.convolve, strides=2, padding="same", kind=keras.layers.Conv2DTranspose, bias=False
    )
    for pair in reversed(range(strided.PAIRS)):
        x = transposed(x, filters[pair], f"pair{pair + 1}_transposed")
        # Halves were rounded up.
        rows, columns = (2 * small - large for small, large in zip(sizes[pair + 1], sizes[pair], strict=True))
        cut = keras.layers.Cropping2D(
            ((0, rows), (0, columns)), data_format="channels_last", dtype="float32", name=f"pair{pair + 1}_cut"
        )
        x = factory.activate(cut(x), f"pair{pair + 1}_transposed")
        if pair:
            x = factory.activate(
                factory.convolve(x, filters[pair - 1], f"pair{pair + 1}_convolution"), f"pair{pair + 1}_convolution"
            )
    x = factory.convolve(x, channels, "pixels", bias=True)
    return keras.Model(codes, x, name=name)


def _judge(factory: LayerFactory, size: StridedSize, image_shape: Shape, name: str) -> keras.Model:
    images = keras.Input(image_shape, dtype="float32", name="images")
    codes = keras.Input((CODE,), dtype="float32", name="codes")
    x = keras.layers.Concatenate(dtype="float32", name="both")([strided.encoder(factory, images, size), codes])
    x = factory.leaky_relu(factory.dense(x, 4 * size.filters, "dense"), strided.SLOPE, "dense_relu")
    return keras.Model([images, codes], factory.dense(x, 1, "score"), name=name)


def normal(shape: tuple[Tensor | int, ...], seed: Tensor) -> Tensor:
    """Numbers of a standard normal distribution, float32; `seed`, int64 [2], decides them."""
    return tf.random.stateless_normal(shape, seed, alg="philox")


def divergence(mean: Tensor, log_variance: Tensor, other_mean: Tensor, other_log_variance: Tensor) -> Tensor:
    """D_KL of independent Gaussians from others, [batch, CODE] each, summed over the code: float32 [batch]."""
    ratio = keras.ops.exp(log_variance - other_log_variance)
    distance = keras.ops.square(mean - other_mean) * keras.ops.exp(-other_log_variance)
    return keras.ops.sum(ratio + distance - 1 + other_log_variance - log_variance, axis=-1) / 2


class VAE:
    """A variational auto-encoder (Kingma and Welling 2014).

    An own minibatch has the negative evidence lower bound, equation 1.4.5, with pixels from 0 to 1 as probabilities of
    a Bernoulli distribution, summed over pixels. A received one has the divergence D_KL of the sender's Gaussian codes
    from the receiver's.
    """

    def __init__(self, networks: Networks, communicates: bool) -> None:
        """Takes the networks, and whether nodes send each other codes."""
        self._communicates = communicates
        self.member, self._encoder, self._decoder = networks.member, networks.encoder, networks.decoder
        self.width = 2 * CODE

    @property
    def variables(self) -> list[keras.Variable]:
        """Those of encoder and decoder."""
        return [*self._encoder.trainable_variables, *self._decoder.trainable_variables]

    def further(self) -> Mapping[str, keras.Model]:
        """Encoder and decoder."""
        return {"encoder": self._encoder, "decoder": self._decoder}

    def compute(self, minibatch: Minibatch) -> Computed:
        """See `Learner`; the error is that of the linear classifier, which is trained apart."""
        with tf.GradientTape() as tape:
            mean, log_variance = self._encoder(minibatch.images, training=True)
            sample = mean + keras.ops.exp(log_variance / 2) * normal(tf.shape(mean), minibatch.seed)
            pixels = self._decoder(sample, training=True)
            costs = reconstruction_cost(minibatch.images, pixels) + divergence(
                mean, log_variance, tf.zeros_like(mean), tf.zeros_like(mean)
            )
            if self._communicates:
                sent, log_sent = tf.split(keras.ops.stop_gradient(minibatch.received), 2, axis=-1)
                costs = tf.where(minibatch.consumed, divergence(sent, log_sent, mean, log_variance), costs)
            cost = keras.ops.mean(costs)
        gradients = tape.gradient(cost, [each.value for each in self.variables])
        wrong = error(minibatch.labels, self.member.layers[-1](mean))
        return Computed(cost, wrong, gradients, tf.concat([mean, log_variance], axis=-1))


def reconstruction_cost(images: Tensor, pixels: Tensor) -> Tensor:
    """The cross-entropy of pixels 0 to 255 and logits of pixels, summed over them: float32 [batch]."""
    costs = tf.nn.sigmoid_cross_entropy_with_logits(labels=images / _WHITE, logits=pixels)
    return keras.ops.sum(costs, axis=(1, 2, 3))


class BiGAN:
    """A bidirectional generative adversarial network (Donahue et al. 2017).

    The judge tells images with their codes from generated images with the noise that they come from, in one minibatch
    of both; encoder and generator lower the cost of the opposite answers. A received minibatch has half the squared
    distance of the codes, equation 2.2.3, and trains the encoder alone. In such a step the gradients of generator and
    judge are 0, and Adam's momentum moves them on.
    """

    def __init__(self, networks: Networks, communicates: bool) -> None:
        """Takes the networks, which have a judge, and whether nodes send each other codes."""
        self._communicates = communicates
        assert networks.judge is not None
        self.member, self._encoder, self._generator = networks.member, networks.encoder, networks.decoder
        self._judge = networks.judge
        self.width = CODE

    @property
    def variables(self) -> list[keras.Variable]:
        """Those of encoder, generator and judge."""
        return [variable for network in self.further().values() for variable in network.trainable_variables]

    def further(self) -> Mapping[str, keras.Model]:
        """Encoder, generator and judge."""
        return {"encoder": self._encoder, "generator": self._generator, "judge": self._judge}

    def compute(self, minibatch: Minibatch) -> Computed:
        """See `Learner`; the cost is that of encoder and generator, the error that of the linear classifier."""
        noise = normal((tf.shape(minibatch.images)[0], CODE), minibatch.seed)
        with tf.GradientTape(persistent=True) as tape:
            (code,) = tf.nest.flatten(self._encoder(minibatch.images, training=True))
            generated = _WHITE * keras.ops.sigmoid(self._generator(noise, training=True))
            # In one pass, and with plain costs: otherwise TensorFlow adds up gradients in an order that changes from
            # one tracing to the next, and with it their last bits.
            pixels, codes = (keras.ops.concatenate(each) for each in ((minibatch.images, generated), (code, noise)))
            real, made = tf.split(keras.ops.squeeze(self._judge([pixels, codes], training=True), axis=-1), 2)
            judging = keras.ops.softplus(-real) + keras.ops.softplus(made)
            costs = keras.ops.softplus(real) + keras.ops.softplus(-made)
            if self._communicates:
                matching = messages.feature_cost(code, keras.ops.stop_gradient(minibatch.received))
                costs = tf.where(minibatch.consumed, matching, costs)
                judging = tf.where(minibatch.consumed, 0.0, judging)
            cost, judging = keras.ops.mean(costs), keras.ops.mean(judging)
        players = [*self._encoder.trainable_variables, *self._generator.trainable_variables]
        gradients = tape.gradient(cost, [each.value for each in players])
        gradients += tape.gradient(judging, [each.value for each in self._judge.trainable_variables])
        return Computed(cost, error(minibatch.labels, self.member.layers[-1](code)), gradients, code)
