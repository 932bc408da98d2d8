"""What one seed of feature-difference ensembles gave, as claims look at it."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.methods.fdl import poster
from analysis.recorded_run import Run

Key = tuple[str, str]
"""Network and row, see `poster.row_of`."""

_PARTS = 5


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one seed gave.

    Attributes:
      known: what any seed has; what this seed lacks of it makes it incomplete.
      last: accuracies in percent after the last epoch.
      best: the highest of any epoch.
      runs: with the statistics of every epoch; empty for published numbers.
    """

    known: frozenset[Key]
    last: Mapping[Key, float] = dataclasses.field(default_factory=dict)
    best: Mapping[Key, float] = dataclasses.field(default_factory=dict)
    runs: Mapping[Key, Run] = dataclasses.field(default_factory=dict)

    def networks(self, *rows: str) -> list[str]:
        """The networks that all these rows are known of, the smaller ones first."""
        found = [name for name in dict(self.known) if all((name, row) in self.known for row in rows)]
        return sorted(found, key=lambda name: (poster.kind_of(name), len(name), name))

    def parts(self, key: Key, data: str) -> list[float]:
        """The means of a statistic over each fifth of the epochs after the pre-training."""
        return [float(part.mean()) for part in np.array_split(self.series(key, data), _PARTS)]

    def series(self, key: Key, data: str) -> np.ndarray:
        """A statistic of the ensemble after the pre-training, or the mean over the networks of their `TrainCostMean`.

        KeyError where it was not recorded, or there are fewer epochs than parts.
        """
        run = self.runs[key]
        outputs = run.config.member_names() if data == "TrainCostMean" else ("Ens",)
        values = np.mean([run.statistics[output][data].to_numpy() for output in outputs], axis=0)
        values = values[poster.pretraining_epochs(run) :]
        if len(values) < _PARTS:
            raise KeyError("too few epochs")
        return values


def outcomes_of(runs: Sequence[Run]) -> list[Outcome]:
    """One outcome a seed, from runs of one data set in one setting."""
    by_seed: dict[int, dict[Key, Run]] = {}
    for run in runs:
        if row := poster.row_of(run.config):
            by_seed.setdefault(run.config.seed, {})[run.config.members[0], row] = run
    known = frozenset(key for own in by_seed.values() for key in own)
    return [
        Outcome(
            known,
            {key: poster.accuracy(run) for key, run in own.items()},
            {key: poster.accuracy(run, best_epoch=True) for key, run in own.items()},
            own,
        )
        for _, own in sorted(by_seed.items())
    ]


def published(label: str) -> Outcome:
    """The numbers on the poster for a data set, of the best epochs."""
    table = poster.published()
    own = table[table["dataset"] == label]
    keys = zip(own["network"], own["row"], strict=True)
    best = dict(zip(keys, own["accuracy_percent"].astype(float), strict=True))
    return Outcome(frozenset(best), best=best)
