"""Fixtures for all tests: TensorFlow started once, and small data."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
# As in commands, with whose bits those of trainings in this process are compared.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"

import hypothesis
import keras
import matplotlib
import numpy as np
import pytest

from collab_ensembles.networks.resnet import build_resnet
from collab_ensembles.networks.sizes import parse_size
from collab_ensembles.runs import epoch_graph
from collab_ensembles.streams import Stream, generator
from trainings import eager_steps

_SURVIVED_FAULTS: Counter[str] = Counter()
_STARTED = time.monotonic()

# A shell that starts the tests in the background has them, and all processes they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]

_OF_TERMINALS = ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES")
"""Variables that rich believes more than what it writes to: with them, commands' output has colours or other lines."""


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The environment of the tests, and of all processes they start, does not depend on who runs them.

    Data are kept in a cache of their own; matplotlib's, of the fonts there are, takes seconds to make, and stays.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in _OF_TERMINALS:
            patch.delenv(name, raising=False)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        # Whoever owns the checkout.
        patch.setenv("GIT_CONFIG_COUNT", "1")
        patch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
        patch.setenv("GIT_CONFIG_VALUE_0", "*")
        patch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _graphs_not_drawn() -> Iterator[None]:
    """Trainings in the process of the tests draw no graphs, a quarter of their time; test_logger.py and commands do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epoch_graph, "epoch_graph", lambda title, quantity, curves: b"")
        yield


@pytest.fixture
def eager() -> Iterator[None]:
    """Trainings of a test take their steps eagerly: of a tiny network, the tracing would take most of the time.

    For tests of what reaches a training, and of what is done with a trained network. That steps are right in a graph
    too, those tests show that resume trainings, and those of the models.
    """
    with eager_steps():
        yield


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory for data of the trainings of a module."""
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20170602)


@pytest.fixture
def batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Twelve images of 8 x 8 pixels and their labels, in 5 classes."""
    return rng.integers(0, 256, (12, 8, 8, 1), np.uint8), rng.integers(0, 5, 12).astype(np.int32)


@pytest.fixture
def small_batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Seven images of 4 x 4 pixels and their labels, in 3 classes."""
    return rng.integers(0, 256, (7, 4, 4, 1), np.uint8), rng.integers(0, 3, 7).astype(np.int32)


def network(size: str = "B2R1F2", member: int = 0, **options: object) -> keras.Model:
    """A small network for images of 8 x 8 pixels in 5 classes."""
    random = generator(3, Stream.INITIALISATION, member)
    return build_resnet(parse_size(size), (8, 8, 1), 5, random=random, name=f"{size}_{member}", **options)  # type: ignore[arg-type]


@pytest.fixture
def no_tensorflow(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment for a command that must not take the seconds that TensorFlow takes, and has no data yet.

    Importing TensorFlow or Keras fails in it and leaves a mark: the test fails too, whatever the command makes of it.
    """
    directory, mark = tmp_path / "in place of TensorFlow", tmp_path / "imported"
    directory.mkdir()
    for name in ("tensorflow", "keras", "tensorflow_datasets"):
        leave = f"open({str(mark)!r}, 'a').write({name + ' '!r})\n"
        (directory / f"{name}.py").write_text(f"{leave}raise ImportError({name!r})\n")
    yield {"PYTHONPATH": str(directory), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert not mark.exists(), mark.read_text()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this suite."""
    parser.addoption("--all-faults", action="store_true", help="disturb sweeps many times, not a few (tests/faults)")
    parser.addoption("--all-fuzz", action="store_true", help="try many damaged and odd inputs, not a few (*_fuzz.py)")


_LONGEST = ("faults", "methods", "experiments", "runs", "models")
"""The folders whose files take longest: first, so that at the end no core waits for the other one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Decides the order of folders; with pytest-xdist it needs --no-loadscope-reorder."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(tests).parts[0]
        return _LONGEST.index(folder) if folder in _LONGEST else len(_LONGEST)

    items.sort(key=place)


def pytest_configure(config: pytest.Config) -> None:
    """Decides how much is tried where inputs are drawn; always the same ones."""
    for name, examples in (("few", 40), ("many", 2000)):
        hypothesis.settings.register_profile(
            name, max_examples=examples, deadline=None, derandomize=True, database=None
        )
    hypothesis.settings.load_profile("many" if config.getoption("--all-fuzz") else "few")


@pytest.fixture
def survived() -> Callable[..., None]:
    """To be called with the kind of a fault, and how many there were, once they are survived."""

    def count(kind: str, times: int = 1) -> None:
        _SURVIVED_FAULTS[kind] += times

    return count


def pytest_sessionfinish(session: Any) -> None:
    """Hands what was survived in a worker of pytest-xdist to the process that tells of it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["survived"] = dict(_SURVIVED_FAULTS)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes that in."""
    _SURVIVED_FAULTS.update(getattr(node, "workeroutput", {}).get("survived", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says what was tried and survived."""
    if _SURVIVED_FAULTS:
        terminalreporter.section("faults survived")
        for kind, times in _SURVIVED_FAULTS.items():
            terminalreporter.write_line(f"{times:4d}  {kind}")
        total, minutes = sum(_SURVIVED_FAULTS.values()), (time.monotonic() - _STARTED) / 60
        terminalreporter.write_line(
            f"{total:4d}  in all, in {minutes:.1f} minutes; a fault that is not survived fails its test"
        )
