"""matplotlib for files alone: figures do not depend on what the environment and its settings files say of it.

Figures are drawn on the Agg canvas, without pyplot. Imports nothing heavy.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

_VARIABLE = "MPLBACKEND"


def load() -> None:
    """Imports matplotlib although MPLBACKEND names a backend that is not installed here.

    A notebook hands that on to the processes that it starts, of another Python too. It concerns pyplot alone, and
    there a backend that is installed is chosen all the same. Without the variable nothing is imported.
    """
    if _VARIABLE not in os.environ or "matplotlib" in sys.modules:
        return
    backend = os.environ.pop(_VARIABLE)
    try:
        import matplotlib
    finally:
        os.environ[_VARIABLE] = backend
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = backend


@contextlib.contextmanager
def default_style() -> Iterator[None]:
    """Within it, figures look as matplotlib draws them by default, whatever a matplotlibrc file says."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def forget_styles() -> None:
    """The same for the rest of a process; nothing, where matplotlib is not imported yet."""
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rcdefaults()
