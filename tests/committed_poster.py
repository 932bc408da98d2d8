"""Checks a directory with the poster's table against itself, with nothing of `analysis`.

The table of accuracies, and the margins of the claims on it, are computed again from statistics.csv.
"""

import csv
import pathlib
import re
from collections.abc import Callable, Mapping
from statistics import fmean, stdev

from committed_results import check_files, interval_of

_ROWS = {
    "single": "single",
    "2 x RIE": "RIE (2x)",
    r"\d+ snapshots": "SSE",
    r"\d+ FGE snapshots": "FGE",
    "2 x FDL": "FDL (2x)",
}
"""Of the poster, by how arrangements end."""
_NUMBERS: Mapping[str, Callable[[list[float]], float]] = {"last": lambda curve: curve[-1], "best": min}

# By row of the poster and seed: the test errors of what the row stands for, by epoch.
Errors = dict[str, dict[str, list[float]]]


def is_of_poster(directory: pathlib.Path) -> bool:
    """Whether the results have snapshots."""
    return " snapshots" in (directory / "statistics.csv").read_text(encoding="utf-8")


def check(directory: pathlib.Path) -> None:
    """Raises AssertionError, which says what is wrong, if files are missing or do not agree with each other."""
    readme = (directory / "README.md").read_text(encoding="utf-8")
    check_files(directory, readme, pictures=1)
    network, errors = _errors(directory / "statistics.csv")
    (seeds,) = {tuple(own) for own in errors.values()}
    assert set(errors) == set(_ROWS.values())
    assert f"{len(errors) * len(seeds)} runs (" in readme, f"README.md does not say {len(errors) * len(seeds)} runs"
    text = (directory / "tables.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| method +\|.*\n(?:\|.*\n)+", text, re.MULTILINE)
    assert table in readme, "README.md shows another table than tables.md"
    lines = [[" ".join(cell.split()) for cell in line.split("|")[1:-1]] for line in table.replace("*", "").splitlines()]
    places = [lines[0].index(f"{name} epoch") for name in _NUMBERS]
    # Rows that only the paper has have nothing there.
    received = {row[0]: [row[place] for place in places] for row in lines[2:] if row[places[0]]}
    expected = {
        name: [_shown([100 - number(curve) for curve in own.values()]) for number in _NUMBERS.values()]
        for name, own in errors.items()
    }
    assert received == expected, f"tables.md: {received} where {expected} follows from statistics.csv"
    _check_claims((directory / "claims.md").read_text(encoding="utf-8"), network, errors)


def _errors(path: pathlib.Path) -> tuple[str, Errors]:
    found: Errors = {}
    networks = set()
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            network, _, end = row["arrangement"].partition(", ")
            networks.add(network)
            (name,) = [name for pattern, name in _ROWS.items() if re.fullmatch(pattern, end)]
            if row["model"] == (network if name == "single" else "Ens"):
                curve = found.setdefault(name, {}).setdefault(row["seed"], [])
                curve.append(float(row["test_error_percent"]))
                assert int(row["epoch"]) == len(curve), f"epochs of {row['arrangement']} are missing or out of order"
    (network,) = networks
    return network, found


def _shown(values: list[float]) -> str:
    return f"{fmean(values):.2f} ± {stdev(values):.2f}"


def _check_claims(text: str, network: str, errors: Errors) -> None:
    for claim, number in _NUMBERS.items():
        # So many margins stand in the list below the table; the table has the lowest and the highest.
        (lines,) = re.findall(rf"^- table \({claim}\).*", text, re.MULTILINE)
        own = [number(curve) for curve in errors["FDL (2x)"].values()]
        for row in errors.keys() - {"FDL (2x)"}:
            others = [number(curve) for curve in errors[row].values()]
            gains = [other - each for other, each in zip(others, own, strict=True)]
            low, high = interval_of(gains)
            margin = f"{network} less {row} {fmean(gains):+.3g} [{low:+.3g}, {high:+.3g}]"
            assert margin in lines, f"claims.md: no {margin!r} in {lines}"
