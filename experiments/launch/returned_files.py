"""Transfers the files of a run: collects them on the node, checks and writes them here.

The lock, incomplete files and older checkpoints are left out. With the newest checkpoint, a run can be evaluated,
exported and repaired as if it had been computed here.
"""

import os
import re
import tempfile
from collections.abc import Mapping

from collab_ensembles import files
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.runs import naming, run_directory
from collab_ensembles.settings.config import RunConfig
from experiments.launch.executors import OUTPUT

_STATUS = "status.json"
_CHECKPOINT = re.compile(r"checkpoint/epoch-\d+\.npz")
_LEFT_OUT = re.compile(r"lock|.*\.tmp")


def printed(directory: str) -> int:
    """The number of bytes that earlier runs have printed into `directory`."""
    path = os.path.join(directory, OUTPUT)
    return os.path.getsize(path) if os.path.exists(path) else 0


def collect(directory: str, printed_before: int = 0) -> dict[str, bytes]:
    """The content of the files in a run directory, by their relative path.

    Args:
      directory: the run directory.
      printed_before: the number of bytes to leave out at the start of the output.
    """
    names = []
    for parent, _, found in os.walk(directory):
        names += [os.path.relpath(os.path.join(parent, name), directory) for name in found]
    older = sorted(name for name in names if _CHECKPOINT.fullmatch(name))[:-1]
    content = {}
    for name in sorted(names):
        if name not in older and not _LEFT_OUT.fullmatch(name):
            with open(os.path.join(directory, name), "rb") as file:
                content[name] = file.read()
    if OUTPUT in content:
        content[OUTPUT] = content[OUTPUT][printed_before:]
    return content


def write(directory: str, content: Mapping[str, bytes], is_done: bool) -> None:
    """Writes the result of `collect` into a run directory, status.json last; printed output is appended.

    Args:
      directory: the run directory; created if missing.
      content: the content of the files by path.
      is_done: whether the run has succeeded: then all files must be present and undamaged.

    Raises:
      RunDirectoryError: the files are not those of this run, or are damaged; nothing has been written.
      CollabError: the directory cannot be written.
    """
    with tempfile.TemporaryDirectory() as staging:
        _write(staging, content)
        config = _checked(staging, directory) if is_done else None
    files.make_directory(directory)
    with run_directory.lock(directory, "writing this run"):
        path = os.path.join(directory, OUTPUT)
        if os.path.exists(path):
            with open(path, "rb") as file:
                content = {**content, OUTPUT: file.read() + content.get(OUTPUT, b"")}
        if config is not None:
            # With paths relative to this directory, not to that of the node.
            run_directory.write_config(directory, config)
            content = {name: value for name, value in content.items() if name != "config.json"}
        _write(directory, content)


def _write(directory: str, content: Mapping[str, bytes]) -> None:
    for name in sorted(content, key=lambda name: (name == _STATUS, name)):
        if os.path.isabs(name) or ".." in name.split("/"):
            raise RunDirectoryError(f"{directory}: a node sent a file called {name!r}, which is not in a run directory")
        path = os.path.join(directory, name)
        files.make_directory(os.path.dirname(path))
        files.write_bytes(path, content[name])


def _checked(staging: str, directory: str) -> RunConfig:
    """The settings of a run; checks that it is finished and undamaged."""
    config = run_directory.read_config(staging)
    expected, received = os.path.basename(directory), os.path.basename(naming.run_directory("", config))
    if received != expected:
        raise RunDirectoryError(f"{directory}: the node sent the run {received}; start the sweep again")
    if not run_directory.is_done(staging):
        raise RunDirectoryError(
            f"{directory}: the files from the node are incomplete or damaged; start the sweep again"
        )
    return config
