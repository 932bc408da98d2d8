"""Checks the published results of nodes against themselves, with nothing of `analysis`.

The table of accuracies is computed again from statistics.csv, in plain Python.
"""

import csv
import math
import pathlib
import re
from collections.abc import Callable

import pytest

from committed_results import check_files, runs_of

# Of one run: by output and column, a value an epoch.
Curves = dict[str, dict[str, list[float]]]


def _scored(run: Curves, together: bool) -> int:
    """The epoch whose accuracies count: the last; with linear classifiers that with the lowest validation error."""
    validated = list(run.values())[-1].get(f"{'collective_' if together else ''}validation_error_percent", [])
    values = [value for value in validated if not math.isnan(value)]
    return values.index(min(values)) if values else -1


def _average(run: Curves) -> float:
    epoch = _scored(run, together=False)
    nodes = [curves["test_error_percent"][epoch] for name, curves in run.items() if name != "Ens"]
    return 100 - math.fsum(nodes) / len(nodes)


def _together(column: str) -> Callable[[Curves], float]:
    return lambda run: 100 - run["Ens"][column][_scored(run, together=True)]


_COLUMNS: dict[str, Callable[[Curves], float]] = {
    "average": _average,
    "collective": _together("test_error_percent"),
    "as printed": _together("as_printed_error_percent"),
    "plain mean": _together("mean_error_percent"),
}


def is_of_nodes(directory: pathlib.Path) -> bool:
    """Whether the results are of nodes."""
    with (directory / "statistics.csv").open(encoding="utf-8") as file:
        return "as_printed_error_percent" in next(csv.reader(file))


def check(directory: pathlib.Path) -> None:
    """Raises AssertionError, which says what is wrong, if files are missing or do not agree with each other."""
    readme = (directory / "README.md").read_text(encoding="utf-8")
    check_files(directory, readme)
    runs = runs_of(directory / "statistics.csv")
    assert f"{sum(map(len, runs.values()))} runs (" in readme
    text = (directory / "tables.md").read_text(encoding="utf-8")
    table = re.search(r"^\| (?:accuracy|codes) of +\|.*\n(?:\|.*\n)+", text, re.MULTILINE)
    assert table
    assert table[0] in readme
    header, _, *lines = [[" ".join(cell.split()) for cell in line.split("|")[1:-1]] for line in table[0].splitlines()]
    shown = {line[0]: line for line in lines}
    assert len(shown) == len(runs)
    for arrangement, own in runs.items():
        line = shown[re.sub(r"^[^,]*, (?:vae, |bigan, )?", "", arrangement)]
        for column, of in _COLUMNS.items():
            alone = column != "average" and "Ens" not in own[0]
            values = [] if alone else [of(run) for run in own]
            # Of fewer than five seeds the interval is their range.
            ends = [min(values), max(values)] if len(values) > 1 else []
            expected = [math.fsum(values) / len(values), *ends] if values else []
            received = [float(number) for number in re.findall(r"[\d.]+", line[header.index(column)])]
            # As they are shown: a number in the middle between two may be rounded either way.
            assert received == pytest.approx(expected, abs=0.05 + 1e-6), f"{arrangement}, {column}"
