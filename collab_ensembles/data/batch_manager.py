"""BatchManager: which examples make up which batch, as a pure function of (seed, epoch)."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.data.arrays import checked
from collab_ensembles.streams import Stream, generator

_LARGEST_SHIFT = 0.125
"""Of the author's augmentation, as a share of height or width."""


def example_order(num_examples: int, shuffle: str, seed: int, epoch: int) -> np.ndarray:
    """The indices of the examples of one epoch, int64 [num_examples].

    Args:
      num_examples: how many there are.
      shuffle: `none` (as they stand, every epoch the same: the reference code's default), `permute`
        (a new permutation each epoch) or `bootstrap` (drawn with replacement: what the reference
        code does under its option `shuffle`).
      seed: the run's seed.
      epoch: counted from 0.

    Raises:
      ValueError: an unknown kind of shuffling.
    """
    random = generator(seed, Stream.ORDER, epoch)
    if shuffle == "none":
        return np.arange(num_examples)
    if shuffle == "permute":
        return random.permutation(num_examples)
    if shuffle == "bootstrap":
        return random.integers(num_examples, size=num_examples)
    raise ValueError(f"unknown shuffle {shuffle!r}; allowed: none, permute, bootstrap")


class Augmentation:
    """Shifts of up to 12.5 % in each direction and, if asked for, mirroring.

    With the border repeated, Noel's augmentation, but for one thing: each epoch starts from the images as they are.
    (The reference distorts them in place, so that distortions pile up.) With a black border, the crops of
    images padded by 4 pixels that are usual for CIFAR. Shifts are by whole pixels. What
    happens to the example at a position of the epoch does not depend on the size of the batches.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_examples: int,
        mirror: bool,
        seed: int,
        epoch: int,
        black_border: bool = False,
    ):
        height, width, _ = image_shape
        random = generator(seed, Stream.AUGMENTATION, epoch)
        self._black_border = black_border
        self._rows = _shifted(height, num_examples, random, black_border)
        self._columns = _shifted(width, num_examples, random, black_border)
        if mirror:
            mirrored = random.integers(2, size=num_examples) == 1
            self._columns[mirrored] = self._columns[mirrored, ::-1]

    def __call__(self, images: np.ndarray, positions: slice) -> np.ndarray:
        """The images [batch, height, width, channels] at these positions of the epoch, distorted."""
        rows, columns = self._rows[positions], self._columns[positions]
        batch = np.arange(len(images))
        if self._black_border:
            images = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)))
        return images[batch[:, None, None], rows[:, :, None], columns[:, None, :]]


def _shifted(size: int, num_examples: int, random: np.random.Generator, black_border: bool) -> np.ndarray:
    """For each example, which of `size` source rows (or columns) each target row takes.

    Beyond the border that is the nearest one, or a black one that follows the last.
    """
    largest = int(size * _LARGEST_SHIFT)
    shifts = random.integers(-largest, largest, size=(num_examples, 1), endpoint=True)
    sources = np.arange(size) + shifts
    if black_border:
        return np.where((sources >= 0) & (sources < size), sources, size)
    return np.clip(sources, 0, size - 1)


def _without_autotuning() -> tf.data.Options:
    """Keeps `tf.data` from tuning what has nothing to tune.

    Its tuning thread can miss that the iterator ends, and then holds up the next epoch for a minute or more: the
    rule on one core, frequent on busy ones (TensorFlow 2.21; benchmarks/NOTES.md).
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


class BatchManager:
    """Batches (images uint8 [batch, h, w, c], labels int32 [batch]) for `fit` and `evaluate`.

    Pass `dataset()` to them, and to `fit` also `epoch_clock()` as a callback unless every epoch is
    alike. One NumPy gather a batch; the images stay where they are, memory-mapped or not. The last
    batch is smaller where the examples do not divide evenly.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        *,
        shuffle: str = "none",
        augment: bool = False,
        mirror: bool = False,
        black_border: bool = False,
        noise: Callable[[int], np.ndarray] | None = None,
        seed: int = 0,
    ) -> None:
        """Takes the examples.

        Args:
          images: raw pixels, uint8 [examples, height, width, channels]; or [examples, height, width] of one channel.
          labels: class numbers from 0, of any type of integers, [examples] or [examples, 1]; or one-hot.
          batch_size: examples a batch, 1 to the number of examples.
          shuffle: see `example_order`.
          augment: distort the images; see `Augmentation`.
          mirror: mirror half of the images too, when they are distorted.
          black_border: what moves in when they are shifted is black.
          noise: the labels of an epoch, instead of `labels`; see `LabelNoise`.
          seed: the run's seed.

        Raises:
          DataError: images or labels of another form, see `datasets.arrays`, or not as many of the one as of the other.
          ValueError: a batch size that is not allowed.
        """
        images, labels = checked(images, labels)
        if not 1 <= batch_size <= len(labels):
            raise ValueError(f"received a batch size of {batch_size}; allowed: 1 to the {len(labels)} examples")
        self._images, self._labels, self._batch_size = images, labels, batch_size
        self._shuffle, self._augment, self._mirror, self._seed = shuffle, augment, mirror, seed
        self._black_border, self._noise = black_border, noise
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Lays down order and distortions of an epoch, counted from 0."""
        self._order = example_order(len(self._labels), self._shuffle, self._seed, epoch)
        self._augmentation = (
            Augmentation(self._images.shape[1:], len(self._labels), self._mirror, self._seed, epoch, self._black_border)
            if self._augment
            else None
        )
        if self._noise is not None:
            self._labels = self._noise(epoch)

    def dataset(self) -> tf.data.Dataset:
        """The batches of the epoch that stands when iteration begins.

        A `tf.data` pipeline of one operation: it costs a step a fifth of a millisecond, where a
        `keras.utils.PyDataset` costs more than one.
        """
        image_shape = self._images.shape[1:]

        def gather(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            images, labels = tf.numpy_function(self.__getitem__, [index], (tf.uint8, tf.int32))
            return tf.ensure_shape(images, (None, *image_shape)), tf.ensure_shape(labels, (None,))

        return tf.data.Dataset.range(len(self)).map(gather).with_options(_without_autotuning())

    def epoch_clock(self) -> keras.callbacks.Callback:
        """A callback that starts each epoch of `fit` here, whichever epoch `fit` begins with."""
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: self.start_epoch(epoch))

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return math.ceil(len(self._labels) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One batch, counted from 0."""
        positions = slice(index * self._batch_size, (index + 1) * self._batch_size)
        chosen = self._order[positions]
        images = self._images[chosen]
        if self._augmentation is not None:
            images = self._augmentation(images, positions)
        return images, self._labels[chosen]
