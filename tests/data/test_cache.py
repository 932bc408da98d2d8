"""ArrayCache: parts are whole or absent, memory-mapped, and held to the record of their first use."""

import contextlib
import os
import pathlib
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from collab_ensembles.data.cache import ArrayCache, Part, in_digest_order
from collab_ensembles.errors import CollabError, DataError


@pytest.fixture
def part() -> Part:
    random = np.random.default_rng(5)
    return Part(random.integers(0, 256, (12, 4, 4, 1), dtype=np.uint8), np.arange(12, dtype=np.int32) % 3)


def _entries(data_dir: pathlib.Path) -> list[str]:
    """Everything below the cache but the record of digests."""
    return sorted(
        str(path.relative_to(data_dir))
        for path in data_dir.rglob("*")
        if path.name != "digests.json" and path != data_dir / "arrays" and path != data_dir / "arrays" / "things"
    )


def test_a_written_part_is_memory_mapped_and_has_the_same_content(tmp_path: pathlib.Path, part: Part) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    assert cache.read("train") is None
    written = cache.write("train", part, "abc", "somewhere")
    for stored in (written, ArrayCache(str(tmp_path), "things").read("train")):
        assert stored is not None
        assert isinstance(stored.images, np.memmap)
        assert isinstance(stored.labels, np.memmap)
        assert stored.images.tolist() == part.images.tolist()
        assert stored.labels.tolist() == part.labels.tolist()
        with pytest.raises(ValueError, match="read-only"):
            stored.images[0] = 0
    assert _entries(tmp_path) == [
        "arrays/things/train",
        "arrays/things/train/images.npy",
        "arrays/things/train/labels.npy",
    ]


def test_who_shares_a_directory_decides_by_the_umask(tmp_path: pathlib.Path, part: Part) -> None:
    before = os.umask(0o002)
    try:
        ArrayCache(str(tmp_path), "things").write("train", part, "abc", "somewhere")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "arrays" / "things" / "train").stat().st_mode) == 0o775


def test_sets_with_a_slash_in_their_name_stay_apart(tmp_path: pathlib.Path, part: Part) -> None:
    ArrayCache(str(tmp_path), "letters/small").write("train", part, "abc", "somewhere")
    assert ArrayCache(str(tmp_path), "letters").read("train") is None
    assert ArrayCache(str(tmp_path), "letters/small").read("train") is not None


def _fail_second(function: Callable[..., Any]) -> Callable[..., Any]:
    calls = []

    def failing(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return function(*arguments, **options)

    return failing


def test_nothing_half_written_is_left_when_the_second_file_fails(
    tmp_path: pathlib.Path, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    monkeypatch.setattr(np, "save", _fail_second(np.save))
    with pytest.raises(CollabError, match=r"No space left on device.*--data_dir"):
        cache.write("train", part, "abc", "somewhere")
    assert _entries(tmp_path) == []
    assert cache.read("train") is None
    monkeypatch.undo()
    assert cache.write("train", part, "abc", "somewhere").labels.tolist() == part.labels.tolist()


def test_nothing_half_written_is_left_when_the_rename_fails(
    tmp_path: pathlib.Path, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ArrayCache(str(tmp_path), "things")

    def refuse(source: str, target: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(CollabError, match="Permission denied"):
        cache.write("train", part, "abc", "somewhere")
    assert _entries(tmp_path) == []


def test_a_reader_sees_no_part_before_both_files_are_complete(
    tmp_path: pathlib.Path, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    seen = []
    original = np.save

    def watched(*arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        seen.append(cache.read("train"))

    monkeypatch.setattr(np, "save", watched)
    cache.write("train", part, "abc", "somewhere")
    assert seen == [None, None]


def test_the_faster_of_two_writers_wins_and_both_get_the_part(
    tmp_path: pathlib.Path, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, rename = ArrayCache(str(tmp_path), "things"), os.rename

    def overtaken(source: str, target: str) -> None:
        monkeypatch.setattr(os, "rename", rename)
        cache.write("train", part, "abc", "a faster process")
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)
    assert cache.write("train", part, "abc", "somewhere").images.tolist() == part.images.tolist()
    assert len(_entries(tmp_path)) == 3


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\x93NUMPY\x01\x00"])
@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_a_damaged_file_is_an_error_that_names_the_directory_and_what_mends_it(
    tmp_path: pathlib.Path, part: Part, name: str, content: bytes
) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    cache.write("train", part, "abc", "somewhere")
    (tmp_path / "arrays/things/train" / name).write_bytes(content)
    with pytest.raises(DataError, match=r"arrays/things/train: damaged .*; repair it with experiments\.prepare"):
        cache.read("train")


def test_a_file_cut_short_is_damaged(tmp_path: pathlib.Path, part: Part) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    cache.write("train", part, "abc", "somewhere")
    path = tmp_path / "arrays/things/train/images.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged"):
        cache.read("train")


def test_a_header_with_an_open_bracket_is_damaged(tmp_path: pathlib.Path, part: Part) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    cache.write("train", part, "abc", "somewhere")
    path = tmp_path / "arrays/things/train/images.npy"
    path.write_bytes(path.read_bytes().replace(b"}", b"(", 1))
    with pytest.raises(DataError, match="damaged"):
        cache.read("train")


def test_a_part_that_lost_one_of_its_files_is_damaged(tmp_path: pathlib.Path, part: Part) -> None:
    cache = ArrayCache(str(tmp_path), "things")
    cache.write("train", part, "abc", "somewhere")
    (tmp_path / "arrays/things/train/labels.npy").unlink()
    with pytest.raises(DataError, match="damaged"):
        cache.write("train", part, "abc", "somewhere")


def _write(data_dir: pathlib.Path, part: Part) -> Part:
    """Stores a part as `load` does: in digest order, with its digest."""
    ordered, digest = in_digest_order([part])
    return ArrayCache(str(data_dir), "things").write("train", ordered, digest, "somewhere")


def _verified(data_dir: pathlib.Path) -> Part | None:
    return ArrayCache(str(data_dir), "things", verify=True).read("train")


def test_an_undamaged_part_is_verified_and_returned(
    tmp_path: pathlib.Path, part: Part, caplog: pytest.LogCaptureFixture
) -> None:
    assert _verified(tmp_path) is None
    written = _write(tmp_path, part)
    verified = _verified(tmp_path)
    assert verified is not None
    assert isinstance(verified.images, np.memmap)
    assert np.array_equal(verified.images, written.images)
    assert np.array_equal(verified.labels, written.labels)
    assert caplog.records == []


def _flip(array: np.ndarray, position: int) -> np.ndarray:
    damaged = np.frombuffer(bytearray(array.tobytes()), np.uint8).copy()
    damaged[position] ^= 1
    return damaged.view(array.dtype).reshape(array.shape)


def _swap(array: np.ndarray) -> np.ndarray:
    return array[[0, 5, 2, 3, 4, 1, *range(6, len(array))]]


_FOUND_OUT: dict[str, Callable[[Part], Part]] = {
    "first pixel": lambda part: Part(_flip(part.images, 0), part.labels),
    "last pixel": lambda part: Part(_flip(part.images, -1), part.labels),
    "a label": lambda part: Part(part.images, _flip(part.labels, 4)),
    "order of two examples": lambda part: Part(_swap(part.images), _swap(part.labels)),
    "images of two examples": lambda part: Part(_swap(part.images), part.labels),
    "an example less": lambda part: Part(part.images[:-1], part.labels[:-1]),
    "an example twice": lambda part: Part(part.images[[0, *range(12)]], part.labels[[0, *range(12)]]),
    "no examples": lambda part: Part(part.images[:0], part.labels[:0]),
}
_CRASHES: dict[str, Callable[[Part], Part]] = {
    "upper byte of a label": lambda part: Part(part.images, _flip(part.labels, 5)),
    "sign of a label": lambda part: Part(part.images, np.where(np.arange(12) == 3, np.int32(-1), part.labels)),
    "fewer labels than images": lambda part: Part(part.images, part.labels[:-1]),
    "labels without a dimension": lambda part: Part(part.images, np.array(3, np.int32)),
}


@pytest.mark.parametrize(
    "damage",
    [
        *(pytest.param(damage, id=name) for name, damage in _FOUND_OUT.items()),
        *(pytest.param(damage, id=name) for name, damage in _CRASHES.items()),
    ],
)
def test_a_part_that_differs_from_the_record_is_removed_with_a_warning(
    tmp_path: pathlib.Path, part: Part, damage: Callable[[Part], Part], caplog: pytest.LogCaptureFixture
) -> None:
    written = _write(tmp_path, part)
    directory = tmp_path / "arrays/things/train"
    damaged = damage(Part(np.array(written.images), np.array(written.labels)))
    np.save(directory / "images.npy", damaged.images)
    np.save(directory / "labels.npy", damaged.labels)
    assert ArrayCache(str(tmp_path), "things").read("train") is not None  # only verifying finds it out
    assert _verified(tmp_path) is None
    assert re.search(rf"{re.escape(str(directory))}: damaged \(it.+\); it is made again", caplog.text)
    assert _entries(tmp_path) == []
    _write(tmp_path, part)
    assert _verified(tmp_path) is not None


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_a_part_that_cannot_be_read_is_removed_with_a_warning_where_parts_are_verified(
    tmp_path: pathlib.Path, part: Part, name: str, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    _write(tmp_path, part)
    path = tmp_path / "arrays/things/train" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert _verified(tmp_path) is None
    assert f"{path.parent}: damaged (" in caplog.text
    assert "it is made again" in caplog.text
    assert _entries(tmp_path) == []


def test_a_damaged_part_is_not_in_the_way_of_the_one_made_again(tmp_path: pathlib.Path, part: Part) -> None:
    """Nobody has read it yet: a source delivers all parts, if one of them is needed."""
    _write(tmp_path, part)
    (tmp_path / "arrays/things/train/images.npy").write_bytes(b"rubbish")
    ordered, digest = in_digest_order([part])
    written = ArrayCache(str(tmp_path), "things", verify=True).write("train", ordered, digest, "somewhere")
    assert np.array_equal(written.images, ordered.images)
    assert _verified(tmp_path) is not None


@pytest.mark.parametrize("record", ["{", "[]", None])
def test_a_part_is_not_removed_because_its_record_is_damaged_or_gone(
    tmp_path: pathlib.Path, part: Part, record: str | None
) -> None:
    _write(tmp_path, part)
    path = tmp_path / "arrays/things/digests.json"
    path.unlink()
    if record is not None:
        path.write_text(record)
    with contextlib.suppress(DataError):
        _verified(tmp_path)
    assert len(_entries(tmp_path)) == 3


def test_a_directory_that_cannot_be_made_is_a_one_line_error(tmp_path: pathlib.Path, part: Part) -> None:
    (tmp_path / "arrays").write_text("a file in the way")
    with pytest.raises(CollabError, match=re.escape(f"cannot write {tmp_path}/arrays/things")):
        ArrayCache(str(tmp_path), "things").write("train", part, "abc", "somewhere")


_FILL_THE_DISK = """
import resource, sys
import numpy as np
from collab_ensembles.data.cache import ArrayCache, Part
from collab_ensembles.errors import CollabError
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    ArrayCache(sys.argv[1], "things").write("train", Part(np.zeros((9, 32, 32, 3), np.uint8), np.zeros(9)), "a", "b")
except CollabError as error:
    print(error)
"""


def test_a_disk_that_runs_full_leaves_nothing_and_says_why(tmp_path: pathlib.Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", _FILL_THE_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert result.stderr == ""
    assert "cannot write the data to" in result.stdout
    assert "None" not in result.stdout
    assert _entries(tmp_path) == []
