"""Label noise: which labels change, and that nothing but seed and epoch decides how."""

import dataclasses
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from collab_ensembles.data import catalogue
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.data.label_noise import LabelNoise
from collab_ensembles.runs import run_data, run_training
from collab_ensembles.settings.config import RunConfig
from trainings import TREE

_LABELS = np.arange(2000, dtype=np.int32) % 10


def _noise(level: float = 0.4, dataset: str = "CIFAR10", seed: int = 0) -> LabelNoise:
    return LabelNoise(_LABELS, 10, level, dataset, seed)


def test_the_examples_are_a_function_of_data_set_and_level_alone() -> None:
    first = set(_noise(0.4, seed=0).examples)
    assert len(first) == 800
    assert first == set(_noise(0.4, seed=5).examples)
    assert first != set(_noise(0.4, "MNIST").examples)
    # The examples of a lower level are among those of a higher one.
    assert set(_noise(0.2).examples) < first
    # Neither the first ones nor some of one class.
    assert 300 < sum(index < 1000 for index in first) < 500
    assert len({_LABELS[index] for index in first}) == 10


def test_all_other_labels_stay_and_the_true_labels_are_left_as_they_were() -> None:
    before = _LABELS.copy()
    noise = _noise()
    noisy = noise(3)
    others = np.setdiff1d(np.arange(2000), noise.examples)
    np.testing.assert_array_equal(noisy[others], before[others])
    np.testing.assert_array_equal(_LABELS, before)
    assert noisy.dtype == np.int32


def test_labels_are_redrawn_uniformly_the_true_one_included() -> None:
    noise = _noise(1.0)
    drawn = np.concatenate([noise(epoch) for epoch in range(50)])
    counts = np.bincount(drawn, minlength=10)
    # 100,000 draws: ten classes within five standard deviations of 10,000.
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(100_000 * 0.1 * 0.9)
    agreeing = np.mean(drawn == np.tile(_LABELS, 50))
    assert agreeing == pytest.approx(0.1, abs=0.005)


def test_each_epoch_and_each_seed_has_labels_of_its_own_and_repeats_them() -> None:
    np.testing.assert_array_equal(_noise(seed=1)(2), _noise(seed=1)(2))
    assert (_noise(seed=1)(2) != _noise(seed=1)(3)).sum() > 500
    assert (_noise(seed=1)(2) != _noise(seed=2)(2)).sum() > 500


@pytest.mark.parametrize("limit", [1, 700, 2000])
def test_the_noise_of_the_first_examples_is_that_of_the_whole_training_part_there(limit: int) -> None:
    whole = _noise()
    limited = LabelNoise(_LABELS[:limit], 10, 0.4, "CIFAR10", 0, num_train=2000)
    assert set(limited.examples) == {index for index in whole.examples if index < limit}
    for epoch in (0, 3):
        np.testing.assert_array_equal(limited(epoch), whole(epoch)[:limit])


def test_a_run_on_the_first_examples_has_the_noise_of_the_whole_run(tmp_path: Path) -> None:
    received = []
    for limit in (None, 100):
        config = RunConfig(**{**TREE, "train_limit": limit, "augment": False}, label_noise=0.4)
        batches = run_training._training_batches(config, run_data.load(config, str(tmp_path)))
        batches.start_epoch(1)
        images, labels = zip(*(batches[index] for index in range(len(batches))), strict=True)
        received.append(_pairs(np.concatenate(images), np.concatenate(labels)))
    assert received[1] <= received[0]


def test_noise_is_of_the_examples_that_there_are_whatever_the_catalogue_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """notMNIST has some images that cannot be read; how many, no catalogue knows."""
    config = RunConfig(**{**TREE, "train_limit": None, "augment": False}, label_noise=0.4)
    dataset = run_data.load(config, str(tmp_path))
    entry = dataclasses.replace(catalogue.CATALOGUE["digits"], sizes={"train": 1000, "test": 360})
    monkeypatch.setitem(cast(dict[str, catalogue.Entry], catalogue.CATALOGUE), "digits", entry)
    batches = run_training._training_batches(config, dataset)
    assert sum(len(batches[index][1]) for index in range(len(batches))) == len(dataset.train_labels) == 1437


def _pairs(images: np.ndarray, labels: np.ndarray) -> set[tuple[bytes, int]]:
    return {(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)}


def test_a_part_larger_than_the_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="received 2000 labels of a training part of 1999"):
        LabelNoise(_LABELS, 10, 0.4, "CIFAR10", 0, num_train=1999)


@pytest.mark.parametrize(("level", "count"), [(0.0, 0), (1.0, 2000), (0.00074, 1)])
def test_the_share_is_rounded_to_whole_examples(level: float, count: int) -> None:
    assert len(_noise(level).examples) == count


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan")])
def test_levels_that_are_not_allowed_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match="allowed: 0 to 1"):
        _noise(level)


def test_batches_have_the_noisy_labels_of_their_epoch_beside_the_right_images() -> None:
    images = np.arange(2000, dtype=np.uint16).view(np.uint8).reshape(2000, 2, 1, 1)
    noise = _noise()
    batches = BatchManager(images, _LABELS, 100, shuffle="permute", noise=noise, seed=4)
    for epoch in (0, 2):
        batches.start_epoch(epoch)
        for index in range(len(batches)):
            chosen, labels = batches[index]
            identity = np.ascontiguousarray(chosen.reshape(100, 2)).view(np.uint16)[:, 0]
            np.testing.assert_array_equal(labels, noise(epoch)[identity])
