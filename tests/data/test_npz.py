"""The user's own arrays."""

import pathlib
from typing import Any

import numpy as np
import pytest

from collab_ensembles import data
from collab_ensembles.data import catalogue, npz
from collab_ensembles.errors import ConfigError, DataError


def _arrays(**changes: Any) -> dict[str, np.ndarray]:
    random = np.random.default_rng(8)
    arrays = {
        "x_train": random.integers(0, 256, (50, 8, 4, 3), dtype=np.uint8),
        "y_train": random.integers(0, 4, 50),
        "x_test": random.integers(0, 256, (20, 8, 4, 3), dtype=np.uint8),
        "y_test": random.integers(0, 4, 20),
    }
    return {key: value for key, value in {**arrays, **changes}.items() if value is not None}


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "own" / "my data.npz"
    path.parent.mkdir()
    np.savez(path, **_arrays())  # type: ignore[arg-type]
    return path


@pytest.fixture
def data_dir(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "data")


def _pairs(images: np.ndarray, labels: np.ndarray) -> list[tuple[int, bytes]]:
    return sorted((int(label), image.tobytes()) for image, label in zip(images, labels, strict=True))


def test_own_arrays_keep_their_parts_and_the_label_of_each_image(path: pathlib.Path, data_dir: str) -> None:
    dataset, arrays = data.load(str(path), data_dir), _arrays()
    assert _pairs(dataset.train_images, dataset.train_labels) == _pairs(arrays["x_train"], arrays["y_train"])
    assert _pairs(dataset.test_images, dataset.test_labels) == _pairs(arrays["x_test"], arrays["y_test"])
    assert dataset.train_labels.dtype == np.int32
    assert dataset.image_shape == (8, 4, 3)
    assert dataset.label_names == ("0", "1", "2", "3")


def test_the_order_of_the_examples_in_the_file_does_not_matter(path: pathlib.Path, data_dir: str) -> None:
    first, arrays = data.load(str(path), data_dir), _arrays()
    order = np.random.default_rng(9).permutation(50)
    np.savez(path, **{**arrays, "x_train": arrays["x_train"][order], "y_train": arrays["y_train"][order]})  # type: ignore[arg-type]
    second = data.load(str(path), data_dir)
    assert np.array_equal(first.train_images, second.train_images)
    assert np.array_equal(first.train_labels, second.train_labels)


def test_the_validation_split_leaves_the_test_part_alone(path: pathlib.Path, data_dir: str) -> None:
    whole, validation = data.load(str(path), data_dir), data.load(str(path), data_dir, "validation")
    assert np.array_equal(validation.train_images, whole.train_images[:45])
    assert np.array_equal(validation.test_images, whole.train_images[45:])


def test_images_of_three_dimensions_have_one_channel(path: pathlib.Path, data_dir: str) -> None:
    arrays = _arrays()
    flat = {key: value[..., 0] if key[0] == "x" else value for key, value in arrays.items()}
    np.savez_compressed(path, **flat)  # type: ignore[arg-type]
    dataset = data.load(str(path), data_dir)
    assert dataset.image_shape == (8, 4, 1)
    assert _pairs(dataset.test_images, dataset.test_labels) == _pairs(flat["x_test"], flat["y_test"])
    assert catalogue.describe(str(path), "report") == catalogue.Description((8, 4, 1), 50)


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"x_test": np.zeros((20, 8, 4, 3))}, ["x_test is float64 (20, 8, 4, 3)", "uint8"]),
        (
            {"x_train": np.zeros((50, 8), np.uint8)},
            ["x_train is uint8 (50, 8)", "(examples, height, width[, channels])"],
        ),
        ({"x_train": np.zeros((0, 8, 4, 3), np.uint8)}, ["x_train is uint8 (0, 8, 4, 3)", "at least one example"]),
        ({"x_test": np.zeros((20, 8, 8, 3), np.uint8)}, ["(8, 4, 3)", "(8, 8, 3)", "must be the same"]),
        ({"y_train": np.zeros(49, int)}, ["y_train is int64 (49,)", "shape (50,)"]),
        ({"y_test": np.zeros(20)}, ["y_test is float64 (20,)", "integers"]),
        ({"x_test": np.zeros((0, 8, 4, 3), np.uint8), "y_test": np.zeros(0, int)}, ["x_test is uint8 (0, 8, 4, 3)"]),
        ({"x_test": np.zeros((20, 3, 8, 8), np.uint8)}, ["x_test is uint8 (20, 3, 8, 8)", "np.moveaxis(x, 1, -1)"]),
        ({"y_test": np.array(["owl"] * 20)}, ["y_test is <U3 (20,)", "np.searchsorted"]),
        ({"y_test": np.full(20, 1_000_000)}, ["y_test has labels up to 1000000", "0 to 999999"]),
        ({"y_train": np.full(50, -1)}, ["y_train holds labels from -1 to -1", "0 to 2147483647"]),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_what_is_needed(
    path: pathlib.Path, data_dir: str, changes: dict[str, Any], fragments: list[str]
) -> None:
    np.savez(path, **_arrays(**changes))  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        npz.read(str(path), data_dir)
    for fragment in [str(path), *fragments]:
        assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_a_missing_array_is_named(path: pathlib.Path, data_dir: str, key: str) -> None:
    np.savez(path, **_arrays(**{key: None}))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=rf"my data\.npz: lacks {key}; needed: x_train, y_train, x_test, y_test"):
        npz.read(str(path), data_dir)
    # Its headers tell that as well.
    with pytest.raises(DataError, match=rf"my data\.npz: not an \.npz file with x_train, .*no item named '{key}\.npy'"):
        catalogue.describe(str(path), "report")


def test_labels_above_255_are_told_apart_from_those_they_end_like(path: pathlib.Path, data_dir: str) -> None:
    labels = np.random.default_rng(2).integers(70_000, size=50)
    np.savez(path, **_arrays(y_train=labels))  # type: ignore[arg-type]
    dataset = data.load(str(path), data_dir)
    assert _pairs(dataset.train_images, dataset.train_labels) == _pairs(_arrays()["x_train"], labels)
    assert dataset.train_labels.dtype == np.int32
    assert dataset.num_classes == labels.max() + 1
    np.savez(path, **_arrays(y_train=labels % 256))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="changed since it was first used"):
        npz.read(str(path), data_dir)


@pytest.mark.parametrize("form", [lambda y: y[:, None], lambda y: np.eye(4)[y], lambda y: y.astype(np.uint8)])
def test_labels_of_other_forms_are_the_same_data(path: pathlib.Path, data_dir: str, form: Any) -> None:
    """Down to the digests: the record that the first reading left holds for the second."""
    first, arrays = data.load(str(path), data_dir), _arrays()
    np.savez(path, **_arrays(y_train=form(arrays["y_train"]), y_test=form(arrays["y_test"])))  # type: ignore[arg-type]
    assert data.load(str(path), data_dir).digest() == first.digest()


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_changed_content_is_refused_when_the_file_is_used_again(path: pathlib.Path, data_dir: str, key: str) -> None:
    npz.read(str(path), data_dir)
    arrays = _arrays()
    arrays[key].flat[0] ^= 1
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="changed since it was first used"):
        npz.read(str(path), data_dir)


def test_files_whose_paths_look_alike_are_not_taken_for_each_other(tmp_path: pathlib.Path, data_dir: str) -> None:
    for directory, name, label in (("a", "b_c.npz", 1), ("a_b", "c.npz", 2)):
        (tmp_path / directory).mkdir()
        path = tmp_path / directory / name
        np.savez(path, **_arrays(y_train=np.full(50, label)))  # type: ignore[arg-type]
        assert set(npz.read(str(path), data_dir)[0].labels.tolist()) == {label}


def test_a_missing_file_is_a_data_error(tmp_path: pathlib.Path, data_dir: str) -> None:
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        npz.read(str(tmp_path / "none.npz"), data_dir)
    with pytest.raises(ConfigError, match=r"none\.npz: no such file"):
        catalogue.describe(str(tmp_path / "none.npz"), "report")


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04rubbish", b"\x93NUMPY\x01\x00"])
def test_a_file_of_another_kind_is_a_data_error(path: pathlib.Path, data_dir: str, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"my data\.npz: not a"):
        npz.read(str(path), data_dir)
    with pytest.raises(DataError, match=r"my data\.npz: not a"):
        catalogue.describe(str(path), "report")


def test_a_single_array_under_the_ending_npz_is_a_data_error(path: pathlib.Path, data_dir: str) -> None:
    with path.open("wb") as file:
        np.save(file, _arrays()["x_train"])
    with pytest.raises(DataError, match=r"my data\.npz: not a"):
        npz.read(str(path), data_dir)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_damaged_anywhere_in_its_arrays_is_a_data_error(
    path: pathlib.Path, data_dir: str, compressed: bool
) -> None:
    (np.savez_compressed if compressed else np.savez)(path, **_arrays())  # type: ignore[arg-type]
    content = path.read_bytes()
    for position in range(200, len(content) - 600, len(content) // 50):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"my data\.npz"):
            npz.read(str(path), data_dir)


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_file_cut_short_is_a_data_error(path: pathlib.Path, data_dir: str, kept: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=r"my data\.npz: not a"):
        npz.read(str(path), data_dir)
    with pytest.raises(DataError, match=r"my data\.npz: not a"):
        catalogue.describe(str(path), "report")


def test_pickled_objects_are_refused_and_not_loaded(path: pathlib.Path, data_dir: str, tmp_path: pathlib.Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return pathlib.Path.touch, (tmp_path / "touched",)

    labels = np.empty(50, object)
    labels[:] = [Harmful()] * 50
    np.savez(path, **_arrays(y_train=labels))  # type: ignore[arg-type]
    with pytest.raises(
        DataError, match=r"my data\.npz: y_train contains Python objects.*; np\.unique\(y, return_inverse=True\)\[1\]$"
    ):
        npz.read(str(path), data_dir)
    assert not (tmp_path / "touched").exists()
