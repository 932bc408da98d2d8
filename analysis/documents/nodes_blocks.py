"""What the documents say of nodes that exchange outputs."""

from collections.abc import Callable

from analysis.documents.committed import markdown_rows, table

_TABLES, _CLAIMS = "results/nodes-digits/tables.md", "results/nodes-digits/claims.md"
_ACCURACY = ("accuracy of", "average", "collective", "as printed", "plain mean")


def accuracies() -> str:
    """Accuracies of five nodes on digits, with ranges over the seeds."""
    return table(_ACCURACY, markdown_rows(_TABLES, "accuracy of"))


def verdicts() -> str:
    """Which statements of the chapter hold there, of those that the runs can judge."""
    judged = [cells for cells in markdown_rows(_CLAIMS, "claim") if cells[1] != "not enough data"]
    return table(("claim", "verdict", "p (Holm)"), [[cells[0], cells[1], cells[3]] for cells in judged], words=2)


BLOCKS: dict[str, Callable[[], str]] = {"nodes on digits": accuracies, "claims on nodes": verdicts}
