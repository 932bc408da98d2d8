"""What the documents say of nodes that exchange outputs."""

import functools
from collections.abc import Callable

from analysis.documents.committed import markdown_rows, table

_RESULTS = {"digits": "results/nodes-digits", "CIFAR-10": "results/nodes"}
_WIDTHS = {"digits": (0, 1, 2, 3, 4), "CIFAR-10": (0, 1, 3, 5, 6)}
"""The columns of our numbers, without those of the thesis."""
_ACCURACY = ("accuracy of", "average", "collective", "as printed", "plain mean")


def accuracies(data: str) -> str:
    """Accuracies of five nodes, with ranges over the seeds."""
    rows = markdown_rows(f"{_RESULTS[data]}/tables.md", "accuracy of")
    return table(_ACCURACY, [[cells[column] for column in _WIDTHS[data]] for cells in rows])


def verdicts() -> str:
    """Which statements of the chapter hold on each data set, of those that the runs can judge."""
    found = {data: markdown_rows(f"{path}/claims.md", "claim") for data, path in _RESULTS.items()}
    lines = [
        [
            digits[0],
            digits[1],
            digits[-2],
            cifar[1],
            cifar[-2],
        ]
        for digits, cifar in zip(found["digits"], found["CIFAR-10"], strict=True)
        if {digits[1], cifar[1]} != {"not enough data"}
    ]
    return table(("claim", "digits", "p (Holm)", "CIFAR-10", "p (Holm)"), lines, words=4)


def together(content: str) -> str:
    """Our mean error in percent of five nodes together, on CIFAR-10."""
    rows = markdown_rows(f"{_RESULTS['CIFAR-10']}/tables.md", "accuracy of")
    cells = next(cells for cells in rows if cells[0] == f"5 nodes, {content}")
    return f"{100 - float(cells[3].split()[0]):.1f}"


BLOCKS: dict[str, Callable[[], str]] = {
    "nodes on digits": functools.partial(accuracies, "digits"),
    "nodes on CIFAR-10": functools.partial(accuracies, "CIFAR-10"),
    "claims on nodes": verdicts,
}
