"""The notMNIST builder, on fake archives."""

import collections
import pathlib
import shutil
import tempfile
from collections.abc import Callable
from typing import ClassVar
from unittest import mock

import numpy as np
import pytest
import tensorflow_datasets as tfds
from make_fake_notmnist import LARGE, LETTERS, SMALL, Example, Fake, make_archives
from tensorflow_datasets import testing

from collab_ensembles import data
from collab_ensembles.data import catalogue, sources
from collab_ensembles.data.notmnist import NotMNIST
from collab_ensembles.errors import DataError

_TRAIN_PER_CLASS, _TEST_PER_CLASS = 5, 3


class _BuilderTest(testing.DatasetBuilderTestCase):
    """Makes the archives for a subclass and expects their content."""

    DATASET_CLASS = NotMNIST
    SKIP_CHECKSUMS = True  # archives are judged by their content
    FOLDER: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        fakes = make_archives(pathlib.Path(cls.EXAMPLE_DIR) / cls.FOLDER)
        facts = {
            "SMALL_DIGEST": fakes[SMALL].content_digest(),
            "TRAIN_PER_CLASS": _TRAIN_PER_CLASS,
            "TEST_PER_CLASS": _TEST_PER_CLASS,
        }
        cls._patches = mock.patch.multiple(NotMNIST, **facts)
        cls._patches.start()
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls._patches.stop()
        shutil.rmtree(cls.EXAMPLE_DIR)


class FullNotMNISTTest(_BuilderTest):
    """From archives in the manual directory."""

    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar = ["full"]
    FOLDER = ""
    # 12 images a letter, one more of J, two repeated; 8 a letter likewise, and one under two letters.
    SPLITS: ClassVar = {"train": 50, "train_rest": 123 - 50, "test": 30, "test_rest": 85 - 30}
    # Repeated images may fall on both sides of the cut.
    OVERLAPPING_SPLITS: ClassVar = ["train_rest", "test_rest"]


class SmallNotMNISTTest(_BuilderTest):
    """From an archive that had to be downloaded."""

    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar = ["small"]
    FOLDER = "downloaded"
    DL_DOWNLOAD_RESULT = "downloaded/notMNIST_small.tar.gz"
    # 8 images a letter give 6 and 2, the 9 of J give 7 and 2.
    SPLITS: ClassVar = {"train": 61, "test": 20}


del _BuilderTest  # or it would be collected


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fake]:
    return make_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture
def data_dir(tmp_path: pathlib.Path, fakes: dict[str, Fake], monkeypatch: pytest.MonkeyPatch) -> str:
    """A data directory with the archives in the manual directory; whoever asks a host has failed."""
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    for fake in fakes.values():
        shutil.copy(fake.path, manual)

    def refuse(url: str) -> None:
        raise AssertionError(f"asked {url}")

    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(sources, "_probe", refuse)
    monkeypatch.setattr(NotMNIST, "SMALL_DIGEST", fakes[SMALL].content_digest())
    monkeypatch.setattr(NotMNIST, "TRAIN_PER_CLASS", _TRAIN_PER_CLASS)
    monkeypatch.setattr(NotMNIST, "TEST_PER_CLASS", _TEST_PER_CLASS)
    return str(tmp_path)


def _examples(images: np.ndarray, labels: np.ndarray) -> list[Example]:
    return [(label, image.tobytes()) for image, label in zip(images, labels.tolist(), strict=True)]


def _first_of_each_letter(examples: list[Example], how_many: Callable[[int], int]) -> list[Example]:
    """The first `how_many(count)` examples of each letter, where count is what the letter has in all."""
    totals = collections.Counter(label for label, _ in examples)
    seen: collections.Counter[int] = collections.Counter()
    chosen = []
    for example in examples:
        seen[example[0]] += 1
        if seen[example[0]] <= how_many(totals[example[0]]):
            chosen.append(example)
    return chosen


def test_the_published_split_takes_the_first_of_each_letter_in_digest_order(
    data_dir: str, fakes: dict[str, Fake]
) -> None:
    dataset = data.load("notmnist", data_dir)
    train, test = fakes[LARGE].in_digest_order(), fakes[SMALL].in_digest_order()
    assert _examples(dataset.train_images, dataset.train_labels) == _first_of_each_letter(
        train, lambda _: _TRAIN_PER_CLASS
    )
    assert _examples(dataset.test_images, dataset.test_labels) == _first_of_each_letter(test, lambda _: _TEST_PER_CLASS)
    assert dataset.label_names == tuple(LETTERS)


def test_the_standard_split_has_all_readable_images(data_dir: str, fakes: dict[str, Fake]) -> None:
    dataset = data.load("notmnist", data_dir, "standard")
    assert _examples(dataset.train_images, dataset.train_labels) == fakes[LARGE].in_digest_order()
    assert _examples(dataset.test_images, dataset.test_labels) == fakes[SMALL].in_digest_order()


def test_notmnist_small_has_each_image_once_and_none_with_two_letters(
    data_dir: str, fakes: dict[str, Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = catalogue.CATALOGUE["notmnist/small"]
    monkeypatch.setitem(  # type: ignore[misc]
        catalogue.CATALOGUE, "notmnist/small", catalogue.Entry(**{**vars(entry), "digests": {}})
    )
    dataset = data.load("notmnist/small", data_dir)
    letters: dict[bytes, set[int]] = {}
    for label, pixels in fakes[SMALL].examples:
        letters.setdefault(pixels, set()).add(label)
    distinct = [example for example in dict.fromkeys(fakes[SMALL].in_digest_order()) if len(letters[example[1]]) == 1]
    train = _first_of_each_letter(distinct, lambda count: count * 4 // 5)
    assert len(distinct) == 81
    assert _examples(dataset.train_images, dataset.train_labels) == train
    assert _examples(dataset.test_images, dataset.test_labels) == [each for each in distinct if each not in train]


def test_files_that_tensorflow_datasets_has_elsewhere_are_used(
    data_dir: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = data.load("notmnist", data_dir)
    elsewhere = tmp_path_factory.mktemp("empty")
    with pytest.raises(AssertionError, match="asked"):
        data.load("notmnist", str(elsewhere))
    monkeypatch.setenv("TFDS_DATA_DIR", data_dir)
    second = data.load("notmnist", str(elsewhere))
    assert np.array_equal(first.train_images, second.train_images)
    assert np.array_equal(first.test_labels, second.test_labels)


def test_a_small_archive_of_other_content_is_refused(data_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    with pytest.raises(
        DataError, match=r"notMNIST_small\.tar\.gz.*expected content digest efaff5ed43131789b4df845bd4f89b58"
    ):
        data.load("notmnist/small", data_dir)
    assert list(pathlib.Path(data_dir).rglob("*.npy")) == []


def test_the_builder_records_how_many_files_were_unreadable(data_dir: str, fakes: dict[str, Fake]) -> None:
    data.load("notmnist", data_dir)
    metadata = tfds.builder("notmnist/full", data_dir=data_dir).info.metadata
    assert metadata == {f"unreadable images in {fake.path.name}": 2 for fake in fakes.values()}
