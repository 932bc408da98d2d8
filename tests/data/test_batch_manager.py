"""Order, augmentation and batches as pure functions of (seed, epoch)."""

from typing import Any

import keras
import numpy as np
import pytest

from collab_ensembles.data.batch_manager import PIECE, Augmentation, BatchManager, example_order
from collab_ensembles.errors import DataError
from collab_ensembles.streams import Stream, generator


def _batches(manager: BatchManager) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*(manager[index] for index in range(len(manager))), strict=True)
    return np.concatenate(images), np.concatenate(labels)


@pytest.fixture
def images() -> np.ndarray:
    return np.arange(10 * 16 * 8 * 1).reshape(10, 16, 8, 1).astype(np.uint8)


LABELS = np.arange(10, dtype=np.int32)


def test_by_default_every_epoch_has_the_same_order_and_the_last_batch_is_used(images: np.ndarray) -> None:
    manager = BatchManager(images, LABELS, 4)
    assert [len(manager[index][1]) for index in range(len(manager))] == [4, 4, 2]
    for epoch in (0, 7):
        manager.start_epoch(epoch)
        received = _batches(manager)
        np.testing.assert_array_equal(received[0], images)
        np.testing.assert_array_equal(received[1], LABELS)


def test_permute_shows_each_example_once_in_a_new_order_each_epoch() -> None:
    orders = [example_order(50, "permute", 3, epoch) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert list(orders[0]) != list(orders[1])


def test_bootstrap_draws_with_replacement() -> None:
    order = example_order(1000, "bootstrap", 3, 0)
    assert len(order) == 1000
    # Of n draws from n, a share of 1 - 1/e is distinct.
    assert 0.60 < len(set(order)) / 1000 < 0.67
    assert list(order) != list(example_order(1000, "bootstrap", 3, 1))


@pytest.mark.parametrize("shuffle", ["permute", "bootstrap"])
def test_order_depends_on_seed_and_epoch_alone(shuffle: str) -> None:
    np.testing.assert_array_equal(example_order(20, shuffle, 5, 2), example_order(20, shuffle, 5, 2))
    assert list(example_order(20, shuffle, 5, 2)) != list(example_order(20, shuffle, 6, 2))


def test_the_input_has_no_thread_that_tunes_it(images: np.ndarray) -> None:
    manager = BatchManager(images, LABELS, 4)
    for data in (manager.dataset(), manager.pieces(4)):
        assert data.options().autotune.enabled is False


def test_pieces_are_short_and_have_all_steps_of_the_epoch_that_is_set() -> None:
    count = 2 * 2 * PIECE + 7
    labels = np.random.default_rng(0).integers(0, 9, count)
    manager = BatchManager(np.zeros((count, 1, 1), np.uint8), labels, 4, shuffle="permute", seed=3)
    pieces = manager.pieces(2)
    for epoch in (0, 5):
        manager.start_epoch(epoch)
        spans = []
        for order, in_order, span in pieces:
            np.testing.assert_array_equal(order, example_order(count, "permute", 3, epoch))
            np.testing.assert_array_equal(in_order, labels[order])
            spans.append(span.numpy().tolist())
        assert spans == [[0, PIECE], [PIECE, 2 * PIECE], [2 * PIECE, 2 * PIECE + 3]]
    # Signals wait for the end of a piece, and a step of a large network takes some 25 ms.
    assert PIECE <= 200
    with pytest.raises(ValueError, match=f"received {count} training examples; a step needs {count + 1}"):
        manager.pieces(count + 1)


def test_unknown_shuffles_and_batch_sizes_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="unknown shuffle 'sort'"):
        example_order(3, "sort", 0, 0)
    for batch_size in (0, 11):
        with pytest.raises(ValueError, match=f"batch size of {batch_size}; allowed: 1 to the 10 examples"):
            BatchManager(images, LABELS, batch_size)


@pytest.mark.parametrize("form", [np.int64, np.uint8, "column", "one-hot"])
def test_labels_of_any_form_reach_the_batches_as_class_numbers(images: np.ndarray, form: Any) -> None:
    labels = {"column": LABELS[:, None], "one-hot": np.eye(10)[LABELS]}.get(form)
    batches = BatchManager(images, LABELS.astype(form) if labels is None else labels, 4).dataset()
    received = [labels.numpy() for _, labels in batches]
    assert all(each.dtype == np.int32 for each in received)
    np.testing.assert_array_equal(np.concatenate(received), LABELS)


def test_images_of_another_type_and_unequal_lengths_are_refused_at_construction(images: np.ndarray) -> None:
    for arrays in ((images / 255, LABELS), (images[:9], LABELS), (images, LABELS[:0])):
        with pytest.raises(DataError):
            BatchManager(*arrays, 4)


def _shifted_by_hand(image: np.ndarray, down: int, right: int, mode: Any) -> np.ndarray:
    """By padding and cropping, unlike the indices of the code."""
    padded = np.pad(image, [(4, 4), (4, 4), (0, 0)], mode=mode)
    height, width, _ = image.shape
    return padded[4 - down : 4 - down + height, 4 - right : 4 - right + width]


@pytest.mark.parametrize(("black_border", "mode"), [(False, "edge"), (True, "constant")])
def test_augmented_images_are_shifts_of_up_to_an_eighth(
    black_border: bool, mode: str, rng: np.random.Generator
) -> None:
    images = rng.integers(0, 256, (300, 16, 8, 3), np.uint8)
    augment = Augmentation((16, 8, 3), 300, mirror=False, seed=1, epoch=0, black_border=black_border)
    received = augment(images, slice(0, 300))
    seen = set()
    for image, result in zip(images, received, strict=True):
        matches = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-1, 2)
            if np.array_equal(_shifted_by_hand(image, down, right, mode), result)
        ]
        assert matches
        seen.update(matches)
    assert seen == {(down, right) for down in range(-2, 3) for right in range(-1, 2)}


def test_mirror_flips_about_half_of_the_images_left_to_right(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (400, 4, 4, 1), np.uint8)
    received = Augmentation((4, 4, 1), 400, mirror=True, seed=1, epoch=0)(images, slice(0, 400))
    flipped = [np.array_equal(a[:, ::-1], b) for a, b in zip(images, received, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(images, received, strict=True)]
    assert all(f or k for f, k in zip(flipped, kept, strict=True))
    assert 150 < sum(flipped) < 250


def test_augmentation_is_fresh_each_epoch_and_leaves_the_images_alone(images: np.ndarray) -> None:
    before = images.copy()
    manager = BatchManager(images, LABELS, 3, augment=True)
    epochs = []
    for epoch in (0, 1, 0):
        manager.start_epoch(epoch)
        epochs.append(_batches(manager)[0])
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(epochs[0], epochs[2])
    assert not np.array_equal(epochs[0], epochs[1])


def test_shifts_are_drawn_from_the_seed_by_a_stream_of_their_own() -> None:
    def rows(seed: int, stream: Stream) -> np.ndarray:
        shifts = generator(seed, stream, 3).integers(-2, 2, size=(100, 1), endpoint=True)
        return np.clip(np.arange(16) + shifts, 0, 15)

    for seed in (0, 1):
        received, _ = Augmentation((16, 8, 1), 100, True, seed, 3).sources
        np.testing.assert_array_equal(received, rows(seed, Stream.AUGMENTATION))
    assert not np.array_equal(received, rows(1, Stream.ORDER))
    assert not np.array_equal(received, rows(0, Stream.AUGMENTATION))


def test_augmentation_does_not_depend_on_the_batch_size(images: np.ndarray) -> None:
    small, large = (_batches(BatchManager(images, LABELS, size, augment=True, mirror=True)) for size in (3, 10))
    np.testing.assert_array_equal(small[0], large[0])


def test_fit_sees_the_epochs_from_the_one_it_starts_with() -> None:
    """The epoch clock: training resumed at epoch 2 sees the orders of epochs 2 and 3."""
    shown: list[list[int]] = [[]]

    class Recorder(BatchManager):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            images, labels = super().__getitem__(index)
            shown[-1].extend(int(label) for label in labels)
            return images, labels

    manager = Recorder(np.zeros((10, 2, 2, 1), np.uint8), LABELS, 4, shuffle="permute", seed=9)
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=True)
    new_list = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: shown.append([]))
    clock = manager.epoch_clock()
    model.fit(manager.dataset(), initial_epoch=2, epochs=4, verbose=0, shuffle=False, callbacks=[clock, new_list])
    assert shown[1:] == [list(example_order(10, "permute", 9, epoch)) for epoch in (2, 3)]
