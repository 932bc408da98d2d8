"""Arrays that a person gives: what is taken, and what is refused with its remedy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from collab_ensembles.data.arrays import LARGEST_LABEL, checked, checked_images, checked_labels
from collab_ensembles.errors import DataError

LABELS = [3, 0, 1, 3, 2, 0]
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(256, size=(6, 5, 4, 3), dtype=np.uint8)

FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    **{kind: lambda y, kind=kind: y.astype(kind) for kind in ("int8", "uint8", "uint16", "int32", "uint64", ">i8")},
    "list": np.ndarray.tolist,
    "column": lambda y: y[:, None],
    **{f"one-hot {kind}": lambda y, kind=kind: np.eye(4, dtype=kind)[y] for kind in ("bool", "uint8", "float32")},
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_of_each_form_become_the_numbers_of_classes(form: str) -> None:
    received = checked_labels(FORMS[form](np.array(LABELS)), examples=6)
    assert received.dtype == np.int32
    assert received.tolist() == LABELS


def test_what_is_in_its_form_already_is_not_copied() -> None:
    labels = np.array(LABELS, np.int32)
    received = checked(IMAGES, labels)
    assert np.shares_memory(received[0], IMAGES)
    assert received[1] is labels


def test_a_conversion_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="absl"):
        checked_labels(np.array(LABELS)[:, None], "y_train")
        checked_labels(np.eye(4)[LABELS], "y_test")
        checked_labels(np.array(LABELS, np.int64), "silent")
    assert [message.split(":")[0] for message in caplog.messages] == ["y_train", "y_test"]
    assert "\n" not in "".join(caplog.messages)


@pytest.mark.parametrize(
    ("labels", "remedy"),
    [
        (np.array([LABELS]), "y.ravel()"),
        (np.array(LABELS).reshape(6, 1, 1), "y.ravel()"),
        (np.array(LABELS, float), 'y.astype("int32")'),
        (np.array(LABELS, object), 'y.astype("int32")'),
        (np.array(LABELS) + 0.5, "give the number of each example's class, from 0"),
        (np.array([0, 1, np.nan, 1, 0, 1]), "give the number of each example's class, from 0"),
        (np.array(list("abcabc")), "np.searchsorted(np.unique(y_train), y)"),
        (np.array(list("abcabc"), object), "np.searchsorted(np.unique(y_train), y)"),
        (np.array(LABELS) - 1, "np.searchsorted(np.unique(y_train), y)"),
        (np.array(LABELS) + LARGEST_LABEL, "np.searchsorted(np.unique(y_train), y)"),
        (np.full((6, 4), 0.25), "of probabilities, y.argmax(axis=1)"),
        (np.ones((6, 4), int), "of probabilities, y.argmax(axis=1)"),
        (np.array(LABELS[:5]), "give one label for each image"),
        (np.eye(4)[LABELS[:5]], "give one label for each image"),
        (np.array(3), "give one label for each image"),
        (np.array([], int), "give at least one example"),
    ],
)
def test_other_labels_are_refused_with_the_remedy_last(labels: np.ndarray, remedy: str) -> None:
    with pytest.raises(DataError) as caught:
        checked_labels(labels, "y", 6)
    assert str(caught.value).startswith("y ")
    assert str(caught.value).endswith(f"; {remedy}")
    assert "\n" not in str(caught.value)


def test_one_channel_may_be_left_out() -> None:
    np.testing.assert_array_equal(checked_images(IMAGES[..., 0]), IMAGES[..., :1])


@pytest.mark.parametrize("shape", [(6, 4, 4, 4), (6, 1, 5, 3), (6, 3, 9, 5), (6, 5, 6, 7), (6, 1, 1, 1), (6, 4, 9, 1)])
def test_small_and_many_channelled_images_are_not_taken_for_channels_first(shape: tuple[int, ...]) -> None:
    assert checked_images(np.zeros(shape, np.uint8)).shape == shape


def _changed(first: float) -> np.ndarray:
    images = IMAGES.astype(float)
    images[0, 0, 0, 0] = first
    return images


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (IMAGES / 255, '(255 * x).astype("uint8")'),
        (IMAGES > 127, '(255 * x).astype("uint8")'),
        (_changed(3.0), 'x.astype("uint8")'),
        (IMAGES.astype(int), 'x.astype("uint8")'),
        (_changed(-0.1), 'bring all parts to that range by one formula, then x.astype("uint8")'),
        (_changed(256), 'bring all parts to that range by one formula, then x.astype("uint8")'),
        (IMAGES.astype(int) - 128, 'bring all parts to that range by one formula, then x.astype("uint8")'),
        (_changed(np.nan), 'np.nan_to_num(x, posinf=0, neginf=0).astype("uint8")'),
        (_changed(np.inf) / 255, '(255 * np.nan_to_num(x, posinf=0, neginf=0)).astype("uint8")'),
        (np.full((6, 5, 4, 3), np.nan), 'np.nan_to_num(x, posinf=0, neginf=0).astype("uint8")'),
        (IMAGES.astype(object), 'of images of one size, np.stack(x).astype("uint8")'),
        (IMAGES.reshape(6, -1), "x.reshape(len(x), height, width, channels)"),
        (IMAGES[:0], "give at least one example"),
        (IMAGES[:, :0], "give at least one example"),
        *[(np.zeros((6, c, h, w)), "np.moveaxis(x, 1, -1)") for c in (1, 3, 4) for h, w in ((8, 8), (5, 6))],
    ],
)
def test_other_images_are_refused_with_the_remedy_last(images: np.ndarray, remedy: str) -> None:
    with pytest.raises(DataError) as caught:
        checked_images(images, "x")
    assert str(caught.value).startswith(f"x is {images.dtype} {images.shape}")
    assert str(caught.value).endswith(f"; {remedy}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_the_remedy_for_pixels_from_0_to_1_gives_back_every_pixel(kind: str) -> None:
    x = (np.arange(256) / 255).astype(kind)
    assert (255 * x).astype("uint8").tolist() == list(range(256))
