"""Checks a directory of published results of one-layer networks against itself, with nothing of `analysis`.

The tables of accuracy by the number of filters, and the margins of the claim on them, are computed again from
statistics.csv, in plain Python.
"""

import csv
import math
import pathlib
import re
from collections.abc import Callable

from committed_results import check_files, interval_of

_ARRANGEMENT = re.compile(r"([a-z]+)(\d+), (?:(\d+) x )?(single|RIE|FDL|cross_entropy head)")
_ROWS = {"RIE": "RIE ({}x)", "cross_entropy head": "RIE ({}x), head", "FDL": "FDL ({}x)"}
_NUMBERS: tuple[Callable[[list[float]], float], ...] = (lambda curve: curve[-1], min)

# By row, filters of all networks, and seed: the test errors of the ensemble, or of the network alone, by epoch.
Errors = dict[tuple[str, int, int], list[float]]


def is_of_networks(directory: pathlib.Path) -> bool:
    """Whether the results are of other runs than the ensembles of Noel (2017)."""
    return (directory / "statistics.csv").read_text(encoding="utf-8").startswith("arrangement,")


def check(directory: pathlib.Path) -> None:
    """Raises AssertionError, which says what is wrong, if files are missing or do not agree with each other."""
    readme = (directory / "README.md").read_text(encoding="utf-8")
    check_files(directory, readme)
    errors = _errors(directory / "statistics.csv")
    seeds = sorted({seed for _, _, seed in errors})
    assert re.search(rf"(?<!\d){len(errors)} runs \(", readme), f"README.md does not say {len(errors)} runs"
    text = (directory / "tables.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| M +\|.*\n(?:\|.*\n)+", text, re.MULTILINE)
    assert len(tables) == len(_NUMBERS)
    assert tables[0] in readme, "README.md shows another table than tables.md"
    for table, number in zip(tables, _NUMBERS, strict=True):
        header, _, *lines = [[" ".join(cell.split()) for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        received = {
            (row, int(line[0])): cell for line in lines for row, cell in zip(header[1:], line[1:], strict=True) if cell
        }
        expected = {
            (row, filters): _shown([100 - number(errors[row, filters, seed]) for seed in seeds])
            for row, filters in {key[:2] for key in errors}
        }
        assert received == expected, f"tables.md: {set(received.items()) ^ set(expected.items())}"
    _check_claims((directory / "claims.md").read_text(encoding="utf-8"), errors, seeds)


def _errors(path: pathlib.Path) -> Errors:
    found: Errors = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            match = _ARRANGEMENT.fullmatch(row["arrangement"])
            assert match, row["arrangement"]
            count = int(match[3] or 1)
            if row["model"] == ("Ens" if count > 1 else f"{match[1]}{match[2]}"):
                name = "single" if count == 1 else _ROWS[match[4]].format(count)
                curve = found.setdefault((name, int(match[2]) * count, int(row["seed"])), [])
                curve.append(float(row["test_error_percent"]))
                assert int(row["epoch"]) == len(curve), f"epochs of {row['arrangement']} are missing or out of order"
    return found


def _shown(values: list[float]) -> str:
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.2f}"
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return f"{mean:.2f} ± {deviation:.2f}"


def _check_claims(text: str, errors: Errors, seeds: list[int]) -> None:
    for name, number in zip(("last", "best"), _NUMBERS, strict=True):
        # Few margins stand in the table, many in the list below it.
        lines = " ".join(re.findall(rf"^[-|] figure \({name}\).*", text, re.MULTILINE))
        for row, filters in sorted({key[:2] for key in errors}):
            if row == "FDL (2x)" and ("single", filters, seeds[0]) in errors:
                gains = [number(errors["single", filters, seed]) - number(errors[row, filters, seed]) for seed in seeds]
                ends = " [{:+.3g}, {:+.3g}]".format(*interval_of(gains)) if len(seeds) > 1 else ""
                expected = f"M = {filters} {math.fsum(gains) / len(gains):+.3g}{ends}"
                assert expected in lines, f"claims.md: no {expected!r} in {lines}"
