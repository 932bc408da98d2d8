"""matplotlib for files only: figures do not depend on environment variables or the user's matplotlib settings.

Figures are drawn on the Agg canvas, without pyplot. Imports nothing heavy.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

_VARIABLE = "MPLBACKEND"


def load() -> None:
    """Imports matplotlib although MPLBACKEND names a backend that is not installed here.

    A notebook passes this variable to the processes that it starts, also to those of another Python. It affects only
    pyplot, which then chooses an installed backend. Without the variable, nothing is imported.
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
    """In this context, figures have matplotlib's default style; a matplotlibrc file has no effect."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def forget_styles() -> None:
    """The same for the rest of the process; does nothing if matplotlib is not imported yet."""
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rcdefaults()
