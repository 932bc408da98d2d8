"""Files are whole or as they were before."""

import errno
import json
import math
import os
import pathlib
import re
import stat
import subprocess
import sys

import pytest

from collab_ensembles import files
from collab_ensembles.errors import CollabError, RunDirectoryError


def test_a_file_appears_under_its_name_only_when_it_is_complete(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results"
    with files.atomic_write(str(path)) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_content_stays_readable_until_the_new_one_is_complete(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results"
    path.write_bytes(b"old")
    with files.atomic_write(str(path)) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
def test_a_block_that_raises_leaves_the_old_content_and_nothing_beside_it(
    tmp_path: pathlib.Path, error: BaseException
) -> None:
    path = tmp_path / "results"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with files.atomic_write(str(path)) as file:
            file.write(b"new")
            raise error

    with pytest.raises(type(error)) as caught:
        interrupted()
    assert caught.value is error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_rename_that_fails_leaves_the_old_content_and_nothing_beside_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results"
    path.write_bytes(b"old")

    def refuse(source: str, target: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(CollabError, match="Read-only file system"):
        files.write_bytes(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_on_the_disk_before_it_takes_its_name(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        calls.append("fsync of a directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync of a file")
        fsync(descriptor)

    def note_replace(source: str, target: str) -> None:
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    files.write_bytes(str(tmp_path / "results"), b"new")
    assert calls == ["fsync of a file", "rename", "fsync of a directory"]


_FILL_THE_DISK = """
import resource, sys
from collab_ensembles import files
from collab_ensembles.errors import CollabError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    files.write_bytes(sys.argv[1], bytes(100_000))
except CollabError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_content_and_is_a_one_line_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", _FILL_THE_DISK, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    assert result.stdout.startswith(f"cannot write {path}: File too large; ")
    assert result.stdout.count("\n") == 1
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_follow_the_umask(tmp_path: pathlib.Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_bytes(str(tmp_path / "results"), b"new")
    finally:
        assert os.umask(before) == 0o027
    assert stat.S_IMODE((tmp_path / "results").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("way", "advice"),
    [
        ("no such directory", "No such file or directory; make its directory first"),
        ("a file", "Not a directory; a file is in the place of a directory; choose another directory"),
    ],
)
def test_a_place_that_cannot_be_written_is_a_one_line_error(tmp_path: pathlib.Path, way: str, advice: str) -> None:
    if way == "a file":
        (tmp_path / "parent").write_text("")
    path = tmp_path / "parent" / "results"
    with pytest.raises(CollabError, match=rf"^cannot write {re.escape(str(path))}: {advice}$"):
        files.write_bytes(str(path), b"new")


def test_directories_are_made_with_their_parents(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "one" / "two"
    files.make_directory(str(path))
    files.make_directory(str(path))
    assert path.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(CollabError, match=re.escape(f"cannot write {tmp_path}/file/two: Not a directory")):
        files.make_directory(str(tmp_path / "file" / "two"))


def test_json_is_written_for_people_and_refuses_what_json_has_no_word_for(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "status.json"
    value = {"epochs": 3, "errors": [0.25, None], "state": "done"}
    files.write_json(str(path), value)
    assert json.loads(path.read_text(encoding="utf-8")) == value
    assert path.read_text(encoding="utf-8").splitlines()[1] == '  "epochs": 3,'
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(str(path), {"error": math.nan})
    assert json.loads(path.read_text(encoding="utf-8")) == value


def _failing(error: Exception) -> None:
    with files.reading("status.json", "train the run again"):
        raise error


def test_a_file_that_cannot_be_read_is_not_called_damaged() -> None:
    with pytest.raises(CollabError, match=r"^status.json: cannot be read \(Input/output error\)$") as raised:
        _failing(OSError(errno.EIO, os.strerror(errno.EIO)))
    assert not isinstance(raised.value, RunDirectoryError)
    with pytest.raises(FileNotFoundError):
        _failing(FileNotFoundError("status.json"))
    with pytest.raises(
        RunDirectoryError, match=r"^status.json: damaged \(ValueError: two lines\); train the run again$"
    ):
        _failing(ValueError("two\nlines"))
