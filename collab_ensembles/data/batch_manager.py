"""BatchManager: the batches of each epoch, as a pure function of (seed, epoch)."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from collab_ensembles.data.arrays import checked
from collab_ensembles.streams import Stream, generator

_LARGEST_SHIFT = 0.125
"""Largest shift of the author's augmentation, as a share of height or width."""

PIECE = 100
"""Most steps in a piece of an epoch, see `BatchManager.pieces`. Python sees a signal between two pieces only: 100 steps
of the largest network that is trained so, a teacher with two layers of 1,200 units, take two to three seconds on one
core, less than a sweep grants a run to end. Fewer would cost speed: besides its steps a piece takes some three
milliseconds, 100 steps of the smallest student 21 (benchmarks/NOTES.md)."""


def example_order(num_examples: int, shuffle: str, seed: int, epoch: int) -> np.ndarray:
    """The indices of the examples of one epoch, int64 [num_examples].

    Args:
      num_examples: the number of examples.
      shuffle: `none` (the given order in every epoch: the reference code's default), `permute` (a new permutation each
        epoch) or `bootstrap` (drawn with replacement: what the reference code does under its option `shuffle`).
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

    With a repeated border, this is Noel's augmentation, with one difference: each epoch starts from the original
    images. (The reference code distorts them in place, so that distortions add up.) With a black border, these are the
    usual crops for CIFAR, of images padded by 4 pixels. Shifts are by whole pixels. The distortion of an example
    depends on its position in the epoch, not on the batch size.
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
    """For each example, the index of the source row (or column), of `size`, of each target row.

    Outside the image it is the nearest row, or a black row after the last one.
    """
    largest = int(size * _LARGEST_SHIFT)
    shifts = random.integers(-largest, largest, size=(num_examples, 1), endpoint=True)
    sources = np.arange(size) + shifts
    if black_border:
        return np.where((sources >= 0) & (sources < size), sources, size)
    return np.clip(sources, 0, size - 1)


def _without_autotuning() -> tf.data.Options:
    """Switches off the automatic tuning of `tf.data`, which has nothing to tune here.

    Its tuning thread can miss the end of the iterator, and then delays the next epoch for a minute or more: always on
    one core, often on busy cores (TensorFlow 2.21; benchmarks/NOTES.md).
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def in_pieces(
    steps: int,
    most: int,
    arrays: Callable[[int, int], tuple[np.ndarray, ...]],
    signature: tuple[tf.TensorSpec, ...],
) -> tf.data.Dataset:
    """The steps of an epoch in pieces, for a model that loops over steps itself.

    Each piece is what `arrays` gives, and its first step, counted from 0, and the one after its last, int32 [2].

    Args:
      steps: of the epoch.
      most: steps of a piece.
      arrays: called for each piece with these two numbers when its turn comes.
      signature: of what it gives.
    """

    def piece(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        first = tf.cast(number, tf.int32) * most
        span = tf.stack([first, tf.minimum(first + most, steps)])
        given = tf.numpy_function(lambda ends: arrays(*map(int, ends)), [span], [spec.dtype for spec in signature])
        shaped = [tf.ensure_shape(each, spec.shape) for each, spec in zip(given, signature, strict=True)]
        return (*shaped, span)

    return tf.data.Dataset.range(math.ceil(steps / most)).map(piece).with_options(_without_autotuning())


class BatchManager:
    """Batches (images uint8 [batch, h, w, c], labels int32 [batch]) for `fit` and `evaluate`.

    Pass `dataset()` to both. If epochs differ, also pass `epoch_clock()` to `fit` as a callback. Each batch is one
    NumPy gather; the images are not copied as a whole, so they can be memory-mapped. The last batch may be smaller.
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
          batch_size: examples per batch, from 1 to the number of examples.
          shuffle: see `example_order`.
          augment: distort the images; see `Augmentation`.
          mirror: with `augment`, also mirror half of the images.
          black_border: shifted images have a black border.
          noise: gives the labels of each epoch in place of `labels`; see `LabelNoise`.
          seed: the run's seed.

        Raises:
          DataError: images or labels have another form, see `data.arrays`, or their numbers differ.
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
        """Sets order and distortions for an epoch, counted from 0."""
        self._order = example_order(len(self._labels), self._shuffle, self._seed, epoch)
        self._augmentation = (
            Augmentation(self._images.shape[1:], len(self._labels), self._mirror, self._seed, epoch, self._black_border)
            if self._augment
            else None
        )
        if self._noise is not None:
            self._labels = self._noise(epoch)

    @property
    def examples(self) -> tuple[np.ndarray, np.ndarray]:
        """All images and, as they are in this epoch, labels, in the data's own order."""
        return self._images, self._labels

    def pieces(self, step_size: int) -> tf.data.Dataset:
        """The epoch in pieces of at most `PIECE` steps, for a model that has the images and loops over steps itself.

        Each piece is (order, labels, steps): the whole epoch's order, int64 [examples]; the labels in this order, int32
        [examples]; the piece's first step, counted from 0, and the one after its last, int32 [2]. Step s has the
        `step_size` examples from place s * step_size of the order on. Examples that fill no step are left out.

        Raises:
          ValueError: there are fewer examples than one step needs.
        """
        examples = len(self._labels)
        steps = examples // step_size
        if steps == 0:
            raise ValueError(f"received {examples} training examples; a step needs {step_size}; give it more examples")
        signature = (tf.TensorSpec(examples, tf.int64), tf.TensorSpec(examples, tf.int32))
        return in_pieces(steps, PIECE, lambda first, last: self.order_and_labels(), signature)

    def order_and_labels(self) -> tuple[np.ndarray, np.ndarray]:
        """The epoch's order, int64 [examples], and the labels in this order, int32 [examples]."""
        return self._order, self._labels[self._order]

    def dataset(self) -> tf.data.Dataset:
        """The batches of the epoch that is set when the iteration begins.

        A `tf.data` pipeline of one operation: it costs a step a fifth of a millisecond, where a
        `keras.utils.PyDataset` costs more than one.
        """
        image_shape = self._images.shape[1:]

        def gather(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            images, labels = tf.numpy_function(self.__getitem__, [index], (tf.uint8, tf.int32))
            return tf.ensure_shape(images, (None, *image_shape)), tf.ensure_shape(labels, (None,))

        return tf.data.Dataset.range(len(self)).map(gather).with_options(_without_autotuning())

    def epoch_clock(self) -> keras.callbacks.Callback:
        """A callback that sets each epoch of `fit`, also if `fit` does not begin with epoch 0."""
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: self.start_epoch(epoch))

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return math.ceil(len(self._labels) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One batch, counted from 0."""
        positions = slice(index * self._batch_size, (index + 1) * self._batch_size)
        chosen = self._order[positions]
        images = self._images[chosen]
        if self._augmentation is not None:
            images = self._augmentation(images, positions)
        return images, self._labels[chosen]
