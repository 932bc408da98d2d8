"""Observations of a publication as statements that can be computed; `analysis.claims` checks them with runs."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from analysis.recorded_run import Run

Numbers = dict[str, float]

NOISE = 1e-5
"""Differences up to this are 0: errors have single precision, so that equal ones can differ by a millionth point."""
LEVEL = 0.025
"""A one-sided p-value up to this one counts: a 95 % interval leaves as much on either side."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """One observation.

    Attributes:
      name: its number or place in the paper: `6.1 (2)`, or `L2 (1)` for those of Noel (2017) on L2 with weight 0.01.
      text: the observation in short.
      statement: the statement to compute; the claim holds if it is true.
      margins: computes, from the results of one seed, the margins by name, all positive if the claim holds, and the
        numbers that they come from; if results are missing, it gives no margin, or raises KeyError
        or DataError.
      datasets: the data sets for which the paper makes the claim; empty for all.
      chooses: whether the margins are those of the best of several settings, see `claim_grid.Grid.best_gain`.
      once: whether it is the same for all seeds, so that more of them are no more evidence.
      ratios: whether the numbers are ratios, above 0, whose mean over the seeds is geometric.
    """

    name: str
    text: str
    statement: str
    margins: Callable[[Any], tuple[Numbers, Numbers]]
    datasets: tuple[str, ...] = ()
    chooses: bool = False
    once: bool = False
    ratios: bool = False


@dataclasses.dataclass(frozen=True)
class ClaimSet:
    """The observations of one publication.

    Attributes:
      source: the publication.
      question: the question that the verdicts answer.
      claims: the claims in the order of the publication.
      grids_of: makes, from runs of one data set in one setting, the results of each seed in the form that claims take.
      published: the same for the published numbers on a data set, by its label.
      datasets: the labels of those that have published numbers.
      least_seeds: the number of seeds that a verdict needs.
      units: a sentence on the units of the margins, if one is needed.
    """

    source: str
    question: str
    claims: Sequence[Claim]
    grids_of: Callable[[Sequence[Run]], list[Any]]
    published: Callable[[str], Any]
    datasets: tuple[str, ...]
    least_seeds: int
    units: str = ""
