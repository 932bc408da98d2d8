"""A process with what commands import, which runs them in copies of itself: `command_runner` starts and asks it.

Its argument says whether it has imported TensorFlow too. For each command it reads a line of JSON and answers with a
line, the exit status. A command finds what `python -m module` finds, except that these imports take no time.
"""

import gc
import json
import os
import pathlib
import runpy
import sys
from typing import Any

# As `python -m` does: the commands are those of this directory, whatever is installed.
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

# No module that defines flags: a command has its own alone.
import absl.app  # noqa: E402, F401
import matplotlib.backends.backend_agg  # noqa: E402
import matplotlib.backends.backend_svg  # noqa: E402
import matplotlib.figure  # noqa: E402
import matplotlib.style  # noqa: E402, F401
import pandas  # noqa: E402, F401
import rich.console  # noqa: E402, F401
import scipy.stats  # noqa: E402, F401

import collab_ensembles.runs.run_data  # noqa: E402, F401
from experiments.launch import worker  # noqa: E402

if sys.argv[1] == "tensorflow":
    worker.preload()
else:
    assert not {"keras", "tensorflow"} & set(sys.modules)


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
    # As workers do: copies of this process end a second earlier.
    gc.freeze()
    for line in iter(sys.stdin.buffer.readline, b""):
        child = os.fork()
        if child == 0:
            return _become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


main()
