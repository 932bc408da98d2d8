"""Checks the published results of nodes against themselves, with nothing of `analysis`.

The table of accuracies is computed again from statistics.csv, in plain Python.
"""

import csv
import math
import pathlib
import re
from collections.abc import Callable

import pytest

from committed_results import check_files

# Of one run: by output and column, a value an epoch.
Curves = dict[str, dict[str, list[float]]]


def _average(run: Curves) -> float:
    nodes = [curves["test_error_percent"][-1] for name, curves in run.items() if name != "Ens"]
    return 100 - math.fsum(nodes) / len(nodes)


_COLUMNS: dict[str, Callable[[Curves], float]] = {
    "average": _average,
    "collective": lambda run: 100 - run["Ens"]["test_error_percent"][-1],
    "as printed": lambda run: 100 - run["Ens"]["as_printed_error_percent"][-1],
    "plain mean": lambda run: 100 - run["Ens"]["mean_error_percent"][-1],
}


def is_of_nodes(directory: pathlib.Path) -> bool:
    """Whether the results are of nodes."""
    with (directory / "statistics.csv").open(encoding="utf-8") as file:
        return "as_printed_error_percent" in next(csv.reader(file))


def check(directory: pathlib.Path) -> None:
    """Raises AssertionError, which says what is wrong, if files are missing or do not agree with each other."""
    readme = (directory / "README.md").read_text(encoding="utf-8")
    check_files(directory, readme)
    runs = _runs(directory / "statistics.csv")
    assert f"{sum(map(len, runs.values()))} runs (" in readme
    text = (directory / "tables.md").read_text(encoding="utf-8")
    table = re.search(r"^\| accuracy of +\|.*\n(?:\|.*\n)+", text, re.MULTILINE)
    assert table
    assert table[0] in readme
    header, _, *lines = [[" ".join(cell.split()) for cell in line.split("|")[1:-1]] for line in table[0].splitlines()]
    shown = {line[0]: line for line in lines}
    assert len(shown) == len(runs)
    for arrangement, own in runs.items():
        line = shown[arrangement.partition(", ")[2]]
        for column, of in _COLUMNS.items():
            alone = column != "average" and "Ens" not in own[0]
            values = [] if alone else [of(run) for run in own]
            # Of fewer than five seeds the interval is their range.
            ends = f" [{min(values):.1f}, {max(values):.1f}]" if len(values) > 1 else ""
            expected = f"{math.fsum(values) / len(values):.1f}{ends}" if values else ""
            # A number in the middle between two that can be shown may be rounded either way.
            received = [float(number) for number in re.findall(r"[\d.]+", line[header.index(column)])]
            assert received == pytest.approx(
                [float(number) for number in re.findall(r"[\d.]+", expected)], abs=0.1001
            ), f"{arrangement}, {column}"


def _runs(path: pathlib.Path) -> dict[str, list[Curves]]:
    """The runs of each arrangement by seed."""
    found: dict[str, dict[str, Curves]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            run = found.setdefault(row["arrangement"], {}).setdefault(row["seed"], {})
            curves = run.setdefault(row["model"], {})
            for column, text in list(row.items())[4:]:
                if text:
                    curves.setdefault(column, []).append(float(text))
    return {name: list(own.values()) for name, own in found.items()}
