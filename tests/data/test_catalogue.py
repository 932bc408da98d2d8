"""What is known of data sets before they are read, against FIDELITY.md and the published figures."""

import pathlib

import numpy as np
import pytest

from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError


@pytest.mark.parametrize(
    ("name", "label", "epochs"),
    [
        ("digits", "digits", 30),
        ("mnist", "MNIST", 30),
        ("fashion_mnist", "FashionMNIST", 30),
        ("cifar10", "CIFAR10", 30),
        ("cifar100", "CIFAR100", 30),
        ("notmnist", "notMNIST", 15),
        ("notmnist/small", "notMNIST_small", 15),
        ("some/where/my data_2.npz", "my-data-2", 30),
    ],
)
def test_labels_and_lengths_of_training_are_those_of_the_reference(name: str, label: str, epochs: int) -> None:
    assert catalogue.label(name) == label
    assert catalogue.default_epochs(name) == epochs


@pytest.mark.parametrize(
    ("name", "split", "shape", "num_train"),
    [
        ("digits", "report", (8, 8, 1), 1_437),
        ("digits", "validation", (8, 8, 1), 1_294),
        ("mnist", "report", (28, 28, 1), 60_000),
        ("mnist", "standard", (28, 28, 1), 60_000),
        ("mnist", "validation", (28, 28, 1), 54_000),
        ("fashion_mnist", "report", (28, 28, 1), 60_000),
        ("cifar10", "report", (32, 32, 3), 50_000),
        ("cifar100", "validation", (32, 32, 3), 45_000),
        ("notmnist", "report", (28, 28, 1), 500_000),
        ("notmnist/small", "report", (28, 28, 1), 14_581),
    ],
)
def test_descriptions_have_the_published_shapes_and_sizes(
    name: str, split: str, shape: tuple[int, int, int], num_train: int
) -> None:
    assert catalogue.describe(name, split) == catalogue.Description(shape, num_train)


def test_an_own_file_is_described_by_the_header_of_its_images(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "own.npz"
    np.savez_compressed(path, x_train=np.zeros((70, 6, 4, 2), np.uint8), y_train=0, x_test=0, y_test=0)
    assert catalogue.describe(str(path), "report") == catalogue.Description((6, 4, 2), 70)
    assert catalogue.describe(str(path), "validation") == catalogue.Description((6, 4, 2), 63)


def test_an_own_file_without_images_or_with_other_shapes_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, y_train=np.zeros(3))
    with pytest.raises(DataError, match=r"own\.npz: not an \.npz file with x_train, y_train, x_test and y_test"):
        catalogue.describe(str(path), "report")
    np.savez(path, x_train=np.zeros((3, 8)), y_train=0, x_test=0, y_test=0)
    with pytest.raises(DataError, match=r"x_train has the shape \(3, 8\)"):
        catalogue.describe(str(path), "report")
