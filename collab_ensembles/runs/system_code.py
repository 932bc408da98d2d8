"""The code of a system that another package brings, as a fact on a run. Imports nothing heavy."""

import functools
import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping

from absl import logging

from collab_ensembles.runs import run_directory
from collab_ensembles.settings import registry

KEY = "system"
"""Of the environment in status.json."""

_DIGITS = 12


@functools.cache
def fact(system: str) -> Mapping[str, str]:
    """The top module of the package that brings a system, with a digest of its Python files; empty for our own."""
    if system in registry.folders():
        return {}
    top = registry.method(system).training.partition(".")[0]
    digest = hashlib.sha256()
    for name, path in _files(top):
        with open(path, "rb") as file:
            content = file.read()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return {KEY: f"{top} {digest.hexdigest()[:_DIGITS]}"}


def warn_if_changed(directory: str, system: str) -> None:
    """Says that a finished run was trained by other code of its system than that of today."""
    now = fact(system).get(KEY)
    then = now and run_directory.read_status(directory).environment.get(KEY)
    if then and then != now:
        logging.warning(
            "%s: its system was %s, now %s; to train it with the present code, use another --log_dir",
            directory,
            then,
            now,
        )


def _files(top: str) -> Iterator[tuple[str, str]]:
    """The Python files of a module or package: names within it, and paths."""
    spec = importlib.util.find_spec(top)
    if spec is None:
        return
    if not spec.submodule_search_locations:
        if spec.origin:
            yield os.path.basename(spec.origin), spec.origin
        return
    for folder in spec.submodule_search_locations:
        for parent, directories, names in os.walk(folder):
            directories.sort()
            for name in sorted(name for name in names if name.endswith(".py")):
                path = os.path.join(parent, name)
                yield os.path.relpath(path, folder), path
