"""Examples in two parts, against a comparison of each with each."""

import numpy as np
import pytest

from collab_ensembles.data.overlap import count_shared, count_shared_images


@pytest.mark.parametrize("shape", [(8, 8, 1), (3, 5, 1), (1, 1, 1), (4, 4, 3)])
def test_the_count_is_that_of_a_comparison_of_all_with_all(rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    images, labels = rng.integers(0, 2, (60, *shape), np.uint8), rng.integers(0, 2, 60)
    others, other_labels = rng.integers(0, 2, (50, *shape), np.uint8), rng.integers(0, 2, 50).astype(np.int32)
    others[:20], other_labels[:10] = images[5:25], labels[5:15]
    other_labels[10:20] = 1 - labels[15:25]  # the same images of other classes
    same = (others.reshape(50, 1, -1) == images.reshape(1, 60, -1)).all(axis=2) & (other_labels[:, None] == labels)
    expected = int(same.any(axis=1).sum())
    assert count_shared(images, labels, others, other_labels) == expected
    assert expected >= 10


def test_images_are_shared_whatever_their_labels_are(rng: np.random.Generator) -> None:
    images, others = rng.integers(0, 256, (2, 30, 4, 4, 1), np.uint8)
    others[3:10] = images[5:12]
    assert count_shared_images(images, others) == 7


def test_images_of_other_shapes_are_other_examples() -> None:
    images, labels = np.zeros((3, 2, 4, 1), np.uint8), np.zeros(3, int)
    assert count_shared(images, labels, images.reshape(3, 4, 2, 1), labels) == 0


def test_large_parts_are_taken_in_pieces(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collab_ensembles.data.overlap._CHUNK", 7)
    images, labels = rng.integers(0, 256, (40, 8, 8, 1), np.uint8), rng.integers(0, 5, 40)
    assert count_shared(images, labels, images[13:33], labels[13:33]) == 20
