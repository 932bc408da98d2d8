"""The CPU time of something that is called, which other processes on the machine disturb least."""

import time
from collections.abc import Callable


def fastest(run: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest of several calls, after one that traces."""
    run()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds)
