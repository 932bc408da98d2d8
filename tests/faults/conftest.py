"""Fixtures for sweeps that are disturbed."""

import pathlib
from collections.abc import Iterator

import filelock
import pytest

from faults.sweeps import Scene


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether all faults are tried (`make faults`), or a few (`make test`)."""
    return bool(pytestconfig.getoption("--all-faults"))


@pytest.fixture(scope="session")
def long(thorough: bool) -> None:
    """Leaves a test to `make faults`: it takes its time, and test_each_kind.py has a fault of its kind.

    Of the whole session, so that it comes before the scene, which is then not prepared for nothing.
    """
    if not thorough:
        pytest.skip("left to make faults")


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, thorough: bool, worker_id: str) -> Scene:
    """Data and the undisturbed sweep; one of several processes that run tests prepares it for all."""
    base = tmp_path_factory.getbasetemp()
    directory = (base if worker_id == "master" else base.parent) / "faults"
    scene = Scene(directory, runs=4 if thorough else 2, epochs=24 if thorough else 8)
    with filelock.FileLock(f"{directory}.lock"):
        scene.prepare()
    return scene


@pytest.fixture
def log_dir(scene: Scene, request: pytest.FixtureRequest) -> Iterator[pathlib.Path]:
    """A log directory for one test."""
    with scene.log_dir_of(request.node.name) as log_dir:
        yield log_dir
