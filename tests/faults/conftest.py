"""The scene of the faults, and their count at the end."""

import pathlib
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sweeps import Scene

_SURVIVED: Counter[str] = Counter()
_STARTED = time.monotonic()


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether all faults are tried (`make faults`), or a few of each kind (`make test`)."""
    return bool(pytestconfig.getoption("--all-faults"))


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, thorough: bool) -> Scene:
    """Data and the undisturbed sweep."""
    scene = Scene(tmp_path_factory.mktemp("faults"), runs=4 if thorough else 2, epochs=24 if thorough else 6)
    scene.prepare()
    return scene


@pytest.fixture
def log_dir(scene: Scene, request: pytest.FixtureRequest) -> pathlib.Path:
    """A log directory for one test."""
    return scene.new_log_dir("".join(c if c.isalnum() else "_" for c in request.node.name))


@pytest.fixture
def survived() -> Callable[..., None]:
    """To be called with the kind of a fault, and how many there were, once they are survived."""

    def count(kind: str, times: int = 1) -> None:
        _SURVIVED[kind] += times

    return count


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says what was tried and survived."""
    if _SURVIVED:
        terminalreporter.section("faults survived")
        for kind, times in _SURVIVED.items():
            terminalreporter.write_line(f"{times:4d}  {kind}")
        terminalreporter.write_line(
            f"{sum(_SURVIVED.values()):4d}  in all, in {(time.monotonic() - _STARTED) / 60:.1f} minutes; a fault that "
            "is not survived fails its test"
        )
