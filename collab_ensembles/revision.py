"""The revision of this code. Imports nothing heavy."""

import os
import subprocess

VARIABLE = "COLLAB_ENSEMBLES_REVISION"
"""The environment variable that tells the revision where there is only a copy of the code."""


def revision() -> str | None:
    """The git revision of the code, with a mark if files were changed; None where it is no checkout.

    A copy that is installed below another project's repository is no checkout either.
    """
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    try:
        _git("ls-files", "--error-unmatch", os.path.basename(__file__))
        return _git("describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", os.path.dirname(__file__), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
