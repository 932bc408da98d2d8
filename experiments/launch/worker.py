"""A process that computes runs, one after another, each in a process of its own.

With `--preload` it imports TensorFlow first, once for all its runs, and they are copies of it (forks): they start
without the seconds that the import takes. Nothing of a run is left for the next one.

A sweep starts one worker for each run at a time. For each run it writes a line to the worker's standard input, a JSON
list of the path of the output file and the command. The worker answers with a line, the exit status of the run,
negative for a signal. The runs inherit standard input, so they also end when the sweep dies, see
`runtime.end_with_stdin`.
"""

import contextlib
import gc
import json
import os
import runpy
import signal
import sys
import warnings

from experiments import runtime

PRELOAD = "--preload"

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Computes runs until standard input is closed."""
    if PRELOAD in sys.argv:
        preload()
    for line in iter(sys.stdin.buffer.readline, b""):
        output, *command = json.loads(line)
        # The sweep's signals reach the whole group. They are for the run; this process ends when its input is closed.
        handlers = [signal.signal(number, signal.SIG_IGN) for number in _SIGNALS]
        child = os.fork()
        if child == 0:
            for number, handler in zip(_SIGNALS, handlers, strict=True):
                signal.signal(number, handler)
            return _become(output, command)
        _, status = os.waitpid(child, 0)
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            signal.signal(number, handler)
        try:
            print(os.waitstatus_to_exitcode(status), flush=True)
        except BrokenPipeError:
            # The sweep has been killed. Nothing is left to be written when this process ends.
            os._exit(1)


def preload() -> None:
    """Imports what commands need. If that fails, so does each run, with a message in its own output."""
    # Python 3.12 warns of forks of processes with threads. Those of TensorFlow have not been given work here yet.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    runtime.quiet_tensorflow()
    with contextlib.suppress(Exception), runtime.stderr_held_back(shown_on_failure=False):
        runtime.import_tensorflow()
        import matplotlib.backends.backend_agg  # noqa: F401

        import collab_ensembles.runs.run  # noqa: F401
    # No run looks for garbage among these objects, or copies the memory in which they are by doing so.
    gc.freeze()


def _become(output: str, command: list[str]) -> None:
    """Makes this process what `command` would be, with its output and errors at the end of a file."""
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    if PRELOAD in sys.argv and command[:2] == [sys.executable, "-m"]:
        sys.argv = command[2:]
        runpy.run_module(command[2], run_name="__main__", alter_sys=True)
    else:
        os.execvp(command[0], command)


if __name__ == "__main__":
    main()
