"""What a process that is killed while it writes a part leaves in the cache, and what a power cut finds."""

import os
import pathlib
import time

import numpy as np
import pytest

from collab_ensembles import files
from collab_ensembles.data.cache import ArrayCache, Part


def test_what_was_left_half_written_is_removed_once_nobody_can_be_writing_it(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "arrays" / "things"
    for name, hours in ((".train-a1b2", 30), (".train-c3d4", 1)):
        (directory / name).mkdir(parents=True)
        (directory / name / "images.npy").write_bytes(b"half")
        os.utime(directory / name, (time.time() - 3600 * hours,) * 2)
    ArrayCache(str(tmp_path), "things").read("train")
    assert len(list(directory.iterdir())) == 2
    ArrayCache(str(tmp_path), "things", verify=True).read("train")
    assert [path.name for path in directory.iterdir()] == [".train-c3d4"]


def test_a_part_is_on_the_disk_with_all_its_files_before_it_has_its_name(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, set[str]]] = []

    def note(directory: str) -> None:
        names = set(os.listdir(directory))
        synced.append((os.path.isdir(tmp_path / "arrays" / "things" / "train"), names))

    monkeypatch.setattr(files, "sync_directory", note)
    part = Part(np.zeros((3, 2, 2, 1), np.uint8), np.zeros(3, np.int32))
    ArrayCache(str(tmp_path), "things").write("train", part, "abc", "somewhere")
    assert (False, {"images.npy", "labels.npy"}) in synced
    assert synced[-1][0]
