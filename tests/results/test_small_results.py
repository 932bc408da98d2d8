"""What the documents say of grids on the digits, computed again from the pickles of their records."""

import json
import pickle
import re
from collections.abc import Callable, Iterator
from statistics import fmean, stdev
from typing import Any

from analysis.documents import small_blocks
from committed_results import REPOSITORY

_RECORDS = REPOSITORY / "results" / "records"
_ENDS = {"head1": "000", "Ens": "Ensemble"}


def _runs(records: str) -> Iterator[tuple[dict[str, Any], dict[str, list[float]]]]:
    """The settings of each run, and the test errors in percent of its outputs by the end of the file's name."""
    for path in sorted((_RECORDS / records).rglob("config.json")):
        curves = {}
        for statistics in path.parent.glob("*.pkl"):
            # Written by this project, and part of the repository.
            content = pickle.loads(statistics.read_bytes())
            curves[statistics.stem.rpartition("_")[2]] = [100 * float(error) for error in content["test_errors"]]
        yield json.loads(path.read_text())["config"], curves


def _shown(values: list[float]) -> str:
    return f"{fmean(values):.2f} ± {stdev(values):.2f}"


def _cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_heads() -> None:
    found: dict[tuple[str, float, str], list[float]] = {}
    for config, curves in _runs("heads-digits"):
        graph, heads = config["graph"], config["heads"]
        name = {"single": "single", "instances": f"{heads} instances"}.get(graph, f"{heads} heads {graph}")
        for model, end in _ENDS.items():
            if end in curves:
                found.setdefault((name, config["label_noise"], model), []).append(curves[end][-1])
    levels = sorted({level for _, level, _ in found})
    assert {len(values) for values in found.values()} == {8}
    expected = [
        [
            f"{name}{', all together' if model == 'Ens' else ''}",
            *(_shown(found[name, level, model]) for level in levels),
        ]
        for name in ("single", "2 instances", "2 heads simple", "4 heads hierarchical")
        for model in _ENDS
        if (name, 0.0, model) in found
    ]
    assert _cells(small_blocks.heads()) == expected
    numbers = [
        f"{fmean(found[name, level, 'head1']):.2f}"
        for level in (levels[0], levels[-1])
        for name in ("single", "4 heads hierarchical")
    ]
    assert re.findall(r"\d+\.\d\d", small_blocks.heads_summary()) == numbers


def test_the_posters_table() -> None:
    found: dict[str, dict[str, list[float]]] = {}
    choices: dict[str, Callable[[list[float]], float]] = {"last": lambda curve: curve[-1], "best": min}
    for config, curves in _runs("das-digits"):
        if config["system"] == "snapshot":
            name = "FGE" if config["cycle"] == "triangular" else "SSE"
        else:
            name = (
                ("single" if len(config["members"]) == 1 else "RIE (2x)") if len(config["phases"]) == 1 else "FDL (2x)"
            )
        (curve,) = [curve for end, curve in curves.items() if end == ("Ensemble" if len(curves) > 1 else "000")]
        for choice, of in choices.items():
            found.setdefault(name, {}).setdefault(choice, []).append(of(curve))
    assert {len(values) for row in found.values() for values in row.values()} == {5}
    expected = [
        [name, _shown(found[name]["last"]), _shown(found[name]["best"])]
        for name in ("single", "RIE (2x)", "SSE", "FGE", "FDL (2x)")
    ]
    assert [[row[0], *row[2:]] for row in _cells(small_blocks.poster())] == expected
    errors = re.findall(r"\d+\.\d\d", small_blocks.snapshots_in_short())
    assert errors == [f"{fmean(found[name]['best']):.2f}" for name in ("SSE", "FGE", "single")]
