"""The layers that Keras lacks."""

from typing import Any

import keras

from collab_ensembles.tensor import Tensor

_FUSED_DTYPES = ("float32", "bfloat16", "float16")

_MOST_PLACES, _MOST_CHANNELS = 9, 64
"""Of a kernel that is taken as a matrix: places, and channels that it reads. Copies of the inputs, one for each place,
then take less time than a convolution of few channels takes to begin."""

_LEAST_CHANNELS_IN_BFLOAT16 = 16
"""With fewer channels, the fused operation in bfloat16 leaves oneDNN's fast path: ten times slower."""


@keras.saving.register_keras_serializable("collab_ensembles")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalisation on TensorFlow's fused operation; with another backend, Keras' own.

    The same variables, settings and formula, with coarser sums: in batches of 64 images, variances of raw pixels
    are off by up to 6e-4 (docs/FIDELITY.md). On a CPU a whole training step of the networks here takes about a
    sixth less time, since the fused operation also takes in a ReLU that follows. What the operation does not cover
    (other than four dimensions with the channels last, masks, renormalisation, float64) is left to Keras. Fewer than
    16 channels of bfloat16 are normalised in float32.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """Normalises inputs [batch, height, width, channels]; see `keras.layers.BatchNormalization`."""
        channels_last = len(inputs.shape) == 4 and self.axis in (-1, 3)
        is_tensorflow = keras.config.backend() == "tensorflow"
        if not is_tensorflow or not channels_last or mask is not None or self.renorm or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        inputs = tf.convert_to_tensor(inputs)
        if inputs.dtype == tf.bfloat16 and inputs.shape[-1] < _LEAST_CHANNELS_IN_BFLOAT16:
            inputs = tf.cast(inputs, tf.float32)
        if inputs.dtype.name not in _FUSED_DTYPES:
            return super().call(inputs, training=training)
        if training and self.trainable:
            outputs, mean, variance = self._fused(inputs, None, None)
            self._update(inputs, mean, variance)
        else:
            mean, variance = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
            outputs, _, _ = self._fused(inputs, mean, variance)
        return tf.cast(outputs, self.compute_dtype)

    def _fused(self, inputs: Tensor, mean: Tensor | None, variance: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        import tensorflow as tf

        channels = inputs.shape[-1]
        return tf.compat.v1.nn.fused_batch_norm(
            inputs,
            scale=tf.ones([channels]) if self.gamma is None else tf.convert_to_tensor(self.gamma),
            offset=tf.zeros([channels]) if self.beta is None else tf.convert_to_tensor(self.beta),
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=mean is None,
        )

    def _update(self, inputs: Tensor, mean: Tensor, variance: Tensor) -> None:
        """Takes the batch's moments into the moving averages.

        The fused operation gives the unbiased variance; Keras, like TensorFlow 1.1's unfused layer,
        averages the biased one.
        """
        import tensorflow as tf

        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
        biased = variance * (tf.maximum(count - 1, 1) / count)
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
        self.moving_variance.assign(self.moving_variance * keep + biased * (1 - keep))


@keras.saving.register_keras_serializable("collab_ensembles")
class Convolution(keras.layers.Conv2D):
    """A convolution of few channels as one product of matrices, for Keras' JAX backend.

    The same variables and, within rounding, numbers as `keras.layers.Conv2D`. XLA's convolutions are slow where
    channels are few: on a CPU in their gradients, on a GPU in their start, and in groups, as which `vmap` takes the
    convolutions of several runs (benchmarks/NOTES.md).
    """

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolves inputs [batch, height, width, channels], or leaves it to Keras where this would not help."""
        (height, width), channels = self.kernel_size, inputs.shape[-1]
        is_small = height * width <= _MOST_PLACES and channels <= _MOST_CHANNELS
        is_plain = self.data_format == "channels_last" and self.groups == 1 and self.dilation_rate == (1, 1)
        if not (is_small and is_plain):
            return super().convolution_op(inputs, kernel)
        if self.padding == "same":
            sides = zip(inputs.shape[1:3], self.kernel_size, self.strides, strict=True)
            inputs = keras.ops.pad(inputs, ((0, 0), *(_same_padding(*side) for side in sides), (0, 0)))
        down, across = self.strides
        rows, columns = (inputs.shape[1] - height) // down + 1, (inputs.shape[2] - width) // across + 1
        places = [
            inputs[:, top : top + down * (rows - 1) + 1 : down, left : left + across * (columns - 1) + 1 : across]
            for top in range(height)
            for left in range(width)
        ]
        patches = keras.ops.reshape(keras.ops.concatenate(places, -1), (-1, height * width * channels))
        products = keras.ops.matmul(patches, keras.ops.reshape(kernel, (-1, self.filters)))
        return keras.ops.reshape(products, (-1, rows, columns, self.filters))


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after the pixels of an axis; what is odd stands after them, as everywhere in Keras."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


@keras.saving.register_keras_serializable("collab_ensembles")
class PatchConvolution(keras.layers.Conv2D):
    """A convolution whose strides equal its kernel's size, as one product of matrices.

    Patches do not overlap, so that a reshaped copy of the inputs holds them all. The same variables
    and, within rounding, numbers as `keras.layers.Conv2D`, in half the time: the gradient of a strided
    convolution with respect to its input is slow on a CPU.
    """

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolves inputs [batch, height, width, channels], or leaves it to Keras where patches overlap."""
        height, width = self.kernel_size
        is_tiled = self.strides == self.kernel_size and self.padding == "valid" and inputs.shape[1] % height == 0
        channels_last = self.data_format == "channels_last" and inputs.shape[2] % width == 0
        if not (is_tiled and channels_last and self.groups == 1 and self.dilation_rate == (1, 1)):
            return super().convolution_op(inputs, kernel)
        rows, columns, channels = inputs.shape[1] // height, inputs.shape[2] // width, inputs.shape[3]
        patches = keras.ops.reshape(inputs, (-1, rows, height, columns, width, channels))
        patches = keras.ops.transpose(patches, (0, 1, 3, 2, 4, 5))
        matrix = keras.ops.reshape(kernel, (height * width * channels, self.filters))
        products = keras.ops.matmul(keras.ops.reshape(patches, (-1, matrix.shape[0])), matrix)
        return keras.ops.reshape(products, (-1, rows, columns, self.filters))


@keras.saving.register_keras_serializable("collab_ensembles")
class GradientScale(keras.layers.Layer):
    """The identity, with a gradient that is multiplied by a constant.

    Song and Chai (2018), equation 5, where the factor is one by the number of branches that follow.
    """

    def __init__(self, factor: float, **options: Any) -> None:
        """Takes the factor, and what any layer takes."""
        super().__init__(**options)
        self.factor = factor
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """Gives the inputs, of any shape, as they are."""

        @keras.ops.custom_gradient
        def identity(x: Tensor) -> tuple[Tensor, Any]:
            return keras.ops.copy(x), lambda upstream: upstream * self.factor

        return identity(inputs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "factor": self.factor}
