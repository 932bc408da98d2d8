"""MNIST itself, where a prepared copy lies beside the repository."""

import hashlib
import os
import pathlib

import numpy as np
import pytest

from collab_ensembles import data
from collab_ensembles.data import catalogue, sources

_PREPARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared/data/tfds"

# Published digests of the official parts.
_TRAIN = "3655811c0e1223700a4714a92a51f55bd215ed7dc1fa2baa4326a2b58042d82d"
_TEST = "634538fb34c5277fce98470b8b285d1e8419eb87f328da42ef1faf690d2c3911"

pytestmark = pytest.mark.skipif(not (_PREPARED / "mnist").is_dir(), reason=f"no MNIST in {_PREPARED}")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("data")
    os.symlink(_PREPARED / "mnist", directory / "mnist")
    return str(directory)


@pytest.fixture(scope="module")
def standard(data_dir: str) -> data.Dataset:
    return data.load("mnist", data_dir, "standard")


@pytest.fixture(scope="module")
def report(data_dir: str) -> data.Dataset:
    return data.load("mnist", data_dir)


def _digests(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    pixels = np.ascontiguousarray(images).tobytes()
    return [
        hashlib.sha256(bytes([label]) + pixels[784 * index : 784 * (index + 1)]).digest()
        for index, label in enumerate(labels.tolist())
    ]


def test_the_standard_split_has_the_published_content(standard: data.Dataset) -> None:
    for images, labels, size, expected in (
        (standard.train_images, standard.train_labels, 60_000, _TRAIN),
        (standard.test_images, standard.test_labels, 10_000, _TEST),
    ):
        received = _digests(images, labels)
        assert len(received) == size
        assert received == sorted(received)
        assert hashlib.sha256(b"".join(received)).hexdigest() == expected


def test_the_report_split_tests_on_the_last_10000_of_the_pooled_order(
    standard: data.Dataset, report: data.Dataset
) -> None:
    pooled = _digests(standard.train_images, standard.train_labels)
    pooled = sorted(pooled + _digests(standard.test_images, standard.test_labels))
    assert _digests(report.train_images, report.train_labels) == pooled[:60_000]
    assert _digests(report.test_images, report.test_labels) == pooled[60_000:]


def test_the_authors_order_is_a_permutation_of_the_official_files(data_dir: str, report: data.Dataset) -> None:
    author = data.load("mnist", data_dir, "author")
    assert (len(author.train_labels), len(author.test_labels)) == (60_000, 10_000)
    # In the order of the files, as every copy of them begins.
    labels = np.empty(70_000, int)
    order = np.random.RandomState(912).permutation(70_000)
    labels[order] = np.concatenate([author.train_labels, author.test_labels])
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert labels[60_000:60_010].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    # The counts of each digit in the two files, as published.
    assert np.bincount(labels[:60_000]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    both = [_digests(each.train_images, each.train_labels) for each in (author, report)]
    both = [
        own + _digests(each.test_images, each.test_labels) for own, each in zip(both, (author, report), strict=True)
    ]
    assert sorted(both[0]) == both[1]


@pytest.mark.usefixtures("standard", "report")
@pytest.mark.parametrize("split", catalogue.SPLITS)
def test_a_second_load_asks_no_source_and_copies_nothing(
    data_dir: str, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(entry: catalogue.Entry, data_dir: str) -> None:
        raise AssertionError("asked a source")

    monkeypatch.setattr(sources, "fetch", refuse)
    dataset = data.load("mnist", data_dir, split)
    for array in (dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels):
        assert isinstance(array, np.memmap)
    assert len(dataset.train_labels) + len(dataset.test_labels) == (60_000 if split == "validation" else 70_000)
