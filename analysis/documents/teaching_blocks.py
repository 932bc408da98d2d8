"""What the documents say of students whose minibatches a teacher chooses."""

import re
from collections.abc import Callable

from analysis.documents.committed import markdown_rows, paragraph, row, table

_CSV = "results/teaching/tables.csv"
_TABLES, _CLAIMS = "results/teaching/tables.md", "results/teaching/claims.md"
_HEADER = ("student", "accuracy %", "paper", "updates", "paper", "epochs", "validation %")
_COSTS = ("student", "updates to 96 %", "passes to 96 %", "passes to best", "right %", "epochs in all")


def students() -> str:
    """Table 3.1 of Lacaille (2018), with intervals over the seeds."""
    return table(_HEADER, markdown_rows(_TABLES, "student"))


def published_within() -> str:
    """How many of the thesis' numbers lie within the intervals of ours."""
    lines = [[_numbers(cell) for cell in cells] for cells in markdown_rows(_TABLES, "student")]
    # Published accuracies have one decimal.
    accuracies = [low - 0.05 <= paper[0] <= high + 0.05 for _, (_, low, high), paper, *_ in lines]
    updates = [low <= paper[0] <= high for *_, (_, low, high), paper, _, _ in lines]
    return paragraph(
        f"Within the intervals lie {sum(updates)} of the thesis' {len(updates)} numbers of updates, and "
        f"{sum(accuracies)} of its {len(accuracies)} accuracies, as it rounds them."
    )


def _numbers(cell: str) -> list[float]:
    return [float(text.replace(",", "")) for text in re.findall(r"\d[\d,]*(?:\.\d+)?(?<!,)", cell)]


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
    "published students": published_within,
    "teacher of students": teacher,
    "costs of students": costs,
    "claims on students": verdicts,
}
