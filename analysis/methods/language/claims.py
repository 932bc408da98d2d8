"""What Lacaille (2018), section 4.3, states of the levels of communication, as statements that can be computed.

Accuracies are those of the student, in percent; they are compared seed by seed.
"""

from collections.abc import Sequence

from analysis.claim import Claim, ClaimSet, Numbers
from analysis.methods.language.outcomes import Outcome, outcomes_of, published, series
from collab_ensembles.methods.language.options import LEVELS

LEAST_SEEDS = 5
_DECREASE = 1.0
"""Points of accuracy that count as an important decrease; the curves of figure 4.3 have no numbers."""


def _above(outcome: Outcome, level: str, others: Sequence[str]) -> tuple[Numbers, Numbers]:
    margins = {f"less {other}": outcome.accuracy[level] - outcome.accuracy[other] for other in others}
    return margins, {each: outcome.accuracy[each] for each in (level, *others)}


def _decrease(outcome: Outcome, level: str) -> float:
    """How far the validation accuracy after the last epoch lies below the highest of any."""
    errors = series(outcome.runs[level], "StudentValidationError")
    return float(errors[-1] - errors.min())


def _decreases(outcome: Outcome) -> tuple[Numbers, Numbers]:
    numbers = {level: _decrease(outcome, level) for level in LEVELS}
    return {level: value - _DECREASE for level, value in numbers.items()}, numbers


def _decreases_most(outcome: Outcome) -> tuple[Numbers, Numbers]:
    numbers = {level: _decrease(outcome, level) for level in LEVELS}
    others = [level for level in LEVELS if level != "feedback"]
    return {f"less {other}": numbers["feedback"] - numbers[other] for other in others}, numbers


def _loses_information(outcome: Outcome) -> tuple[Numbers, Numbers]:
    margins: Numbers = {}
    numbers: Numbers = {}
    for level in LEVELS:
        values = series(outcome.runs[level], "StudentMessageEntropy")
        margins[level] = float(values[0] - values[-1])
        numbers |= {f"{level}, first": float(values[0]), f"{level}, last": float(values[-1])}
    return margins, numbers


CLAIMS = (
    Claim(
        "4.3 (1)",
        "By adding a cross-entropy term on the received message, the student's performance increases slightly",
        "the test accuracy of `receive` lies above that of `baseline`",
        lambda outcome: _above(outcome, "receive", ["baseline"]),
    ),
    Claim(
        "4.3 (2)",
        "With feedback to the teacher there is a considerable jump in accuracy",
        "the test accuracy of `feedback` lies above those of `receive` and `baseline`",
        lambda outcome: _above(outcome, "feedback", ["receive", "baseline"]),
    ),
    Claim(
        "4.3 (3)",
        "Two-way communication with feedback shows even greater accuracy",
        "the test accuracy of `both` lies above that of each other level",
        lambda outcome: _above(outcome, "both", ["feedback", "receive", "baseline"]),
    ),
    Claim(
        "4.3 (4)",
        "In all scenarios the performance is greater from the start, followed by an important decrease",
        f"at each level, the validation accuracy after the last epoch lies more than {_DECREASE:g} point below the "
        "highest of any epoch",
        _decreases,
    ),
    Claim(
        "4.3 (5)",
        "With feedback there is a greater decrease on the validation set than with the other approaches",
        "the decrease of `feedback`, from the highest validation accuracy to the last, lies above that of each other "
        "level",
        _decreases_most,
    ),
    Claim(
        "4.3 (6)",
        "Over time there is less and less information in the hardened message (a hypothesis of the thesis)",
        "at each level, the entropy of the student's most probable messages on the validation part, which is their "
        "I(X; S), is lower after the last epoch than after the first",
        _loses_information,
    ),
)


CLAIM_SET = ClaimSet(
    "Lacaille (2018), chapter 4",
    "which statements of Lacaille (2018), section 4.3, hold",
    CLAIMS,
    outcomes_of,
    published,
    ("MNIST",),
    LEAST_SEEDS,
    "Margins are percentage points, of (6) bits.",
)
