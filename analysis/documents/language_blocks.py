"""What the documents say of two agents that share a language."""

import re
from collections.abc import Callable

from scipy import stats

from analysis.documents import committed
from analysis.documents.committed import markdown_rows, paragraph, rows, table

_TABLES, _CLAIMS = "results/language/tables.md", "results/language/claims.md"
_STATISTICS = "results/language/statistics.csv"
_ACCURACY = ("level", "student", "paper", "teacher", "ensemble", "student, last epoch", "best epoch")
_MEASURES = (
    "level",
    "information, teacher",
    "information, student",
    "entropy",
    "messages",
    "topographic similarity",
    "agreement",
    "surprise",
)


def accuracies() -> str:
    """Table 4.1 of Lacaille (2018), with intervals over the seeds."""
    return table(_ACCURACY, markdown_rows(_TABLES, "level"))


def languages() -> str:
    """What the languages are like."""
    return table(_MEASURES, markdown_rows(_TABLES, "language"))


def verdicts() -> str:
    """Which statements of the chapter hold."""
    return committed.verdicts(_CLAIMS)


def chance() -> str:
    """How wide the intervals of the student's accuracy are beside the differences of the levels."""
    numbers = {name: list(map(float, re.findall(r"[\d.]+", own))) for name, own, *_ in markdown_rows(_TABLES, "level")}
    widths = {name: high - low for name, (_, low, high) in numbers.items()}
    widest = max(widths, key=widths.__getitem__)
    means = [mean for mean, *_ in numbers.values()]
    paper = [float(cells[2]) for cells in markdown_rows(_TABLES, "level")]
    return paragraph(
        f"Chance is large: the interval of a level is up to {widths[widest]:.1f} points wide (`{widest}`).",
        f"The means of the levels lie up to {max(means) - min(means):.1f} points apart here, and",
        f"{max(paper) - min(paper):.1f} in the thesis, which prints means of five runs, and no deviations.",
        "Masks and initial values decide how much an agent says.",
    )


def entropy_and_accuracy() -> str:
    """How the student's accuracy goes with the entropy of its messages over all runs."""
    ends: dict[tuple[str, str], tuple[float, float]] = {}
    for row in rows(_STATISTICS):
        if row["model"] == "Ens":
            # The last epoch stays.
            error, entropy = row["student_validation_error_percent"], row["student_message_entropy_bits"]
            ends[row["arrangement"], row["seed"]] = 100 - float(error), float(entropy)
    accuracy, entropies = zip(*ends.values(), strict=True)
    correlation = float(stats.spearmanr(accuracy, entropies).statistic)
    return paragraph(
        f"Over the {len(ends)} runs the student's validation accuracy after the last epoch goes from",
        f"{min(accuracy):.0f} to {max(accuracy):.0f} %, and the entropy of its messages from {min(entropies):.1f} to",
        f"{max(entropies):.1f} bits; their rank correlation is {correlation:.2f}.",
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "levels of communication": accuracies,
    "languages": languages,
    "claims on languages": verdicts,
    "chance of levels": chance,
    "entropy and accuracy": entropy_and_accuracy,
}
