"""Code of a Ray process on a node: compares versions, then computes one run and reports, or has an object of a run.

Ray sends this module by value (see `ray_executor`). So it runs, and can report the error, even if the package is
missing on the node or has another version. Before the comparison it imports only the standard library and Ray.
"""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import pathlib
import platform
import signal
from collections.abc import Mapping, Sequence
from typing import Any

_PACKAGES = ("collab_ensembles", "experiments")
_DISTRIBUTIONS = ("tensorflow", "keras", "numpy")
_MISSING = "missing"


class Reports:
    """An actor that stores the latest report of each run until the driver asks for it."""

    def __init__(self) -> None:
        self._latest: dict[int, tuple[str, dict[str, Any]]] = {}

    def put(self, serial: int, node: str, status: dict[str, Any]) -> None:
        """Takes a report: the task's number, the id of its node, and fields of the run's status."""
        self._latest[serial] = (node, status)

    def take(self) -> dict[int, tuple[str, dict[str, Any]]]:
        """The reports since the last call, by number."""
        latest, self._latest = self._latest, {}
        return latest


def facts(directories: Sequence[pathlib.Path]) -> dict[str, str]:
    """The facts that must be equal on driver and node: versions, and the source files of this project's packages."""
    result = {"Python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            result[name] = _MISSING
    sources = hashlib.sha256()
    for directory in directories:
        for path in sorted(directory.rglob("*.py")):
            sources.update(f"{path.relative_to(directory.parent)}\0".encode())
            sources.update(hashlib.sha256(path.read_bytes()).digest())
    result["collab-ensembles"] = sources.hexdigest()[:12] if len(directories) == len(_PACKAGES) else _MISSING
    return result


def package_directories() -> list[pathlib.Path]:
    """The directories of this project's packages, without those that are not installed."""
    specs = [importlib.util.find_spec(name) for name in _PACKAGES]
    found = [spec.submodule_search_locations for spec in specs if spec is not None]
    return [pathlib.Path(locations[0]) for locations in found if locations]


def difference(here: Mapping[str, str], driver: Mapping[str, str]) -> str:
    """The differences between this node and the driver, as text; empty if there are none."""
    differing = [name for name in driver if here.get(name) != driver[name]]
    return "; ".join(f"{name} is {here.get(name, _MISSING)}, on the driver {driver[name]}" for name in differing)


def work(order: Any, driver: dict[str, str], reports: Any, serial: int) -> Any:
    """Computes the run of an `Order` of `node_run`, unless versions differ, and returns an `Outcome`.

    Args:
      order: what to compute.
      driver: the driver's `facts`.
      reports: the actor `Reports`.
      serial: the number of this task.
    """
    import ray

    # Ray cancels a task like Ctrl-C, but processes that a script starts in the background ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    node = ray.get_runtime_context().get_node_id()
    failed: dict[str, Any] = {
        "node": node,
        "unfit": True,
        "error": "",
        "exit_status": 1,
        "retries": 0,
        "data": "",
        "files": {},
    }
    reports.put.remote(serial, node, {"state": "running"})
    differing = difference(facts(package_directories()), driver)
    if differing:
        return failed | {"error": f"{differing}; install the same as on the driver"}

    # From here on, the code is the same as on the driver.
    try:
        from collab_ensembles.errors import CollabError, one_line
        from experiments.launch import node_run
    except ImportError as error:
        return failed | {"error": f"{error}; install the same as on the driver"}
    try:
        return node_run.compute(order, node, lambda status: reports.put.remote(serial, node, status))
    except CollabError as error:
        return failed | {"unfit": isinstance(error, node_run.NodeError), "error": one_line(error)}


class Host:
    """An actor that has one object of a run, and calls its methods; see `ray_team`."""

    def make(self, driver: dict[str, str], threads: int, maker: str, *arguments: Any) -> str:
        """Starts TensorFlow and makes the object, unless versions differ.

        Args:
          driver: the driver's `facts`.
          threads: of TensorFlow.
          maker: what is called for the object, as `module:name`.
          arguments: of that call.

        Returns:
          Why there is no object, in one line; empty if there is one.
        """
        differing = difference(facts(package_directories()), driver)
        if differing:
            return f"{platform.node()}: {differing}; install the same as on the driver"

        # From here on, the code is the same as on the driver.
        from experiments import runtime

        runtime.start_tensorflow(threads)
        module, name = maker.split(":")
        self._object = getattr(importlib.import_module(module), name)(*arguments)
        return ""

    def ask(self, method: str, *arguments: Any) -> Any:
        """Calls a method of the object."""
        return getattr(self._object, method)(*arguments)
