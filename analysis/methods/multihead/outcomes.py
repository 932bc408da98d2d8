"""What one seed of multi-head networks gave, and what Song and Chai (2018) print, as claims look at it."""

import dataclasses
from collections.abc import Mapping, Sequence

from analysis.comparison import error, has_settings
from analysis.methods.multihead.song_chai import LAYOUTS, paper_results
from analysis.recorded_run import Run, without_rounding
from collab_ensembles.settings.config import RunConfig

SINGLE = "single instance"
TOGETHER = ("2 instances", "4 instances", "2 heads simple", "4 heads hierarchical")
"""The rows of table 1 whose networks learn from each other."""

_ROWS = {name: settings for layout in LAYOUTS.values() for name, settings in layout.rows.items()}

Cell = tuple[str, str, float]
"""Network, row of a table of the paper (see `song_chai.LAYOUTS`), and noise level in percent."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one seed gave.

    Attributes:
      known: what any seed has; what this seed lacks of it makes it incomplete.
      errors: test errors of head 1 in percent after the last epoch.
      alone: the errors of the same network alone, with which each of them is compared.
      costs: `time` (seconds) and `memory` (bytes) of training; empty for published numbers.
    """

    known: frozenset[Cell]
    errors: Mapping[Cell, float] = dataclasses.field(default_factory=dict)
    alone: Mapping[Cell, float] = dataclasses.field(default_factory=dict)
    costs: Mapping[str, Mapping[Cell, float]] = dataclasses.field(default_factory=dict)

    def networks(self, *rows: str) -> list[str]:
        """The networks that all these rows are known of, without label noise."""
        return [name for name in self.names() if all((name, row, 0.0) in self.known for row in rows)]

    def levels(self, *rows: str) -> dict[str, list[float]]:
        """The noise levels by network, those at which all these rows are known.

        A network of a single level is left out: a claim on label noise needs another level than 0 to compare with.
        """
        found = {
            name: sorted({level for _, _, level in self.known if all((name, row, level) in self.known for row in rows)})
            for name in self.names()
        }
        return {name: levels for name, levels in found.items() if len(levels) > 1}

    def together(self, network: str, level: float = 0.0) -> list[str]:
        """The rows known of those whose networks learn from each other."""
        return [row for row in TOGETHER if (network, row, level) in self.known]

    def gain(self, cell: Cell) -> float:
        """By how much the error lies below that of the same network alone."""
        return self.alone[cell] - self.errors[cell]

    def names(self) -> list[str]:
        """All networks."""
        return sorted({network for network, _, _ in self.known})


def outcomes_of(runs: Sequence[Run]) -> list[Outcome]:
    """One outcome a seed, from runs of one data set in one setting."""
    by_seed: dict[int, dict[Cell, Run]] = {}
    for run in runs:
        for cell in _cells(run.config):
            by_seed.setdefault(run.config.seed, {})[cell] = run
    known = frozenset(cell for own in by_seed.values() for cell in own)
    return [_outcome(known, own) for _, own in sorted(by_seed.items())]


def _outcome(known: frozenset[Cell], own: Mapping[Cell, Run]) -> Outcome:
    errors = {cell: error(run, "head1") for cell, run in own.items()}
    # 0 means not recorded.
    costs = {
        "time": {cell: run.status.seconds for cell, run in own.items() if run.status.seconds},
        "memory": {cell: float(run.status.training_memory) for cell, run in own.items() if run.status.training_memory},
    }
    return Outcome(known, errors, _alone(errors), costs)


def _alone(errors: Mapping[Cell, float]) -> dict[Cell, float]:
    """For each cell the error of the single instance at its noise level, where that is known."""
    singles = {cell: (cell[0], SINGLE, cell[2]) for cell in errors}
    return {cell: errors[single] for cell, single in singles.items() if single in errors}


def _cells(config: RunConfig) -> list[Cell]:
    """All rows that a run stands in: two instances are in tables 1 and 2."""
    level = without_rounding(100 * config.label_noise)
    clean = dataclasses.replace(config, label_noise=0.0)
    return [
        (config.members[0], name, level)
        for name, settings in _ROWS.items()
        if config.system == "multihead" and has_settings(clean, **settings)
    ]


def published(label: str) -> Outcome:
    """Tables 1 to 3 for a data set."""
    table = paper_results()
    own = table[(table["dataset"] == label) & table["table"].isin(list(LAYOUTS))]
    keys = [(str(network), str(row), 0.0) for network, row in zip(own["network"], own["row"], strict=True)]
    values = dict(zip(zip(keys, own["output"], strict=True), own["test_error_percent"].astype(float), strict=True))
    errors = {cell: value for (cell, output), value in values.items() if output == "head1"}
    # Table 2 has a single network of its own for each row.
    own_singles = {cell: value for (cell, output), value in values.items() if output == "single"}
    return Outcome(frozenset(errors), errors, _alone(errors) | own_singles)
