import pathlib
import subprocess

import pytest

from collab_ensembles import revision
from conftest import REPOSITORY


def test_it_is_what_git_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(revision.VARIABLE, raising=False)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.strip()
    known = revision.revision()
    assert known is not None
    assert head.startswith(known.removesuffix("-dirty"))


def test_a_copy_is_told_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(revision.VARIABLE, "0123456789ab-dirty")
    assert revision.revision() == "0123456789ab-dirty"


def test_what_is_no_checkout_has_none(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(revision.VARIABLE, raising=False)
    monkeypatch.setattr(revision, "__file__", str(tmp_path / "revision.py"))
    assert revision.revision() is None


def test_a_copy_below_another_repository_has_not_that_ones(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.delenv(revision.VARIABLE, raising=False)
    copy = tmp_path / "site-packages" / "revision.py"
    copy.parent.mkdir()
    copy.write_text("")
    git("init")
    git("commit", "--allow-empty", "--message=theirs")
    monkeypatch.setattr(revision, "__file__", str(copy))
    assert revision.revision() is None
    git("add", str(copy))
    git("commit", "--message=ours")
    assert revision.revision() == git("rev-parse", "HEAD")[:12]
