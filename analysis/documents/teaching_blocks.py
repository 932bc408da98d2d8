"""What the documents say of students whose minibatches a teacher chooses."""

from collections.abc import Callable

from analysis.documents.committed import markdown_rows, table

_TABLES, _CLAIMS = "results/teaching/tables.md", "results/teaching/claims.md"
_HEADER = ("student", "accuracy %", "paper", "updates", "paper", "epochs", "validation %")
_COSTS = ("student", "updates to 96 %", "passes to 96 %", "passes to best", "right %", "epochs in all")


def students() -> str:
    """Table 3.1 of Lacaille (2018), with intervals over the seeds."""
    return table(_HEADER, markdown_rows(_TABLES, "student"))


def costs() -> str:
    """What the students cost."""
    return table(_COSTS, markdown_rows(_TABLES, "cost of"))


def verdicts() -> str:
    """Which statements of the chapter hold."""
    return table(("claim", "verdict"), [cells[:2] for cells in markdown_rows(_CLAIMS, "claim")], words=2)


BLOCKS: dict[str, Callable[[], str]] = {
    "students": students,
    "costs of students": costs,
    "claims on students": verdicts,
}
