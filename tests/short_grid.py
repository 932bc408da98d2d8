"""The sweep that people use, of a few runs of its grid alone: all else is the same."""

import sys
from collections.abc import Iterable

_SWEEP = """
import dataclasses
from collab_ensembles.methods.ensemble import METHOD
from experiments import command_line, config_flags, sweep
noel = METHOD.grids["noel"]
short = lambda settings: [noel.plan(settings)[index] for index in {indices}]
METHOD.grids["noel"] = dataclasses.replace(noel, plan=short)
command_line.launch(sweep.main, config_flags.of_grid)
"""


def command(indices: Iterable[int]) -> list[str]:
    """The command of a sweep of the runs with these numbers among the 13 ensembles."""
    return [sys.executable, "-c", _SWEEP.format(indices=list(indices))]
