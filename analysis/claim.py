"""Observations of a publication as statements that can be computed; `analysis.claims` holds them against runs."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from analysis.recorded_run import Run

Numbers = dict[str, float]

NOISE = 1e-5
"""What counts as 0: errors are counts in single precision, so that what is equal differs by up to a millionth point."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """One observation.

    Attributes:
      name: the paper's number or place: `6.1 (2)`, or `L2 (1)` for those of Noel (2017) on L2 with weight 0.01.
      text: the observation in short.
      statement: what is computed; the claim holds where this is so.
      margins: from what one seed gave the margins by name, all positive where the claim holds, and the numbers behind
        them; KeyError where some are missing.
      datasets: those that the paper says it of, or none for all.
      chooses: whether the margins are of the best of several settings, see `claim_grid.Grid.best_gain`.
    """

    name: str
    text: str
    statement: str
    margins: Callable[[Any], tuple[Numbers, Numbers]]
    datasets: tuple[str, ...] = ()
    chooses: bool = False


@dataclasses.dataclass(frozen=True)
class ClaimSet:
    """The observations of one publication.

    Attributes:
      source: where they stand.
      question: what is asked of them.
      claims: in its order.
      grids_of: from runs of one data set in one setting what each seed gave, as the claims take it.
      published: the same from the published numbers on a data set, by its label.
      datasets: the labels of those that have published numbers.
      least_seeds: from so many on claims hold or do not.
      units: of the margins, where that must be said.
    """

    source: str
    question: str
    claims: Sequence[Claim]
    grids_of: Callable[[Sequence[Run]], list[Any]]
    published: Callable[[str], Any]
    datasets: tuple[str, ...]
    least_seeds: int
    units: str = ""
