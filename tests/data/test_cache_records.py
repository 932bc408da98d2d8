"""Digests of parts: how they are computed, recorded at first use, and compared."""

import json
import pathlib

import numpy as np
import pytest

from collab_ensembles.data.cache import ArrayCache, Part, check_digest, in_digest_order
from collab_ensembles.errors import DataError


def test_the_first_use_of_a_part_is_recorded_beside_those_of_others(tmp_path: pathlib.Path) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    cache.hold_to_record({"train": "abc"}, "somewhere")
    cache.hold_to_record({"test": "def"}, "somewhere")
    assert json.loads((tmp_path / "arrays/things/digests.json").read_text()) == {"train": "abc", "test": "def"}


def test_a_part_is_held_to_the_record_of_its_first_use(tmp_path: pathlib.Path) -> None:
    part = Part(np.zeros((3, 2, 2, 1), np.uint8), np.zeros(3, np.int32))
    cache = ArrayCache(str(tmp_path), "things")
    cache.hold_to_record({"train": "abc"}, "somewhere")
    with pytest.raises(DataError) as caught:
        cache.write("train", part, "xyz", "the other source")
    for fragment in ("the other source", "expected content digest abc", "received xyz", "train", "nothing was cached"):
        assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.rglob("*.npy")) == []
    assert json.loads((tmp_path / "arrays/things/digests.json").read_text()) == {"train": "abc"}


def test_a_damaged_record_is_an_error_that_names_it(tmp_path: pathlib.Path) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    cache.hold_to_record({"train": "abc"}, "somewhere")
    (tmp_path / "arrays/things/digests.json").write_text('{"train"')
    with pytest.raises(DataError, match=r"digests\.json"):
        cache.hold_to_record({"train": "abc"}, "somewhere")


def test_an_expected_digest_is_compared_and_an_unknown_one_is_not() -> None:
    check_digest("train part", "abc", None, "somewhere")
    check_digest("train part", "abc", "abc", "somewhere")
    with pytest.raises(DataError, match=r"somewhere .* train part: expected content digest abd, received abc"):
        check_digest("train part", "abc", "abd", "somewhere")


def test_pooled_parts_stand_in_one_order_and_keep_images_and_labels_together() -> None:
    images = np.arange(30, dtype=np.uint8).reshape(30, 1, 1, 1)
    labels = np.arange(30)
    pooled, digest = in_digest_order([Part(images[:20], labels[:20]), Part(images[20:], labels[20:])])
    swapped, same = in_digest_order([Part(images[20:], labels[20:]), Part(images[:20], labels[:20])])
    assert digest == same
    assert pooled.labels.tolist() == swapped.labels.tolist()
    assert pooled.labels.dtype == np.int32
    assert pooled.images.ravel().tolist() == pooled.labels.tolist()
    assert sorted(pooled.labels.tolist()) == list(range(30))
    assert pooled.labels.tolist() != list(range(30))
