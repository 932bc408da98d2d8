"""What Lacaille (2018), chapter 3, states, as statements that can be computed.

Each claim has a margin for each thing that it is said of; they are all positive where it holds, see `analysis.claims`.
Accuracies are compared seed by seed, in percentage points. How fast a student is, the thesis reads off figure 3.1 at
"the 96%-97% mark": here the updates until the first epoch with a validation accuracy of 96 %, as logarithms to base 2
of ratios (1: half as many). The epoch of the highest validation accuracy, whose updates are in table 3.1, varies by
chance far more.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence

from analysis.claim import Claim, ClaimSet, Numbers
from analysis.methods.teaching import outcomes
from analysis.methods.teaching.outcomes import Outcome, row_name
from analysis.recorded_run import Run

LEAST_SEEDS = 5
BASELINE = row_name(1, "cross_entropy", "true")
CHOSEN = row_name(2, "cross_entropy", "soft")
CHOSEN_TRUE = row_name(2, "cross_entropy", "true")
EUCLIDEAN = row_name(2, "euclidean", "soft")
RANDOM = row_name(2, "random", "soft")
FIVE, FIVE_TRUE = (row_name(5, "cross_entropy", targets) for targets in ("soft", "true"))
STUDENTS = (BASELINE, CHOSEN, CHOSEN_TRUE, EUCLIDEAN, RANDOM, FIVE, FIVE_TRUE)

_WITHIN = 0.55
"""Percentage points that the thesis, with one decimal, prints as 0.5."""
_SAME = 0.3
"""Percentage points that count as no difference between targets; of 10,000 images one standard error is 0.18."""
_TWICE = (1.5, 3.0)
"""What counts as "about twice as fast"."""


@dataclasses.dataclass(frozen=True)
class Seed:
    """What one seed gave, by row; KeyError where it lacks something.

    Attributes:
      rows: of this seed's runs.
      tabled: accuracy in percent and updates of published rows; empty for runs.
    """

    rows: Mapping[str, Outcome]
    tabled: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    def accuracy(self, row: str) -> float:
        """On the test examples, in percent."""
        return self.tabled[row][0] if self.tabled else self.rows[row].accuracy

    def updates(self, row: str) -> float:
        """Until the epoch of the highest validation accuracy."""
        return self.tabled[row][1] if self.tabled else self.rows[row].updates

    def to_mark(self, row: str) -> float:
        """Updates until the mark; KeyError where it was not reached."""
        value = self.rows[row].updates_to_mark
        if math.isnan(value):
            raise KeyError(f"{row}: not at the mark")
        return value

    def both_to_mark(self, one: str, other: str, what: str) -> tuple[float, float]:
        """The updates or passes (`what`) of two rows until the mark.

        Where one alone reached the mark, the other counts with those of its whole training, and with one more than
        the first at least: it would have needed more. KeyError where neither reached it.
        """
        marks = [float(getattr(self.rows[row], f"{what}_to_mark")) for row in (one, other)]
        if all(map(math.isnan, marks)):
            raise KeyError(f"{one}, {other}: not at the mark")
        for place, row in enumerate((one, other)):
            if math.isnan(marks[place]):
                marks[place] = max(float(getattr(self.rows[row], f"{what}_in_all")), marks[1 - place] + 1)
        return marks[0], marks[1]


def _within_half(seed: Seed) -> tuple[Numbers, Numbers]:
    accuracies = {row: seed.accuracy(row) for row in STUDENTS}
    margins = {row: _WITHIN - abs(accuracies[row] - accuracies[BASELINE]) for row in STUDENTS if row != BASELINE}
    return margins, {row: 100 - accuracy for row, accuracy in accuracies.items()}


def _fewer_updates(seed: Seed) -> tuple[Numbers, Numbers]:
    updates = {row: seed.updates(row) for row in (BASELINE, FIVE, FIVE_TRUE)}
    return {row: _times(updates[BASELINE], updates[row]) for row in (FIVE, FIVE_TRUE)}, updates


def _twice_as_fast(seed: Seed) -> tuple[Numbers, Numbers]:
    marks = {row: seed.to_mark(row) for row in (BASELINE, CHOSEN, CHOSEN_TRUE, EUCLIDEAN)}
    margins = {}
    for row in (CHOSEN, CHOSEN_TRUE, EUCLIDEAN):
        faster = _times(marks[BASELINE], marks[row])
        margins[f"{row}: at least {_TWICE[0]:g} times"] = faster - math.log2(_TWICE[0])
        margins[f"{row}: at most {_TWICE[1]:g} times"] = math.log2(_TWICE[1]) - faster
    return margins, marks


def _faster(slow: Sequence[str], fast: Sequence[str], what: str, seed: Seed) -> tuple[Numbers, Numbers]:
    """Every one of the fast rows needs less to the mark than every one of the slow ones."""
    several = len(slow) > 1
    margins: Numbers = {}
    marks: Numbers = dict.fromkeys((*slow, *fast), math.nan)
    for s, f in itertools.product(slow, fast):
        marks[s], marks[f] = seed.both_to_mark(s, f, what)
        margins[f"{f}{f' than {s}' if several else ''}"] = _times(marks[s], marks[f])
    return margins, marks


def _targets_alike(seed: Seed) -> tuple[Numbers, Numbers]:
    soft, true = seed.accuracy(CHOSEN), seed.accuracy(CHOSEN_TRUE)
    return {"points": _SAME - abs(soft - true)}, {"soft": 100 - soft, "true": 100 - true}


def _soft_outperforms(seed: Seed) -> tuple[Numbers, Numbers]:
    soft, true = seed.rows[FIVE].validation, seed.rows[FIVE_TRUE].validation
    return {"points": soft - true}, {"soft": 100 - soft, "true": 100 - true}


def _times(many: float, few: float) -> float:
    return math.log2(many / few)


_MARK = f"to a validation accuracy of {outcomes.MARK:g} %"
_BY_UPDATES = "updates"

CLAIMS = (
    Claim(
        "table 3.1, accuracy",
        "All are within 0.5 % of the baseline",
        f"each student's test accuracy differs from the baseline's by less than {_WITHIN:g} points",
        _within_half,
    ),
    Claim(
        "table 3.1, updates",
        "A stack of 5 reaches its best in fewer updates than the baseline",
        "until the epoch of their highest validation accuracy both students with a stack of 5 take fewer updates than "
        "the baseline",
        _fewer_updates,
    ),
    Claim(
        "figure 3.1, twice",
        "The three choices from a stack of 2 are about twice as fast as the baseline",
        f"{_MARK} the baseline takes {_TWICE[0]:g} to {_TWICE[1]:g} times as many updates as each of them",
        _twice_as_fast,
    ),
    Claim(
        "figure 3.1, Euclidean",
        "The Euclidean distance is slightly slower than cross-entropy",
        f"{_MARK} it takes more updates than both students with cross-entropy and a stack of 2",
        functools.partial(_faster, (EUCLIDEAN,), (CHOSEN, CHOSEN_TRUE), _BY_UPDATES),
    ),
    Claim(
        "figure 3.1, random",
        "A random choice is worse than any other",
        f"{_MARK} it takes more updates than each other choice from a stack of 2",
        functools.partial(_faster, (RANDOM,), (CHOSEN, CHOSEN_TRUE, EUCLIDEAN), _BY_UPDATES),
    ),
    Claim(
        "figure 3.1, targets",
        "With a stack of 2, labels and soft labels do not differ",
        f"their test accuracies differ by less than {_SAME:g} points",
        _targets_alike,
    ),
    Claim(
        "figure 3.1, stack of 5",
        "A stack of 5 greatly reduces the updates",
        f"{_MARK} both students with a stack of 5 take fewer updates than the baseline and than soft labels with a "
        "stack of 2",
        functools.partial(_faster, (BASELINE, CHOSEN), (FIVE, FIVE_TRUE), _BY_UPDATES),
    ),
    Claim(
        "figure 3.1, soft labels",
        "With a stack of 5, soft labels outperform labels significantly",
        "the highest validation accuracy is higher with soft labels",
        _soft_outperforms,
    ),
    Claim(
        "section 3.4, cost",
        "There is a speedup even though the student answers the whole stack",
        f"{_MARK} each choosing student takes fewer passes of minibatches, forward and backward together, than the "
        "baseline",
        functools.partial(_faster, (BASELINE,), (CHOSEN, CHOSEN_TRUE, EUCLIDEAN, FIVE, FIVE_TRUE), "passes"),
    ),
)


def _seeds_of(runs: Sequence[Run]) -> list[Seed]:
    return [Seed(rows) for rows in outcomes.outcomes_of(runs).values()]


def _published(label: str) -> Seed:
    return Seed({}, outcomes.published_rows(label))


CLAIM_SET = ClaimSet(
    "Lacaille (2018), chapter 3",
    "which statements of Lacaille (2018), chapter 3, hold",
    CLAIMS,
    _seeds_of,
    _published,
    ("MNIST",),
    LEAST_SEEDS,
    "Margins of accuracies are percentage points; those of updates and passes are logarithms to base 2 of ratios (1: "
    "half as many).",
)
