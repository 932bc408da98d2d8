"""What the documents say of two agents that share a language."""

from collections.abc import Callable

from analysis.documents.committed import markdown_rows, table

_TABLES, _CLAIMS = "results/language/tables.md", "results/language/claims.md"
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
    return table(("claim", "verdict"), [cells[:2] for cells in markdown_rows(_CLAIMS, "claim")], words=2)


BLOCKS: dict[str, Callable[[], str]] = {
    "levels of communication": accuracies,
    "languages": languages,
    "claims on languages": verdicts,
}
