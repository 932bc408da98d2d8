"""Nodes in processes of their own, here in threads: what they learn is what one process computes."""

import importlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collab_ensembles.data import Dataset
from collab_ensembles.errors import CollabError, ConfigError
from collab_ensembles.methods.nodes import crew, post
from collab_ensembles.methods.nodes.node import Node
from collab_ensembles.methods.nodes.options import NodesConfig
from collab_ensembles.methods.nodes.post import Inbox, Message
from collab_ensembles.methods.nodes.schedule import Key
from collab_ensembles.runs import checkpoint_file, run, run_directory
from collab_ensembles.settings.config import RunConfig
from trainings import read

_STEPS, _EPOCHS = 24, 2


class Lost(Exception):
    """The thread of a node has died."""


class Threads:
    """A team of threads. A node whose method raises `Lost` answers nothing from then on, until it is started again."""

    lost = (Lost,)

    def __init__(self) -> None:
        self.starts: list[int] = []
        self._objects: dict[int, Any] = {}
        self._pools: dict[tuple[int, bool], ThreadPoolExecutor] = {}

    def start(self, number: int, maker: str, *arguments: Any) -> "Future[Any]":
        self.starts.append(number)
        for beside in (False, True):
            self._pools[number, beside] = ThreadPoolExecutor(1)
        module, name = maker.split(":")
        self._objects[number] = getattr(importlib.import_module(module), name)(*arguments)
        return self._done()

    def _done(self) -> "Future[Any]":
        done: Future[Any] = Future()
        done.set_result(None)
        return done

    def _call(self, number: int, beside: bool, method: str) -> Callable[..., "Future[Any]"]:
        made = self._objects[number]

        def call(*arguments: Any) -> Any:
            if getattr(made, "dead", False):
                raise Lost
            try:
                return getattr(made, method)(*arguments)
            except Lost:
                made.dead = True
                raise

        pool = self._pools[number, beside]
        return lambda *arguments: pool.submit(call, *arguments)

    def ask(self, number: int, method: str, *arguments: Any) -> "Future[Any]":
        return self._call(number, False, method)(*arguments)

    def mail(self, number: int, method: str) -> Callable[..., "Future[Any]"]:
        return self._call(number, True, method)

    def end(self) -> None:
        for pool in self._pools.values():
            pool.shutdown()


def _config(**settings: Any) -> NodesConfig:
    config = RunConfig(
        **{
            "system": "nodes", "dataset": "digits", "members": ("mlp6-7",), "nodes": 3, "batch_size": 8,
            "steps": _STEPS, "epochs": _EPOCHS, "queue_capacity": 2, "consume": 0.6, "broadcast": 0.5, **settings,
        }
    )  # fmt: skip
    assert isinstance(config, NodesConfig)
    return config


def _data(config: NodesConfig) -> Dataset:
    random = np.random.default_rng(7)
    images, labels = random.integers(0, 256, (130, 4, 4, 1), np.uint8), random.integers(0, 3, 130).astype(np.int32)
    return Dataset("digits", images[:90], labels[:90], images[90:], labels[90:], ("a", "b", "c"))


def _trained(config: NodesConfig, directory: Path, **options: Any) -> tuple[dict[str, np.ndarray], Any]:
    """The newest checkpoint without the time, and the recorded statistics."""
    run.run(config, str(directory), run.Options(threads=1, **options), _data(config))
    status = run_directory.read_status(str(directory))
    path = checkpoint_file.path(str(directory / checkpoint_file.DIRECTORY), status.epochs_done)
    values = {key: value for key, value in checkpoint_file.read(path).items() if key != "seconds"}
    return values, read(config, directory)


def _check_equal(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert np.array_equal(value, theirs[key]), key


@pytest.mark.parametrize("content", ["features"])
def test_with_the_schedule_nodes_learn_what_one_process_computes(content: str, tmp_path: Path) -> None:
    config = _config(content=content)
    alone, _ = _trained(config, tmp_path / "alone")
    team = Threads()
    spread, _ = _trained(config, tmp_path / "spread", team=team)
    team.end()
    assert team.starts == [0, 1, 2]
    _check_equal(alone, spread)
