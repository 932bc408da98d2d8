"""A real Ray cluster of several nodes on this machine, whose nodes can be killed.

The cluster is started by a process of its own, this file as a script, which obeys lines on its standard
input and ends with it: Ray reads its settings when it is imported, once and for all.
"""

import contextlib
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

SETTINGS = {
    # Otherwise Ray would put a token of its own into the user's home directory.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "for-the-tests-of-this-project",
    "RAY_USAGE_STATS_ENABLED": "0",
}

_STORE_BYTES = 80 * 1024 * 1024


class Nodes:
    """A cluster whose head is called `head`; each node has a directory for temporary files."""

    def __init__(self, directory: pathlib.Path, process: "subprocess.Popen[str]", head_cpus: int) -> None:
        """Starts the head, by a process that runs `_serve`."""
        self._directory, self._process, self._living = directory, process, list[str]()
        self.address = self.add("head", head_cpus, include_dashboard=False)

    def add(self, name: str, cpus: int = 1, variables: dict[str, str] | None = None, **options: object) -> str:
        """Starts a node, with further variables in its environment, and gives the address of the head."""
        temporary = self._directory / name
        temporary.mkdir(exist_ok=True)
        variables = {"TMPDIR": str(temporary), **(variables or {})}
        address = self._tell("add", node_name=name, num_cpus=cpus, env_vars=variables, **options)
        self._living.append(name)
        return address

    def kill(self, name: str) -> None:
        """Kills a node, as when its power fails, and waits until the cluster has noticed."""
        self._living.remove(name)
        self._tell("kill", node_name=name)

    def kill_others(self) -> None:
        """Kills all nodes but the head."""
        for name in self._living[1:]:
            self.kill(name)

    def _tell(self, what: str, **options: object) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([what, options]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline().strip()
        assert answer, (self._directory / "errors").read_text()
        return answer


@contextlib.contextmanager
def nodes(directory: pathlib.Path, head_cpus: int = 1) -> Iterator[Nodes]:
    """A cluster for a while; commands that are started meanwhile have its token."""
    # Not found by the script, whose nodes must not look for modules among the tests.
    from command_runner import environment

    with pytest.MonkeyPatch.context() as patch, (directory / "errors").open("w") as errors:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        with subprocess.Popen(
            [sys.executable, __file__],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process:
            yield Nodes(directory, process, head_cpus)


def _serve() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    nodes: dict[str, Any] = {}
    for line in sys.stdin:
        what, options = json.loads(line)
        if what == "add":
            nodes[options["node_name"]] = cluster.add_node(object_store_memory=_STORE_BYTES, **options)
        else:
            cluster.remove_node(nodes.pop(options["node_name"]), allow_graceful=False)
            # Nobody tells the head of it: it notices after a few heartbeats.
            cluster.wait_for_nodes(timeout=60)
        print(cluster.address, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    _serve()
