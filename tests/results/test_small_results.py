"""What the documents say of grids on the digits, computed again from the pickles of their records."""

import json
import pickle
import re
from collections.abc import Callable, Iterator
from statistics import fmean, stdev
from typing import Any

import numpy as np
from scipy import stats

from analysis.documents import small_blocks
from committed_results import REPOSITORY, interval_of

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


def _heads() -> dict[tuple[str, float, str], list[float]]:
    """The final errors by arrangement, label noise and output, seed by seed."""
    found: dict[tuple[str, float, str], dict[int, float]] = {}
    for config, curves in _runs("heads-digits"):
        graph, heads = config["graph"], config["heads"]
        name = {"single": "single", "instances": f"{heads} instances"}.get(graph, f"{heads} heads {graph}")
        for model, end in _ENDS.items():
            if end in curves:
                found.setdefault((name, config["label_noise"], model), {})[config["seed"]] = curves[end][-1]
    return {key: [error for _, error in sorted(by_seed.items())] for key, by_seed in found.items()}


def test_heads() -> None:
    found = _heads()
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


def test_what_is_said_of_heads_in_words() -> None:
    """docs/RESULTS.md: of 80 % noisy labels, of clean ones, and of all heads together."""
    found = _heads()
    gains = {
        (name, level): [one - other for one, other in zip(found["single", level, "head1"], errors, strict=True)]
        for (name, level, model), errors in found.items()
        if model == "head1" and name != "single"
    }
    of_forty = [own for (_, level), own in gains.items() if level == 0.4]
    assert len(of_forty) == 3
    assert [round(fmean(own), 1) for own in sorted(of_forty, key=fmean)] == [0.6, 0.7, 1.0]
    assert all(interval_of(own)[0] > 0 for own in of_forty)
    two, shared, four = (gains[name, 0.8] for name in ("2 instances", "2 heads simple", "4 heads hierarchical"))
    for own in (two, shared):
        assert 0.9 < fmean(own) < 1.2
        assert interval_of(own)[0] > 0
    ps = {key: stats.ttest_1samp(own, 0, alternative="greater").pvalue for key, own in gains.items() if key[1] > 0}
    holm = np.maximum.accumulate(np.sort(list(ps.values())) * range(len(ps), 0, -1))
    corrected = dict(zip(sorted(ps, key=ps.__getitem__), holm, strict=True))
    assert {key for key, p in corrected.items() if p <= 0.025} == {("2 instances", 0.4), ("2 instances", 0.8)}
    text = " ".join((REPOSITORY / "docs" / "RESULTS.md").read_text(encoding="utf-8").split())
    assert f"(p = {corrected['2 instances', 0.8]:.3f} and {corrected['2 instances', 0.4]:.3f}, allowed" in text
    assert fmean(four) < min(fmean(two), fmean(shared))
    low, high = interval_of([one - own for one, own in zip(two, four, strict=True)])
    assert low < 0 < high
    for (name, level, model), errors in found.items():
        if level == 0 and model == "head1":
            assert 2.5 < fmean(errors) * 3.6 < 3.7
        if model == "Ens":
            assert fmean(errors) < fmean(found[name, level, "head1"])


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
    # docs/RESULTS.md: about three errors in 360 images.
    assert all(2.5 < fmean(row["last"]) * 3.6 < 3.5 for row in found.values())
    errors = re.findall(r"\d+\.\d\d", small_blocks.snapshots_in_short())
    assert errors == [f"{fmean(found[name]['best']):.2f}" for name in ("SSE", "FGE", "single")]


def test_the_difference_of_features_rises_first() -> None:
    """docs/RESULTS.md: for six to eight epochs, by 40 to 65 %, with FDL as without."""
    for kind in ("FDL", "RIE"):
        for path in (_RECORDS / "das-digits").rglob(f"*_{kind}-seed*/*_Ensemble.pkl"):
            values = pickle.loads(path.read_bytes())["feature_difference"]
            assert 6 <= 1 + values.argmax() <= 8
            assert 1.395 < values.max() / values[0] < 1.655


def test_the_difference_of_features_that_is_told_of() -> None:
    """docs/RESULTS.md: after 30 epochs of seed 0, with FDL and without."""
    found = []
    for kind in ("FDL", "RIE"):
        (path,) = (_RECORDS / "das-digits").rglob(f"*_{kind}-seed0-*/*_Ensemble.pkl")
        found.append(f"{pickle.loads(path.read_bytes())['feature_difference'][29]:.2f}")
    text = " ".join((REPOSITORY / "docs" / "RESULTS.md").read_text(encoding="utf-8").split())
    assert f"With decay it is {found[0]} and {found[1]} in the same seed." in text
