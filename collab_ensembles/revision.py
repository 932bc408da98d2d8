"""The git revision of this code. Imports nothing heavy."""

import os
import subprocess

VARIABLE = "COLLAB_ENSEMBLES_REVISION"
"""The environment variable with the revision, for copies of the code without git."""


def revision() -> str | None:
    """The git revision of the code, with a mark if files were changed; None if it is not a git checkout.

    A copy that is installed inside another project's repository is not a checkout of this code.
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
