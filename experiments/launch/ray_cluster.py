"""Connects to a Ray cluster, or starts one here. Errors are clear and come within half a minute."""

import contextlib
import logging
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from collab_ensembles.errors import CollabError, ConfigError, one_line
from collab_ensembles.revision import VARIABLE, revision
from experiments import runtime
from experiments.launch import ray_worker

LOCAL = "local"
"""The value of `--address` for a cluster of this machine only, which ends with the sweep."""

_PROBE_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
_MANUAL = "see docs/SCALING.md"


def check_address(address: str) -> None:
    """Raises ConfigError unless `address` is `local` or HOST:PORT."""
    if address == LOCAL:
        return
    if "://" in address:
        raise ConfigError(
            f"--address={address}: Ray's client is not used here; start the sweep on a node of the cluster and give "
            "the address of its head as HOST:PORT, such as 10.0.0.1:6379"
        )
    host, port = _host_and_port(address)
    if not host or not 0 < port < 65536:
        raise ConfigError(f"--address={address}: allowed: {LOCAL}, or HOST:PORT of the cluster's head")


def connect(address: str, send_package: bool) -> dict[str, str]:
    """Connects this process to a cluster, and sends this project's packages there unless they are installed.

    Returns:
      The facts that must be equal on the nodes and here; see `ray_worker.facts`.

    Raises:
      ConfigError: Ray is not installed.
      CollabError: there is no answer from that address, or none of a head with this version of Ray.
    """
    if address != LOCAL:
        _probe(address)
    # Ray reads both when it is imported. The second hides Ray's messages about lost nodes: the table shows these.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"--executor=ray: {one_line(error)}; pip install 'collab-ensembles[ray]'") from error
    if address != LOCAL:
        _check_head(address)
    known = revision()
    with _working_directory() as directory:
        packages = ray_worker.package_directories()
        if send_package:
            # Copied first: if somebody edits the files now, the nodes' files must still agree with the facts.
            packages = [_copied(package, directory) for package in packages]
        _start(address, {"working_dir": directory, "env_vars": {} if known is None else {VARIABLE: known}})
        return ray_worker.facts(packages)


def _start(address: str, runtime_env: dict[str, Any]) -> None:
    import ray

    here = {"num_cpus": runtime.available_cores(), "include_dashboard": False} if address == LOCAL else {}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with runtime.stderr_held_back(shown_on_failure=False):
            ray.init(
                address=address, runtime_env=runtime_env, log_to_driver=False, logging_level=logging.CRITICAL, **here
            )
    except Exception as error:
        raise CollabError(f"--address={address}: {_reason(error)}; {_MANUAL}") from error
    finally:
        # Ray's handler would end this process with another exit status.
        signal.signal(signal.SIGTERM, handler)


def check_demand(cpus: int, gpus: float) -> None:
    """Raises ConfigError if no node has the CPUs and GPUs that each run needs: Ray would wait for one forever."""
    nodes = fit_nodes(0, 0)
    if not fit_nodes(cpus, gpus):
        largest = max((int(node["Resources"].get("CPU", 0)) for node in nodes), default=0)
        most = max((node["Resources"].get("GPU", 0) for node in nodes), default=0)
        raise ConfigError(
            f"--threads={cpus} --gpus={gpus:g}: no node has so many; the cluster's {len(nodes)} node(s) have at most "
            f"{largest} CPU(s) and {most:g} GPU(s); ask for less, or start a larger node first"
        )


def fit_nodes(cpus: int, gpus: float) -> list[dict[str, Any]]:
    """The living nodes with at least so many CPUs and GPUs, free or in use."""
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
    return [n for n in alive if n["Resources"].get("CPU", 0) >= cpus and n["Resources"].get("GPU", 0) >= gpus]


def describe() -> str:
    """Describes where runs are computed, as text for people."""
    nodes = fit_nodes(0, 0)
    cpus = sum(int(node["Resources"].get("CPU", 0)) for node in nodes)
    return f"on {len(nodes)} node(s) and {cpus} CPU(s) of Ray"


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port) if port.isdecimal() else 0


def _probe(address: str) -> None:
    """Raises CollabError unless a server listens at the address."""
    try:
        with socket.create_connection(_host_and_port(address), _PROBE_SECONDS):
            pass
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CollabError(
            f"--address={address}: cannot connect ({reason}); start a cluster, or give "
            f"the address that `ray start --head` printed; {_MANUAL}"
        ) from error


def _check_head(address: str) -> None:
    """Raises CollabError unless the head of a cluster answers: Ray itself would wait forever."""
    # In another process, which can be ended. Other errors, such as other versions, are reported later.
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        subprocess.run(
            [*command, "--skip-version-check"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise CollabError(
            f"--address={address}: the server at this address is not the head of a Ray cluster; give the address that "
            f"`ray start --head` printed; {_MANUAL}"
        ) from error


@contextlib.contextmanager
def _working_directory() -> Iterator[str]:
    """A directory that Ray copies to the nodes, as the working directory of its processes there.

    Without it, these processes would search for modules in the directory where this process was started.
    """
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "README"), "w", encoding="utf-8") as file:
            file.write("Working directory of the runs of a sweep by collab-ensembles.\n")
        yield directory


def _copied(package: pathlib.Path, directory: str) -> pathlib.Path:
    copy = os.path.join(directory, package.name)
    return pathlib.Path(shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__")))


def _reason(error: Exception) -> str:
    """Why Ray could not be started or reached, in one line; Ray's own message is a page long."""
    text = f"{one_line(error)} {one_line(error.__cause__ or error)}"
    if "AuthenticationError" in text:
        return "the cluster asks for a token; set RAY_AUTH_MODE=token and give this machine the token of the head"
    if "No node info found" in text:
        return "this machine is not a node of that cluster; join the cluster first with `ray start --address`"
    return one_line(error)[:300]
