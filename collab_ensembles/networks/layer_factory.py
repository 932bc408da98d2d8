"""Makes the layers of networks, with one precision, one decay and one source of initial values."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from collab_ensembles.networks.layers import BatchNormalization, Convolution
from collab_ensembles.tensor import Tensor

Initializer = Callable[..., keras.initializers.Initializer]
"""Makes an initializer from `seed`."""

_uniform: Initializer = functools.partial(keras.initializers.VarianceScaling, 1 / 3, "fan_in", "uniform")
"""From -1 / sqrt(inputs) to 1 / sqrt(inputs), as Torch's dense layers begin."""


class LayerFactory:
    """Makes named layers of a network and puts each on a tensor [batch, height, width, channels].

    Every layer names its dtype and, where it has one, the order of its axes: neither follows Keras' settings.
    Only layers are made, no bare operations: a layer has the name `prefix` + `name`, whatever was built before it,
    and Keras can clone and save it. So factories with different prefixes can put the same part of a network
    several times into one `keras.Model`, as the branches of a training graph. A name that is used twice with one
    prefix raises ValueError once a `keras.Model` holds both layers.

    Kernels of convolutions begin with the values of He et al. (2015), from a normal distribution; those of the logits
    as `logits` says; biases and offsets with 0, scales with 1. Biases, offsets and scales do not decay.

    Attributes:
      prefix: the beginning of the name of every layer.
      exact: the dtype of pixels, of the mean over height and width and of logits, whatever the precision.
      decays: whether new kernels decay, if the rate is above 0.
    """

    def __init__(
        self,
        random: np.random.Generator,
        *,
        regularization_rate: float,
        precision: str = "float32",
        prefix: str = "",
        momentum: float = 0.9,
        epsilon: float = 1e-5,
    ) -> None:
        """A factory for layers of one precision.

        Args:
          random: the source of the seeds of the kernels' initial values: one number for each kernel, in the order in
            which kernels are made. Factories can share it.
          regularization_rate: s; each decayed kernel adds s * sum(w^2) / 2 to the model's losses.
          precision: `float32`, or `mixed_bfloat16` for variables in float32 and operations in bfloat16. Any other
            dtype, such as float64, holds throughout.
          prefix: see the class.
          momentum: of the moving averages of batch normalisation, which keep this much of the old value.
          epsilon: the constant that batch normalisation adds to the variance. The papers on ResNets and DenseNets give
            neither; these two are Torch's defaults (whose momentum is 1 minus this one), which the Torch code of both
            keeps.
        """
        self.prefix = prefix
        self.exact = "float32" if precision == "mixed_bfloat16" else precision
        self.decays = True
        self._precision = precision
        self._momentum, self._epsilon = momentum, epsilon
        # keras.regularizers.L2(l) is l * sum(w^2).
        self._decay = keras.regularizers.L2(regularization_rate / 2) if regularization_rate > 0 else None
        self._seeds = _seeds(random)

    def normalize_input(self, x: Tensor) -> Tensor:
        """Pixels with mean 0 and variance 1 a channel, by batch normalisation without offset and scale.

        So Noel (2017) does it. The other papers take the training set's mean and deviation, or do not say; this is
        the same but for the batch's chance, for data of any range, and the network's file is whole.
        """
        return self.normalize(x, "input_normalization", offset=False, scale=False, dtype=self.exact)

    def standardize(self, x: Tensor, mean: float, deviation: float) -> Tensor:
        """Pixels less a mean, over a deviation, as `exact`; both numbers are of pixels divided by 255."""
        layer = keras.layers.Rescaling(
            1 / (255 * deviation), -mean / deviation, dtype=self.exact, name=f"{self.prefix}standardization"
        )
        return layer(x)

    def convolve(
        self,
        x: Tensor,
        filters: int,
        name: str,
        *,
        width: int = 3,
        strides: int = 1,
        padding: str = "same",
        bias: bool = False,
        activation: str | None = None,
        kind: type[keras.layers.Conv2D] | None = None,
        initializer: Initializer = keras.initializers.HeNormal,
    ) -> Tensor:
        """A convolution with a kernel of `width` x `width`; to be strided as in Caffe and Torch, `pad` first."""
        default = Convolution if keras.config.backend() == "jax" else keras.layers.Conv2D
        layer = (kind or default)(
            filters,
            width,
            strides=strides,
            padding=padding,
            use_bias=bias,
            activation=activation,
            data_format="channels_last",
            dtype=self._precision,
            name=self.prefix + name,
            **self._kernel_options(initializer),
        )
        return layer(x)

    def normalize(
        self, x: Tensor, name: str, *, offset: bool = True, scale: bool = True, dtype: str | None = None
    ) -> Tensor:
        """Batch normalisation; in the factory's precision if no dtype is given."""
        layer = BatchNormalization(
            momentum=self._momentum,
            epsilon=self._epsilon,
            center=offset,
            scale=scale,
            dtype=dtype or self._precision,
            name=self.prefix + name,
        )
        return layer(x)

    def relu(self, x: Tensor, name: str) -> Tensor:
        """The positive part."""
        return keras.layers.ReLU(dtype=self._precision, name=self.prefix + name)(x)

    def leaky_relu(self, x: Tensor, slope: float, name: str) -> Tensor:
        """The positive part, and the negative part times a slope."""
        return keras.layers.LeakyReLU(slope, dtype=self._precision, name=self.prefix + name)(x)

    def activate(self, x: Tensor, name: str) -> Tensor:
        """Batch normalisation and ReLU, named after `name`."""
        return self.relu(self.normalize(x, f"{name}_normalization"), f"{name}_relu")

    def add(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        """The sum of two tensors of one shape."""
        return keras.layers.Add(dtype=self._precision, name=self.prefix + name)([x, y])

    def concatenate(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        """The channels of both, those of x first."""
        return keras.layers.Concatenate(axis=-1, dtype=self._precision, name=self.prefix + name)([x, y])

    def pad(self, x: Tensor, width: int, name: str) -> Tensor:
        """Zeros on all four sides of the images."""
        layer = keras.layers.ZeroPadding2D(
            width, data_format="channels_last", dtype=self._precision, name=self.prefix + name
        )
        return layer(x)

    def pad_channels(self, x: Tensor, channels: int, name: str) -> Tensor:
        """As many channels of zeros after those of x as make `channels` of them."""
        # Told that the channels come first, the layer takes the last axis for the width. Keras has no layer that
        # pads channels, and an operation would get a name that depends on what was built before.
        more = ((0, 0), (0, channels - x.shape[-1]))
        layer = keras.layers.ZeroPadding2D(
            more, data_format="channels_first", dtype=self._precision, name=self.prefix + name
        )
        return layer(x)

    def subsample(self, x: Tensor, name: str) -> Tensor:
        """Every other row and column, the first included."""
        return self.average(x, name, width=1, strides=2)

    def average(self, x: Tensor, name: str, *, width: int = 2, strides: int = 2) -> Tensor:
        """Means of squares of `width` x `width`; rows and columns that fill none are left out."""
        layer = keras.layers.AveragePooling2D(
            width, strides=strides, data_format="channels_last", dtype=self._precision, name=self.prefix + name
        )
        return layer(x)

    def maximum(self, x: Tensor, name: str, *, width: int = 2, strides: int = 2) -> Tensor:
        """Maxima of squares of `width` x `width`; rows and columns that fill none are left out."""
        layer = keras.layers.MaxPooling2D(
            width, strides=strides, data_format="channels_last", dtype=self._precision, name=self.prefix + name
        )
        return layer(x)

    def flatten(self, x: Tensor, name: str = "flatten") -> Tensor:
        """[batch, height * width * channels], as `exact`."""
        layer = keras.layers.Flatten(data_format="channels_last", dtype=self.exact, name=self.prefix + name)
        return layer(x)

    def drop(self, x: Tensor, share: float, name: str) -> Tensor:
        """Dropout: in training 0 in place of a share of the values, drawn anew in each step; the others are raised."""
        layer = keras.layers.Dropout(share, seed=next(self._seeds), dtype=self._precision, name=self.prefix + name)
        return layer(x)

    def mean(self, x: Tensor, name: str = "mean") -> Tensor:
        """The mean over height and width: [batch, channels], as `exact`."""
        layer = keras.layers.GlobalAveragePooling2D(
            data_format="channels_last", dtype=self.exact, name=self.prefix + name
        )
        return layer(x)

    def logits(
        self,
        x: Tensor,
        num_classes: int,
        name: str = "logits",
        *,
        initializer: Initializer = _uniform,
        uniform_bias: bool = False,
    ) -> Tensor:
        """A dense layer with bias from [batch, features] to [batch, num_classes], as `exact`.

        No ReLU halves what it gives out, and features grow with every sum of a residual network: with the values of
        He et al. the logits of an untrained ResNet-20 have a standard deviation of 2.4, and networks that learn from
        each other begin with noise. By default the kernel is uniform within 1 / sqrt(features), as the Torch code of
        ResNets and DenseNets leaves it. Biases begin with 0, or, if asked for, as that code leaves them: uniform
        within the same bounds.
        """
        kernel = self._kernel_options(initializer)
        if uniform_bias:
            bound = 1 / math.sqrt(x.shape[-1])
            kernel["bias_initializer"] = keras.initializers.RandomUniform(-bound, bound, next(self._seeds))
        return keras.layers.Dense(num_classes, dtype=self.exact, name=self.prefix + name, **kernel)(x)

    def dense(self, x: Tensor, units: int, name: str) -> Tensor:
        """A dense layer as Keras begins it, as `exact`: with Glorot's uniform kernel, and biases of 0."""
        return self.logits(x, units, name, initializer=keras.initializers.GlorotUniform)

    def _kernel_options(self, initializer: Initializer) -> dict[str, Any]:
        return {
            "kernel_initializer": initializer(seed=next(self._seeds)),
            "kernel_regularizer": self._decay if self.decays else None,
        }


def _seeds(random: np.random.Generator) -> Iterator[int]:
    while True:
        yield int(random.integers(2**31 - 1))
