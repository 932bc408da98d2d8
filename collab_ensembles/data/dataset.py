"""The common form of all data sets."""

import dataclasses
import hashlib

import numpy as np


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Training and test examples, in the order of their example digests or, with `--split=author`, the author's.

    Attributes:
      name: the data set's name in files and directories, such as `MNIST`.
      train_images: uint8 [examples, height, width, channels].
      train_labels: int32 [examples].
      test_images: uint8 [examples, height, width, channels].
      test_labels: int32 [examples].
      label_names: the names of the labels 0, 1, ...
      unlabelled: images without labels, uint8 [examples, height, width, channels]; None if there are none.
      num_train: how many training examples there were before `first` left some out; None: it did not.
      is_folder: whether the data are a folder of images, which alone tells the names of its classes.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    label_names: tuple[str, ...]
    unlabelled: np.ndarray | None = None
    num_train: int | None = None
    is_folder: bool = False

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        height, width, channels = self.train_images.shape[1:]
        return height, width, channels

    @property
    def folder_names(self) -> tuple[str, ...]:
        """The names of the classes of a folder of images; empty for other data."""
        return self.label_names if self.is_folder else ()

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.label_names)

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all examples in their order."""
        return _digest(self.train_images, self.train_labels, self.test_images, self.test_labels)

    def unlabelled_digest(self) -> str:
        """The same of the images without labels; empty if there are none."""
        return "" if self.unlabelled is None else _digest(self.unlabelled)

    def parted(self, held_out: int) -> "tuple[Dataset, tuple[np.ndarray, np.ndarray] | None]":
        """The same data without the last training examples, and images and labels of these; None if there are none."""
        if not held_out:
            return self, None
        last = self.train_images[-held_out:], self.train_labels[-held_out:]
        return self.first(len(self.train_labels) - held_out), last

    def first(self, train_limit: int) -> "Dataset":
        """The same data with only the first `train_limit` training examples; the test set is complete."""
        return dataclasses.replace(
            self,
            train_images=self.train_images[:train_limit],
            train_labels=self.train_labels[:train_limit],
            num_train=self.num_train or len(self.train_labels),
        )


def _digest(*arrays: np.ndarray) -> str:
    result = hashlib.sha256()
    for array in arrays:
        result.update(f"{array.dtype} {array.shape}".encode())
        result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()
