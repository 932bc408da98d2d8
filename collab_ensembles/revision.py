"""The revision of this code. Imports nothing heavy."""

import os
import subprocess

VARIABLE = "COLLAB_ENSEMBLES_REVISION"
"""The environment variable that tells the revision where there is only a copy of the code."""


def revision() -> str | None:
    """The git revision of the code, with a mark if files were changed; None where it is no checkout."""
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    command = ["git", "-C", os.path.dirname(__file__), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
