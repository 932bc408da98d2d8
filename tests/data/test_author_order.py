"""The author's own images in his order: NumPy's seed 912 and the order of the official files, from any source."""

import pathlib

import numpy as np
import pytest

from collab_ensembles import data
from collab_ensembles.data import author_order, catalogue, digests, sources
from collab_ensembles.data.cache import Part
from collab_ensembles.errors import ConfigError, DataError
from experiments.author_order import author_positions

_DATASETS = {name: entry for name, entry in catalogue.CATALOGUE.items() if entry.author}
_SEED = 912
_KEPT = {"mnist": {"train": 60, "test": 10}, "cifar10": {"train": 50, "test": 10}}
"""Examples of small stand-ins."""
_USERS_DATA = data.default_data_dir()
"""Of whoever runs the tests, before `conftest` gives them a cache of their own."""


@pytest.mark.parametrize("name", _DATASETS)
def test_the_committed_positions_are_a_permutation_of_each_pool(name: str) -> None:
    entry = _DATASETS[name]
    assert entry.author is not None
    pools = ["+".join(pool) for pool in (entry.author.train, entry.author.test) if pool]
    found = author_order.positions(name)
    assert list(found) == pools
    for pool, positions in found.items():
        assert np.array_equal(np.sort(positions), np.arange(sum(entry.sizes[part] for part in pool.split("+"))))
        # Digest order has nothing to do with it: neighbours there are far apart here, a third of the length on average.
        assert 0.32 < np.abs(np.diff(positions.astype(int))).mean() / len(positions) < 0.35


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Part]]:
    """Small stand-ins for both data sets, in the order of their files; every load gets them in another order."""
    random = np.random.default_rng(3)
    originals = {}
    for name, sizes in _KEPT.items():
        entry = _DATASETS[name]
        parts = {
            part: Part(
                random.integers(0, 256, (size, *entry.image_shape)).astype(np.uint8),
                random.integers(0, 10, size).astype(np.int32),
            )
            for part, size in sizes.items()
        }
        originals[name] = parts
        composition = catalogue.Composition(("train", "test"), cut=10) if name == "mnist" else entry.author
        fields = {**vars(entry), "sizes": sizes, "digests": {}, "author": composition, "report": composition}
        monkeypatch.setitem(catalogue.CATALOGUE, name, catalogue.Entry(**fields))  # type: ignore[misc]

    def delivered(entry: catalogue.Entry, data_dir: str) -> tuple[str, dict[str, Part]]:
        shuffled = {}
        for part, (images, labels) in originals[entry.name].items():
            order = random.permutation(len(labels))
            shuffled[part] = Part(images[order], labels[order])
        return "somewhere", shuffled

    monkeypatch.setattr(sources, "fetch", delivered)
    return originals


@pytest.mark.parametrize("name", _DATASETS)
def test_every_source_gives_the_order_of_the_files_and_the_same_content(
    name: str, small: dict[str, dict[str, Part]], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = author_positions(catalogue.CATALOGUE[name], small[name])
    monkeypatch.setattr(author_order, "positions", lambda dataset: {"mnist": positions, "cifar10": positions}[dataset])
    images, labels = (np.concatenate(arrays) for arrays in zip(*small[name].values(), strict=True))
    if name == "mnist":
        order = np.random.RandomState(_SEED).permutation(70)
        images, labels = images[order], labels[order]
    loads = [data.load(name, str(tmp_path / copy), "author") for copy in ("first", "second")]
    for dataset in [*loads, data.load(name, str(tmp_path / "first"), "author")]:
        train = len(dataset.train_labels)
        assert train == len(labels) - 10
        assert np.array_equal(dataset.train_images, images[:train])
        assert np.array_equal(dataset.train_labels, labels[:train])
        assert np.array_equal(dataset.test_images, images[train:])
        assert np.array_equal(dataset.test_labels, labels[train:])
        for array in (dataset.train_images, dataset.test_labels):
            assert isinstance(array, np.memmap)
    assert _content(loads[0]) == _content(data.load(name, str(tmp_path / "first"), "report"))


def _content(dataset: data.Dataset) -> str:
    images = np.concatenate([dataset.train_images, dataset.test_images])
    labels = np.concatenate([dataset.train_labels, dataset.test_labels])
    return digests.content_digest(digests.example_digests(images, labels))


def test_verifying_makes_a_disordered_part_again(
    small: dict[str, dict[str, Part]], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = author_positions(catalogue.CATALOGUE["mnist"], small["mnist"])
    monkeypatch.setattr(author_order, "positions", lambda dataset: positions)
    digest = data.load("mnist", str(tmp_path), "author", verify=True).digest()
    (directory,) = tmp_path.rglob("train+test-author")
    # The same examples in digest order: only their order is wrong.
    for array in ("images.npy", "labels.npy"):
        (directory / array).unlink()
        (directory / array).write_bytes((directory.parent / "train+test" / array).read_bytes())
    assert data.load("mnist", str(tmp_path), "author").digest() != digest
    assert data.load("mnist", str(tmp_path), "author", verify=True).digest() == digest
    assert data.load("mnist", str(tmp_path), "author").digest() == digest


def test_positions_of_other_content_are_refused(small: dict[str, dict[str, Part]]) -> None:
    with pytest.raises(DataError, match="train part of cifar10"):
        author_positions(_DATASETS["cifar10"], small["cifar10"])


@pytest.mark.parametrize("name", ["digits", "cifar100", "notmnist", "notmnist/small", "own.npz"])
def test_data_without_a_known_order_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigError, match=rf"^--split=author: .* mnist and cifar10, not of \S*{name}; allowed: report"):
        data.load(name, str(tmp_path), "author")


def test_cifar10_begins_as_its_official_files() -> None:
    if not (pathlib.Path(_USERS_DATA) / "arrays" / "cifar10" / "test").is_dir():
        pytest.skip(f"CIFAR-10 has not been fetched to {_USERS_DATA}")
    dataset = data.load("cifar10", _USERS_DATA, "author", fetch=False)
    assert dataset.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert dataset.test_labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
