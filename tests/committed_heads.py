"""Checks a directory of published results of heads against itself, with nothing of `analysis`.

The table of errors against label noise, and the margins of the claims on it, are computed again from statistics.csv.
"""

import csv
import pathlib
import re
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from committed_results import check_files, interval_of

_ARRANGEMENT = re.compile(r"(\w+), (single|\d (?:instances|heads \w+))(?:, label_noise ([\d.]+))?")
_HIGH = 50.0
_CORNER = "noise level: share of noisy labels in %"

# By arrangement and level of label noise in percent: of head 1, the final test error of each seed.
Finals = Mapping[tuple[str, float], Sequence[float]]


def is_of_heads(directory: pathlib.Path) -> bool:
    """Whether the results are of multi-head networks."""
    with (directory / "statistics.csv").open(encoding="utf-8", newline="") as file:
        return any(row.get("model") == "head1" for row in csv.DictReader(file))


def check(directory: pathlib.Path) -> None:
    """Raises AssertionError, which says what is wrong, if files are missing or do not agree with each other."""
    readme = (directory / "README.md").read_text(encoding="utf-8")
    check_files(directory, readme, pictures=1)
    network, finals = _finals(directory / "statistics.csv")
    (seeds,) = {len(values) for values in finals.values()}
    assert f"{len(finals) * seeds} runs (" in readme, f"README.md does not say {len(finals) * seeds} runs"
    text = (directory / "tables.md").read_text(encoding="utf-8")
    (table,) = re.findall(rf"^\| {_CORNER} +\|.*\n(?:\|.*\n)+", text, re.MULTILINE)
    assert table in readme, "README.md shows another table than tables.md"
    _check_table(table, network, finals)
    _check_claims((directory / "claims.md").read_text(encoding="utf-8"), network, finals)


def _finals(path: pathlib.Path) -> tuple[str, Finals]:
    curves: dict[tuple[str, float], dict[str, list[float]]] = {}
    networks = set()
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            match = _ARRANGEMENT.fullmatch(row["arrangement"])
            assert match, row["arrangement"]
            networks.add(match[1])
            if row["model"] == "head1":
                own = curves.setdefault((match[2], round(100 * float(match[3] or 0), 9)), {})
                own.setdefault(row["seed"], []).append(float(row["test_error_percent"]))
                assert int(row["epoch"]) == len(own[row["seed"]]), f"epochs of {row['arrangement']} are missing"
    (epochs,) = {len(curve) for own in curves.values() for curve in own.values()}
    assert epochs > 1
    (network,) = networks
    return network, {key: [curve[-1] for curve in own.values()] for key, own in curves.items()}


def _check_table(table: str, network: str, finals: Finals) -> None:
    lines = [[" ".join(cell.split()) for cell in line.split("|")[1:-1]] for line in table.replace("*", "").splitlines()]
    header, _, *rows = lines
    received = {
        (name, float(level)): cell
        for level, *cells in rows
        for name, cell in zip(header[1:], cells, strict=True)
        if not name.startswith("paper ")
    }
    expected = {
        (f"{network}, {name}", level): f"{fmean(values):.2f} ± {stdev(values):.2f}"
        for (name, level), values in finals.items()
    }
    assert received == expected, f"tables.md: {set(received.items()) ^ set(expected.items())}"


def _check_claims(text: str, network: str, finals: Finals) -> None:
    """That the margins of three claims on label noise are gains over the single network, seed by seed."""
    together = sorted({name for name, _ in finals} - {"single"})
    levels = sorted({level for _, level in finals})
    low, high = levels[0], levels[-1]

    def gains(name: str, level: float) -> list[float]:
        return _differences(finals["single", level], finals[name, level])

    expected = {"table 1 (1)": {f"{network}, {name}": gains(name, 0.0) for name in together}}
    if high >= _HIGH:
        expected["figure 3 (2)"] = {
            f"{network}, {name}": _differences(gains(name, high), gains(name, low)) for name in together
        }
        instances, heads = finals["2 instances", high], finals["4 heads hierarchical", high]
        expected["figure 3 (4)"] = {"": _differences(heads, instances)}
    for claim, margins in expected.items():
        # Few margins stand in the table, many in the list below it.
        lines = " ".join(re.findall(rf"^[-|] {re.escape(claim)}.*", text, re.MULTILINE))
        for name, values in margins.items():
            low_end, high_end = interval_of(values)
            margin = f"{name} {fmean(values):+.3g} [{low_end:+.3g}, {high_end:+.3g}]".strip()
            assert margin in lines, f"claims.md: no {margin!r} in {lines}"


def _differences(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [first - second for first, second in zip(one, other, strict=True)]
