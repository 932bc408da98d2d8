"""Digests against hashlib, written out by hand."""

import hashlib
import struct

import numpy as np
import pytest

from collab_ensembles.data import digests


def _examples(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return random.integers(0, 256, (count, 4, 3, 2), dtype=np.uint8), random.integers(0, 256, count)


def _by_hand(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    """The pixels one by one, in row-major HWC order, after the label."""
    result = []
    for image, label in zip(images.tolist(), labels.tolist(), strict=True):
        values = [label] + [value for row in image for pixel in row for value in pixel]
        result.append(hashlib.sha256(bytes(values)).digest())
    return result


def test_an_example_digest_is_the_sha256_of_its_label_and_its_pixels() -> None:
    images, labels = _examples()
    received = [row.tobytes() for row in digests.example_digests(images, labels)]
    assert received == _by_hand(images, labels)


@pytest.mark.parametrize("label", [256, 70_000, 2**31 - 1])
def test_a_label_above_255_is_four_bytes_the_least_significant_first(label: int) -> None:
    images, _ = _examples(1)
    expected = hashlib.sha256(struct.pack("<i", label) + images.tobytes()).digest()
    assert digests.example_digests(images, np.array([label], np.int32)).tobytes() == expected


def test_pixels_are_read_in_row_major_order_whatever_the_memory_layout() -> None:
    images, labels = _examples()
    turned = np.asfortranarray(images)
    assert not turned.flags.c_contiguous
    assert np.array_equal(digests.example_digests(turned, labels), digests.example_digests(images, labels))


def test_the_content_digest_is_the_sha256_of_the_sorted_example_digests() -> None:
    images, labels = _examples()
    expected = hashlib.sha256(b"".join(sorted(_by_hand(images, labels)))).hexdigest()
    assert digests.content_digest(digests.example_digests(images, labels)) == expected


def test_the_content_digest_does_not_depend_on_the_order_of_the_examples() -> None:
    images, labels = _examples()
    order = np.random.default_rng(2).permutation(len(labels))
    shuffled = digests.example_digests(images[order], labels[order])
    assert digests.content_digest(shuffled) == digests.content_digest(digests.example_digests(images, labels))


@pytest.mark.parametrize("change", ["pixel", "label", "repeated example"])
def test_the_content_digest_sees_every_change(change: str) -> None:
    images, labels = _examples()
    before = digests.content_digest(digests.example_digests(images, labels))
    if change == "pixel":
        images[7, 3, 2, 1] ^= 1
    elif change == "label":
        labels[7] = (labels[7] + 1) % 256
    else:
        images, labels = np.append(images, images[:1], axis=0), np.append(labels, labels[:1])
    assert digests.content_digest(digests.example_digests(images, labels)) != before


def test_digest_order_is_that_of_byte_strings() -> None:
    received = np.random.default_rng(3).integers(0, 256, (500, 32), dtype=np.uint8)
    ordered = received[digests.digest_order(received)]
    assert [row.tobytes() for row in ordered] == sorted(row.tobytes() for row in received)


def test_digest_order_minds_trailing_zero_bytes_and_high_bits() -> None:
    # NumPy's byte strings drop trailing zeros, and signed words would put 0x80 before 0x7f.
    rows = [
        bytes([first]) * 8 + middle + bytes(8 - len(middle)) + bytes(16)
        for first in (0x80, 0x7F, 0, 0xFF)
        for middle in (b"", b"\x01", b"\x00\x01", b"\xff")
    ]
    received = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32)
    ordered = received[digests.digest_order(received)]
    assert [row.tobytes() for row in ordered] == sorted(rows)


def test_each_of_the_32_bytes_counts_in_the_order() -> None:
    rows = []
    for position in range(32):
        larger = bytearray(32)
        larger[position] = 1
        rows.append(bytes(larger))
    received = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32)
    assert digests.digest_order(received).tolist() == list(reversed(range(32)))
