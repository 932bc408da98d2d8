"""IDX files, written by hand, and the Debian package that has Fashion-MNIST in them."""

import gzip
import pathlib
import struct

import numpy as np
import pytest

from collab_ensembles import data
from collab_ensembles.data import idx, sources
from collab_ensembles.errors import DataError

_NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def _idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def _write(directory: pathlib.Path) -> dict[str, np.ndarray]:
    """The four files, with few images; gives what they hold."""
    random, arrays = np.random.default_rng(0), {}
    for name in _NAMES:
        examples = 6 if name.startswith("train") else 4
        shape = (examples, 3, 2) if "images" in name else (examples,)
        arrays[name] = random.integers(0, 256, shape).astype(np.uint8)
        (directory / f"{name}-ubyte.gz").write_bytes(gzip.compress(_idx(arrays[name])))
    return arrays


def test_parts_have_the_pixels_and_labels_of_the_files(tmp_path: pathlib.Path) -> None:
    arrays = _write(tmp_path)
    parts = sources.read_fashion_debian(str(tmp_path))
    for part, prefix in (("train", "train"), ("test", "t10k")):
        assert parts[part].images[..., 0].tolist() == arrays[f"{prefix}-images-idx3"].tolist()
        assert parts[part].images.shape[-1] == 1
        assert parts[part].labels.tolist() == arrays[f"{prefix}-labels-idx1"].tolist()


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", b"\0\0\x08\x01\0\0", _idx(np.zeros(3, np.uint8))[:-1], b"\x1f\x8b\0\0"],
    ids=["empty", "of floats", "cut in its header", "cut in its content", "compressed"],
)
def test_another_content_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="IDX file"):
        idx.read(content)


def test_a_damaged_package_is_a_one_line_error(tmp_path: pathlib.Path) -> None:
    _write(tmp_path)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(DataError, match=r"truncated or not the expected files[^\n]*$"):
        sources.read_fashion_debian(str(tmp_path))
    path.unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1"):
        sources.read_fashion_debian(str(tmp_path))


def test_other_images_under_the_name_are_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content digests of Fashion-MNIST are known."""
    _write(tmp_path)
    monkeypatch.setattr(
        sources, "_sources", lambda entry: [("a copy", lambda *_: sources.read_fashion_debian(str(tmp_path)))]
    )
    with pytest.raises(DataError, match="a copy delivered unexpected data"):
        data.load("fashion_mnist", str(tmp_path / "data"))
