"""load: names, splits, limits and order, on the data set that needs no network."""

import dataclasses
import hashlib
import pathlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from collab_ensembles import data
from collab_ensembles.data import catalogue, sources
from collab_ensembles.data.cache import Part
from collab_ensembles.errors import ConfigError, DataError

# The SHA-256 of the sorted digests of scikit-learn's 1,797 digits, noted once with other code.
_DIGITS = "42666115be1f854f45365500b5fd41cf4d634c0fbe4ef14d6acf584fd43d4246"


def _digests(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    return [
        hashlib.sha256(bytes([label]) + image.tobytes()).digest()
        for image, label in zip(images, labels.tolist(), strict=True)
    ]


def test_digits_are_cut_into_1437_and_360_examples(data_dir: str) -> None:
    dataset = data.load("digits", data_dir)
    assert dataset.name == "digits"
    assert dataset.train_images.shape == (1437, 8, 8, 1)
    assert dataset.test_images.shape == (360, 8, 8, 1)
    assert dataset.train_labels.shape == (1437,)
    assert dataset.test_labels.shape == (360,)
    assert {dataset.train_images.dtype, dataset.test_images.dtype} == {np.dtype(np.uint8)}
    assert {dataset.train_labels.dtype, dataset.test_labels.dtype} == {np.dtype(np.int32)}
    assert dataset.label_names == tuple("0123456789")
    assert (dataset.image_shape, dataset.num_classes) == ((8, 8, 1), 10)


def test_digits_are_those_of_scikit_learn_in_the_order_of_their_digests(data_dir: str) -> None:
    dataset = data.load("digits", data_dir)
    original = load_digits()
    expected = sorted(_digests(original.images[..., np.newaxis].astype(np.uint8), original.target))
    train = _digests(dataset.train_images, dataset.train_labels)
    test = _digests(dataset.test_images, dataset.test_labels)
    assert train + test == expected
    assert hashlib.sha256(b"".join(expected)).hexdigest() == _DIGITS


def test_the_validation_split_takes_the_last_tenth_of_the_training_part_for_testing(data_dir: str) -> None:
    report = data.load("digits", data_dir)
    validation = data.load("digits", data_dir, "validation")
    assert (len(validation.train_labels), len(validation.test_labels)) == (1437 - 143, 143)
    assert np.array_equal(validation.train_images, report.train_images[:1294])
    assert np.array_equal(validation.test_images, report.train_images[1294:])
    assert np.array_equal(validation.test_labels, report.train_labels[1294:])


def test_digits_have_one_split_for_report_and_standard(data_dir: str) -> None:
    report, standard = data.load("digits", data_dir), data.load("digits", data_dir, "standard")
    assert np.array_equal(report.test_images, standard.test_images)
    assert np.array_equal(report.train_labels, standard.train_labels)


@pytest.mark.parametrize("split", ["report", "standard", "validation"])
def test_a_train_limit_keeps_the_first_examples_and_the_whole_test_part(data_dir: str, split: str) -> None:
    whole, limited = data.load("digits", data_dir, split), data.load("digits", data_dir, split, train_limit=100)
    assert np.array_equal(limited.train_images, whole.train_images[:100])
    assert np.array_equal(limited.train_labels, whole.train_labels[:100])
    assert np.array_equal(limited.test_images, whole.test_images)
    assert np.array_equal(limited.test_labels, whole.test_labels)


def test_a_train_limit_beyond_the_end_keeps_all(data_dir: str) -> None:
    assert len(data.load("digits", data_dir, train_limit=5000).train_labels) == 1437


def test_loaded_images_are_shared_with_the_cache_and_not_copied(data_dir: str) -> None:
    assert isinstance(data.load("digits", data_dir).train_images, np.memmap)


def test_the_second_load_asks_no_source(data_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = data.load("digits", data_dir)

    def refuse(entry: catalogue.Entry, data_dir: str) -> None:
        raise AssertionError("asked a source")

    monkeypatch.setattr(sources, "fetch", refuse)
    assert np.array_equal(data.load("digits", data_dir).test_images, first.test_images)


@pytest.mark.parametrize("damage", ["a flipped pixel", "an unreadable file"])
def test_verifying_makes_damaged_data_again_and_leaves_good_data_alone(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    fetched = []
    fetch = sources.fetch

    def watched(entry: catalogue.Entry, data_dir: str) -> tuple[str, dict[str, Part]]:
        fetched.append(entry.name)
        return fetch(entry, data_dir)

    monkeypatch.setattr(sources, "fetch", watched)
    first = data.load("digits", str(tmp_path), verify=True)
    path = tmp_path / "arrays" / "digits" / "all" / "images.npy"
    content = path.read_bytes()
    data.load("digits", str(tmp_path), verify=True)
    assert fetched == ["digits"]
    assert "damaged" not in caplog.text
    # A new file: the arrays of the first load are mapped to the old one.
    path.unlink()
    path.write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:] if "pixel" in damage else content[:50])
    again = data.load("digits", str(tmp_path), verify=True)
    assert fetched == ["digits", "digits"]
    assert "damaged" in caplog.text
    assert path.read_bytes() == content
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        assert np.array_equal(getattr(again, name), getattr(first, name))


def test_known_digests_stand_in_for_a_record_that_is_gone(tmp_path: pathlib.Path) -> None:
    digest = data.load("digits", str(tmp_path), verify=True).digest()
    (path,) = tmp_path.rglob("images.npy")
    (path.parents[1] / "digests.json").unlink(missing_ok=True)
    images = np.load(path)
    images[0, 0, 0] ^= 1
    np.save(path, images[:1500])
    np.save(path.with_name("labels.npy"), np.load(path.with_name("labels.npy"))[:1500])
    assert data.load("digits", str(tmp_path), verify=True).digest() == digest


def test_data_with_another_digest_are_refused_and_not_cached(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = load_digits()
    images = original.images[..., np.newaxis].astype(np.uint8)
    images[0, 0, 0, 0] ^= 1
    received = hashlib.sha256(b"".join(sorted(_digests(images, original.target)))).hexdigest()
    monkeypatch.setattr(
        sources, "fetch", lambda entry, data_dir: ("a forged copy", {"all": Part(images, original.target)})
    )
    with pytest.raises(DataError) as caught:
        data.load("digits", str(tmp_path))
    for fragment in (
        "a forged copy",
        "digits",
        f"expected content digest {_DIGITS}",
        f"received {received}",
        "nothing was cached",
    ):
        assert fragment in str(caught.value)
    assert list(tmp_path.rglob("*.npy")) == []


def test_one_wrong_part_keeps_the_other_parts_out_of_the_cache(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part(np.zeros((2, 28, 28, 1), np.uint8), np.zeros(2, np.int32))
    right = hashlib.sha256(b"".join(_digests(part.images, part.labels))).hexdigest()
    entry = catalogue.CATALOGUE["mnist"]
    digests = {"train": right, "test": entry.digests["test"]}
    monkeypatch.setitem(catalogue.CATALOGUE, "mnist", _with_digests(entry, digests))  # type: ignore[misc]
    monkeypatch.setattr(sources, "fetch", lambda entry, data_dir: ("somewhere", {"train": part, "test": part}))
    with pytest.raises(DataError, match="test part of mnist"):
        data.load("mnist", str(tmp_path))
    assert list(tmp_path.rglob("*.npy")) == []


def _with_digests(entry: catalogue.Entry, digests: dict[str, str]) -> catalogue.Entry:
    return catalogue.Entry(**{**vars(entry), "digests": digests})


def test_the_cache_directory_follows_the_xdg_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert data.default_data_dir() == "/somewhere/cache/collab_ensembles"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/someone")
    assert data.default_data_dir() == "/home/someone/.cache/collab_ensembles"


def test_an_unknown_name_or_split_is_an_error_that_names_the_known_ones(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        ConfigError, match=r"'imagenet'.*digits, mnist, fashion_mnist, cifar10, cifar100, notmnist, notmnist/small"
    ):
        data.load("imagenet", str(tmp_path))
    with pytest.raises(ConfigError, match=r"'dev'.*report, standard, author, validation"):
        data.load("digits", str(tmp_path), "dev")


def test_the_digest_of_the_arrays_tells_every_change_from_every_other(data_dir: str) -> None:
    dataset = data.load("digits", data_dir)
    again = data.load("digits", data_dir)
    assert again.digest() == dataset.digest()
    images, labels = dataset.train_images.copy(), dataset.test_labels.copy()
    images[7, 2, 3, 0] += 1
    labels[5] += 1
    others = [
        dataclasses.replace(dataset, train_images=images),
        dataclasses.replace(dataset, test_labels=labels),
        dataclasses.replace(dataset, train_images=dataset.train_images[::-1]),
        dataclasses.replace(dataset, train_images=dataset.train_images.reshape(1437, 16, 4, 1)),
        data.load("digits", data_dir, "validation"),
        dataset.first(1436),
    ]
    assert len({dataset.digest(), *(other.digest() for other in others)}) == 7
