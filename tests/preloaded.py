"""A process that has imported TensorFlow, and runs commands in copies of itself: `command_runner` starts and asks it.

For each command it reads a line of JSON and answers with a line, the exit status. A command finds what
`python -m module` finds, except that the import of TensorFlow takes no time.
"""

import json
import os
import pathlib
import runpy
import sys
from typing import Any

# As `python -m` does: the commands are those of this directory, whatever is installed.
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from experiments.launch import worker  # noqa: E402

worker.preload()
import pandas  # noqa: E402, F401


def _become(request: dict[str, Any]) -> None:
    for descriptor, path in enumerate((os.devnull, *request["files"])):
        os.dup2(os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY), descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = [request["module"], *request["flags"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def main() -> None:
    """Answers until standard input is closed."""
    for line in iter(sys.stdin.buffer.readline, b""):
        child = os.fork()
        if child == 0:
            return _become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


main()
