"""What the documents say of students whose minibatches a teacher chooses."""

from collections.abc import Callable

from analysis.documents.committed import markdown_rows, paragraph, row, table

_CSV = "results/teaching/tables.csv"
_TABLES, _CLAIMS = "results/teaching/tables.md", "results/teaching/claims.md"
_HEADER = ("student", "accuracy %", "paper", "updates", "paper", "epochs", "validation %")
_COSTS = ("student", "updates to 96 %", "passes to 96 %", "passes to best", "right %", "epochs in all")


def students() -> str:
    """Table 3.1 of Lacaille (2018), with intervals over the seeds."""
    return table(_HEADER, markdown_rows(_TABLES, "student"))


def teacher() -> str:
    """The error of the teacher that all students share."""
    error = float(row(_CSV, arrangement="mlp1200-1200, teacher")["test_error_percent"])
    return paragraph(f"The teacher that all of them share has a test accuracy of {100 - error:.2f} %.")


def costs() -> str:
    """What the students cost."""
    return table(_COSTS, markdown_rows(_TABLES, "cost of"))


def verdicts() -> str:
    """Which statements of the chapter hold."""
    return table(("claim", "verdict"), [cells[:2] for cells in markdown_rows(_CLAIMS, "claim")], words=2)


BLOCKS: dict[str, Callable[[], str]] = {
    "students": students,
    "teacher of students": teacher,
    "costs of students": costs,
    "claims on students": verdicts,
}
