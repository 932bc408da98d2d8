"""Nodes in processes of their own, here in threads: what they learn is what one process computes."""

import importlib
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.data import Dataset
from collab_ensembles.errors import CollabError, ConfigError
from collab_ensembles.methods.nodes import post
from collab_ensembles.methods.nodes.node import Node
from collab_ensembles.methods.nodes.options import NodesConfig
from collab_ensembles.methods.nodes.post import Inbox, Message
from collab_ensembles.runs import checkpoint_file, run, run_directory
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.streams import Stream, generator

_STEPS, _EPOCHS = 24, 2

_EAGER = pytest.mark.usefixtures("_no_graphs")


@pytest.fixture
def _no_graphs() -> Iterator[None]:
    """For tests of what is sent: the tracing of steps would take most of their time."""
    tf.config.run_functions_eagerly(True)
    with warnings.catch_warnings():
        # It does not apply to tf.data.
        warnings.simplefilter("ignore")
        yield
    tf.config.run_functions_eagerly(False)


class LostError(Exception):
    """The thread of a node has died."""


class Threads:
    """A team of threads. A node whose method raises `LostError` answers nothing until it is started again."""

    lost = (LostError,)

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
                raise LostError
            try:
                return getattr(made, method)(*arguments)
            except LostError:
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


@pytest.fixture
def team() -> Iterator[Threads]:
    team = Threads()
    yield team
    team.end()


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


def _trained(config: NodesConfig, directory: Path, **options: Any) -> dict[str, np.ndarray]:
    """The newest checkpoint, with all statistics and without the time."""
    run.run(config, str(directory), run.Options(threads=1, **options), _data(config))
    status = run_directory.read_status(str(directory))
    path = checkpoint_file.path(str(directory / checkpoint_file.DIRECTORY), status.epochs_done)
    return {key: value for key, value in checkpoint_file.read(path).items() if key != "seconds"}


def _check_equal(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert np.array_equal(value, theirs[key]), key


def _dying(monkeypatch: pytest.MonkeyPatch, deaths: set[tuple[int, int]]) -> None:
    """Nodes die once in each of these steps, given as node and step."""
    learn = Node._learn

    def learn_or_die(node: Node, step: int, *arguments: Any) -> Any:
        if (node._number, step) in deaths:
            deaths.remove((node._number, step))
            raise LostError
        return learn(node, step, *arguments)

    monkeypatch.setattr(Node, "_learn", learn_or_die)


def test_with_the_schedule_nodes_learn_what_one_process_computes_also_if_some_die(
    team: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(content="features")
    alone = _trained(config, tmp_path / "alone")
    assert min(alone["queues/sent"]) > 3
    deaths = {(1, 7), (0, 9)}
    _dying(monkeypatch, deaths)
    _trained(config, tmp_path / "spread", team=team, stop_after=1)
    assert not deaths
    assert team.starts == [0, 1, 2, 1, 0] or team.starts == [0, 1, 2, 0, 1]
    deaths.add((2, 23))
    spread = _trained(config, tmp_path / "spread", team=team)
    _check_equal(alone, spread)


def test_one_process_goes_on_with_what_several_have_begun(team: Threads, tmp_path: Path) -> None:
    config = _config(content="logits", nodes=2, neighbours=1)
    alone = _trained(config, tmp_path / "alone")
    _trained(config, tmp_path / "spread", team=team, stop_after=1)
    resumed = _trained(config, tmp_path / "spread")
    assert (alone["queues/waiting"] >= 0).any()
    _check_equal(alone, resumed)


@_EAGER
def test_of_nodes_that_run_free_no_message_is_lost_although_one_dies(
    team: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(content="labels", free_running=True)
    assert config.digest() != _config(content="labels").digest()
    assert "free_running" in config.description()
    _dying(monkeypatch, {(1, 6), (2, 15)})
    values = _trained(config, tmp_path, team=team)
    assert sorted(team.starts) == [0, 1, 1, 2, 2]
    recorded = {name: values[f"statistics/ensemble/{name}"] for name in ("consumed", "dropped", "empty")}
    consumed = round(sum(recorded["consumed"]) * 3 * _STEPS / _EPOCHS)
    waiting = np.count_nonzero(values["queues/waiting"] >= 0)
    # Each message went to two nodes.
    assert 2 * values["queues/sent"].sum() == consumed + recorded["dropped"].sum() + waiting
    draws = [generator(0, Stream.COMMUNICATION, step).random((2, 3)) for step in range(_STEPS)]
    assert values["queues/sent"].tolist() == np.sum([sends < 0.5 for _, sends in draws], axis=0).tolist()
    assert np.sum([wants < 0.6 for wants, _ in draws]) == consumed + recorded["empty"].sum()
    assert values["queues/taken"].sum() + consumed == 3 * _STEPS
    assert consumed > _STEPS / 2
    with pytest.raises(ConfigError, match="--free_running: needs"):
        run.run(config, str(tmp_path / "alone"), run.Options(), _data(config))


@_EAGER
def test_a_node_that_dies_again_and_again_ends_the_run(
    team: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise LostError

    monkeypatch.setattr(Node, "end", die)
    with pytest.raises(CollabError, match="node 1: its process died 4 times in an epoch"):
        _trained(_config(nodes=2, steps=2), tmp_path, team=team)


@_EAGER
def test_a_lost_message_of_the_schedule_is_an_error(
    team: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "_PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(Node, "deliver", lambda *_: None)
    with pytest.raises(RuntimeError, match="has not come for 1 s"):
        _trained(_config(content="labels", nodes=2), tmp_path, team=team)


def test_a_message_is_taken_by_its_key_in_any_order_and_once() -> None:
    def message(*key: int) -> Message:
        nothing = np.zeros((1, 0))
        return Message((key[0], key[1]), nothing, nothing, nothing, nothing)

    inbox = Inbox(2, [message(0, 4)], scheduled=True)
    for key in ((1, 0), (0, 6), (0, 5), (1, 1), (0, 4)):
        inbox.put(message(*key))
    # The schedule has pushed messages 4 and 5 of node 0 out.
    assert inbox.take((0, 6)).key == (0, 6)
    assert inbox.keys() == [(1, 0), (1, 1)]
    free = Inbox(2, [message(0, 4)], scheduled=False)
    for key in ((1, 0), (1, 0), (0, 5)):
        free.put(message(*key))
    assert free.keys() == [(1, 0), (0, 5)]
    assert free.dropped == 1
