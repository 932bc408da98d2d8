"""What is said of the data of a run, and when."""

import dataclasses

import numpy as np
import pytest

from collab_ensembles.data import Dataset
from collab_ensembles.runs import run_data


def _dataset(labels: list[int], shared: int = 0, classes: int = 4) -> Dataset:
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (len(labels), 4, 6, 1), np.uint8)
    tests = random.integers(0, 256, (5, 4, 6, 1), np.uint8)
    test_labels = np.zeros(5, np.int32)
    tests[:shared], test_labels[:shared] = images[:shared], labels[:shared]
    names = tuple(map(str, range(classes)))
    return Dataset("own", images, np.array(labels, np.int32), tests, test_labels, names)


def _said(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> tuple[list[str], list[str]]:
    with caplog.at_level("INFO", logger="absl"):
        run_data.announce(dataset, dataset.digest())
    texts: dict[str, list[str]] = {"INFO": [], "WARNING": []}
    for record in caplog.records:
        texts[record.levelname].append(record.getMessage())
    return texts["INFO"], texts["WARNING"]


def test_one_line_says_what_was_read(caplog: pytest.LogCaptureFixture) -> None:
    dataset = _dataset([0, 1, 2, 3] * 300)
    (line,), warnings = _said(dataset, caplog)
    for part in ("1,200 training", "5 test", "4 x 6 x 1", "4 of 4 classes", dataset.digest()[:8]):
        assert part in line
    assert dataset.digest() not in line
    assert warnings == []


def test_classes_without_a_training_example_are_named(caplog: pytest.LogCaptureFixture) -> None:
    (line,), (warning,) = _said(_dataset([0, 3, 3, 0]), caplog)
    assert "2 of 4 classes" in line
    assert "2 of 4 classes have no training example: 1, 2;" in warning


def test_test_images_among_those_without_labels_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever their labels are."""
    dataset = _dataset([0, 1, 2, 3])
    others = np.random.default_rng(4).integers(0, 256, (20, 4, 6, 1), np.uint8)
    assert _said(dataclasses.replace(dataset, unlabelled=others), caplog)[1] == []
    caplog.clear()
    dataset = dataclasses.replace(dataset, test_labels=np.arange(5, dtype=np.int32) % 4)
    unlabelled = np.concatenate([others, dataset.test_images[1:3]])
    _, (warning,) = _said(dataclasses.replace(dataset, unlabelled=unlabelled), caplog)
    assert "2 of the 5 test images are among the images without labels" in warning


def test_test_examples_that_are_trained_on_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    _, (warning,) = _said(_dataset([0, 1, 2, 3], shared=3), caplog)
    assert "3 of the 5 test examples are training examples too" in warning
