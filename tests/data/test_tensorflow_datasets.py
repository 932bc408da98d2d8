"""Data sets from tensorflow-datasets alone: by its own builders, on a few made-up examples, for want of a network."""

import dataclasses
import pathlib
import shutil
import string
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from collab_ensembles import data
from collab_ensembles.data import catalogue, sources
from collab_ensembles.errors import DataError

_NAMES = ("svhn", "kmnist", "emnist/balanced")


def _picture(label: int, number: int, shape: tuple[int, int, int]) -> np.ndarray:
    """An upright picture that is not symmetric: bright rows below the top, as many as the label says."""
    pixels = np.zeros(shape, np.uint8)
    pixels[: label // 2 + 1, : label % 7 + 3] = 255 - number
    return pixels


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> dict[str, dict[str, int]]:
    """Lets the builders prepare few examples in place of the official files; returns their numbers by part."""
    sizes = {}
    monkeypatch.setattr(sources, "_require_archives", lambda entry, data_dir: None)
    for name in _NAMES:
        entry = catalogue.CATALOGUE[name]
        classes = len(entry.label_names)
        sizes[name] = {"train": 2 * classes, "test": classes}
        monkeypatch.setitem(catalogue.CATALOGUE, name, dataclasses.replace(entry, sizes=sizes[name]))

        def generate(entry: catalogue.Entry, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
            for index in range(number):
                label = index % len(entry.label_names)
                image = _picture(label, index, entry.image_shape)
                image = image.swapaxes(0, 1) if entry.name == "emnist/balanced" else image
                yield index, {"image": image, "label": label, **({"id": str(index)} if entry.name == "svhn" else {})}

        def split(
            self: Any, manager: Any, entry: catalogue.Entry = entry, sizes: dict[str, int] = sizes[name]
        ) -> dict[str, Any]:
            return {part: generate(entry, number) for part, number in sizes.items()}

        monkeypatch.setattr(tfds.builder_cls(entry.builder or name.partition("/")[0]), "_split_generators", split)
    return sizes


@pytest.mark.parametrize("name", _NAMES)
def test_images_come_upright_with_their_labels(
    name: str, prepared: dict[str, dict[str, int]], tmp_path: pathlib.Path
) -> None:
    entry = catalogue.CATALOGUE[name]
    found = data.load(name, str(tmp_path))
    assert (found.name, found.label_names, found.image_shape) == (entry.label, entry.label_names, entry.image_shape)
    for images, labels, number in (
        (found.train_images, found.train_labels, prepared[name]["train"]),
        (found.test_images, found.test_labels, prepared[name]["test"]),
    ):
        expected = {
            (index % found.num_classes, _picture(index % found.num_classes, index, entry.image_shape).tobytes())
            for index in range(number)
        }
        assert {(int(label), image.tobytes()) for image, label in zip(images, labels, strict=True)} == expected
    # The second time it comes from the cache.
    assert data.load(name, str(tmp_path), fetch=False).digest() == found.digest()


def test_other_sizes_are_refused_and_not_kept(
    prepared: dict[str, dict[str, int]], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = catalogue.CATALOGUE["kmnist"]
    monkeypatch.setitem(catalogue.CATALOGUE, "kmnist", dataclasses.replace(entry, sizes={"train": 20, "test": 9}))
    with pytest.raises(DataError, match=r"\(10, 28, 28, 1\) in 10 classes as the test part of kmnist; needed: \(9, "):
        data.load("kmnist", str(tmp_path))
    assert not list((tmp_path / "arrays").glob("kmnist/train"))


def test_damaged_files_are_named_with_what_mends_them(
    prepared: dict[str, dict[str, int]], tmp_path: pathlib.Path
) -> None:
    digest = data.load("kmnist", str(tmp_path)).digest()
    shutil.rmtree(tmp_path / "arrays")
    (path,) = tmp_path.glob("kmnist/*/*test*tfrecord*")
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(DataError, match=f"{path.parent}: cannot be read .*delete it"):
        data.load("kmnist", str(tmp_path))
    shutil.rmtree(path.parent)
    assert data.load("kmnist", str(tmp_path)).digest() == digest


@pytest.mark.parametrize("name", _NAMES)
def test_the_catalogue_says_what_the_builders_say(name: str, tmp_path: pathlib.Path) -> None:
    entry = catalogue.CATALOGUE[name]
    builder = tfds.builder(entry.builder or name, data_dir=str(tmp_path))
    features = builder.info.features
    assert features["image"].shape == entry.image_shape
    assert features["label"].num_classes == len(entry.label_names)
    if name == "kmnist":
        assert tuple(features["label"].names) == entry.label_names
    if name == "emnist/balanced":
        config = builder.builder_config
        assert {"train": config.train_examples, "test": config.test_examples} == entry.sizes
        assert "inverted horizontally and rotated 90 anti-clockwise" in builder.info.description


def test_the_classes_of_emnist_are_the_digits_the_capitals_and_eleven_small_letters() -> None:
    """Cohen et al. (2017), section II: of 15 letters, capital and small one are merged."""
    names = catalogue.CATALOGUE["emnist/balanced"].label_names
    assert names[:36] == tuple(string.digits + string.ascii_uppercase)
    merged = set("cijklmopsuvwxyz")
    assert names[36:] == tuple(letter for letter in string.ascii_lowercase if letter not in merged)
