"""The residual networks of Noel (2017), section 3.3, in three of the four revisions of the reference code.

Input are raw pixels, 0 to 255, without scaling: batch normalisation without offset and scale takes
its place. Then a 3x3 convolution to F filters, B bricks of R blocks, of which all but the last end
in a reduction (half the height and width, twice the filters), the mean over height and width, and a
dense layer to the logits. Nothing normalises between the last brick and the mean.

The text names 2^B F as the width of the last layer; the code has 2^(B-1) F, since only B - 1 bricks
end in a reduction. The code is followed.
"""

import keras
import numpy as np

from collab_ensembles.networks import padding
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.layers import PatchConvolution
from collab_ensembles.networks.sizes import ResNetSize, check_image_shape
from collab_ensembles.tensor import Tensor


def build_resnet(
    size: ResNetSize,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    revision: str = "report",
    regularization_rate: float = 1e-4,
    decay_scope: str = "report",
    precision: str = "float32",
    pad: bool = False,
    random: np.random.Generator,
    name: str,
) -> keras.Model:
    """A network from float32 [batch, height, width, channels] to logits [batch, num_classes].

    Args:
      size: bricks, repetitions and filters.
      image_shape: (height, width, channels); the first two multiples of `size.image_divisor`.
      num_classes: the number of logits.
      revision: `report`, `fixed` or `post2018`; see the classes below.
      regularization_rate: s; each decayed kernel adds s * sum(w^2) / 2 to the model's losses.
      decay_scope: `report` decays the kernels of the first B - 1 bricks and their reductions, as a
        scoping accident of the reference code does; `all` decays every kernel.
      precision: `float32`, or `mixed_bfloat16` for the bricks and the convolution before them; pixels,
        batch statistics and logits stay in float32. Any other dtype, such as float64, holds throughout.
      pad: pad images of other sizes with zeros; see `padding`.
      random: where the seeds of the kernels' initial values come from.
      name: the model's name.

    Raises:
      ConfigError: height or width cannot be halved B - 1 times, and is not padded.
    """
    if not pad:
        check_image_shape(size, size.image_divisor, image_shape)
    brick = _REVISIONS[revision](
        random, regularization_rate=regularization_rate, precision=precision, momentum=0.99, epsilon=1e-3
    )
    brick.decays = decay_scope == "all"
    inputs, x = padding.inputs(image_shape, size.image_divisor, brick.exact)
    x = brick.normalize_input(x)
    x = brick.stem(x, size.filters)
    for index in range(1, size.bricks + 1):
        is_last = index == size.bricks
        brick.decays = decay_scope == "all" or not is_last
        for repetition in range(1, size.repetitions + 1):
            x = brick.block(x, f"brick{index}_block{repetition}")
        if not is_last:
            x = brick.reduction(x, f"brick{index}_reduction")
    logits = brick.logits(brick.mean(x), num_classes, initializer=keras.initializers.HeNormal)
    return keras.Model(inputs, logits, name=name)


class _ReportBrick(LayerFactory):
    """The code of 2 June 2017, behind the published tables: pre-activation blocks.

    The reduction's first convolution acts on the raw brick output: the reference normalises that
    and then, by a typo, does not use the result.
    """

    block_bias = True
    """Whether a block's second convolution and a reduction's shortcut have a bias."""

    def stem(self, x: Tensor, filters: int) -> Tensor:
        return self.convolve(x, filters, "first_convolution", bias=True)

    def block(self, x: Tensor, name: str) -> Tensor:
        filters = x.shape[-1]
        y = self.convolve(self.activate(x, f"{name}_1"), filters, f"{name}_convolution1")
        y = self.convolve(self.activate(y, f"{name}_2"), filters, f"{name}_convolution2", bias=self.block_bias)
        return self.add(x, y, f"{name}_sum")

    def reduction(self, x: Tensor, name: str) -> Tensor:
        filters = 2 * x.shape[-1]
        y = self.convolve(self._before_reduction(x, name), filters, f"{name}_convolution1", strides=2)
        y = self.convolve(self.activate(y, f"{name}_2"), filters, f"{name}_convolution2")
        shortcut = self._shortcut(x, filters, name, bias=self.block_bias)
        return self.add(shortcut, y, f"{name}_sum")

    def _before_reduction(self, x: Tensor, name: str) -> Tensor:
        return x

    def _shortcut(self, x: Tensor, filters: int, name: str, bias: bool) -> Tensor:
        return self.convolve(
            x, filters, f"{name}_shortcut", width=2, strides=2, padding="valid", bias=bias, kind=PatchConvolution
        )

    def normalize(
        self, x: Tensor, name: str, *, offset: bool = True, scale: bool = False, dtype: str | None = None
    ) -> Tensor:
        return super().normalize(x, name, offset=offset, scale=scale, dtype=dtype)


class _FixedBrick(_ReportBrick):
    """The code of 4 June 2017: the reduction normalises as the blocks do; no biases inside bricks."""

    block_bias = False

    def _before_reduction(self, x: Tensor, name: str) -> Tensor:
        return self.activate(x, f"{name}_1")


class _Post2018Brick(_ReportBrick):
    """The author's later correction: BN -> conv -> ReLU -> BN -> conv, and ReLU on the sum.

    Batch normalisation has neither offset nor scale, every convolution a bias, and a ReLU follows
    the network's first convolution too.
    """

    def stem(self, x: Tensor, filters: int) -> Tensor:
        return self.relu(super().stem(x, filters), "first_relu")

    def block(self, x: Tensor, name: str) -> Tensor:
        return self._add_and_activate(x, self._main_path(x, x.shape[-1], name, strides=1), name)

    def reduction(self, x: Tensor, name: str) -> Tensor:
        filters = 2 * x.shape[-1]
        shortcut = self._shortcut(x, filters, name, bias=True)
        return self._add_and_activate(shortcut, self._main_path(x, filters, name, strides=2), name)

    def _main_path(self, x: Tensor, filters: int, name: str, strides: int) -> Tensor:
        y = self.normalize(x, f"{name}_1_normalization", offset=False)
        y = self.convolve(y, filters, f"{name}_convolution1", strides=strides, bias=True)
        y = self.relu(y, f"{name}_relu")
        y = self.normalize(y, f"{name}_2_normalization", offset=False)
        return self.convolve(y, filters, f"{name}_convolution2", bias=True)

    def _add_and_activate(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        return self.relu(self.add(x, y, f"{name}_sum"), f"{name}_sum_relu")


_REVISIONS: dict[str, type[_ReportBrick]] = {
    "report": _ReportBrick,
    "fixed": _FixedBrick,
    "post2018": _Post2018Brick,
}
