"""The input of a network, padded where its sides cannot be halved as often as needed."""

import keras

from collab_ensembles.tensor import Tensor


def inputs(image_shape: tuple[int, int, int], divisor: int, dtype: str) -> tuple[Tensor, Tensor]:
    """The input, raw pixels [batch, height, width, channels], and the same with sides that are multiples of `divisor`.

    Zeros, which are black, are added on both sides alike; if their number is odd, one more below and on the right. If
    nothing has to be added, there is no layer. Batch statistics count the zeros.
    """
    images = keras.Input(image_shape, dtype=dtype, name="images")
    height, width, _ = image_shape
    sides = [(missing // 2, missing - missing // 2) for missing in (-height % divisor, -width % divisor)]
    if sides == [(0, 0), (0, 0)]:
        return images, images
    return images, keras.layers.ZeroPadding2D(tuple(sides), dtype=dtype, name="padding")(images)
