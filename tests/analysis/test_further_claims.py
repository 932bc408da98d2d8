"""Claims outside the numbered observations, the correction for many of them, and what inference costs."""

import dataclasses
import json
import math
import pathlib
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_runs import with_final, write_run

from analysis import claims, frame
from analysis.methods.ensemble import noel_further_claims
from analysis.methods.ensemble.claim_grid import Grid, grids_of
from analysis.methods.ensemble.noel_claims import CLAIM_SET
from analysis.methods.ensemble.noel_further_claims import FURTHER
from analysis.methods.ensemble.noel_rows import METHODS, Setting
from collab_ensembles.settings.config import RunConfig

_WEIGHTS = (1.0, 0.1, 0.01, 0.0001)
_ALL: list[Setting] = [("Single", 1.0), *((method, weight) for method in ("CE", "L1", "L2") for weight in _WEIGHTS)]
_BY_NAME = {claim.name: claim for claim in FURTHER}
_SIZES = {
    "ST": {"parameters": 44_706, "seconds_per_image": 1.0},
    "M": {"parameters": 274_570, "seconds_per_image": 3.1},
}

Changes = Mapping[Setting, Mapping[str, float | list[float]]]


def _grid(changes: Changes = {}, inference: Mapping[str, Mapping[str, float]] = _SIZES, epochs: int = 12) -> Grid:  # noqa: B006
    """Equal statistics of all ensembles and outputs, but for some columns of some ensembles."""
    usual = {"TestError": 2.0, "TrainError": 1.0, "Disagreement": 4.0, "LogitDistance": 10.0}
    curves, errors = {}, {}
    for setting in _ALL:
        values = {**usual, **changes.get(setting, {})}
        table = pd.DataFrame({name: np.broadcast_to(value, epochs) for name, value in values.items()})
        curves[setting] = dict.fromkeys(("ST", "M", "Ens"), table)
        errors[setting] = {model: float(table["TestError"].iloc[-1]) for model in ("ST", "M", "Ens")}
    return Grid(errors, curves, inference)


def _of(methods: tuple[str, ...], column: str, value: Callable[[float], float | list[float]]) -> Changes:
    return {(method, weight): {column: value(weight)} for method in methods for weight in _WEIGHTS}


def _falling(*cuts: int) -> list[float]:
    """Errors of 12 epochs that halve in these epochs and otherwise fall by a hundredth."""
    errors = [10.0]
    for epoch in range(2, 13):
        errors.append(errors[-1] * (0.5 if epoch in cuts else 0.99))
    return errors


_CUTS = (6, 9, 11)
"""12 epochs: from 50 %, from 75 % and above 90 %."""
_COMMON = {"ST": {"parameters": 1, "seconds_per_image": 1.0}, "M": {"parameters": 3, "seconds_per_image": 5.0}}


def _calibrated(plain: float, collaborating: Callable[[float], float]) -> Grid:
    errors = {("Single", 1.0): plain} | {setting: collaborating(setting[1]) for setting in _ALL[1:]}
    return dataclasses.replace(_grid(), calibration=errors)


# For each claim a grid where it holds, one where it does not, and the least margins, computed by hand.
CASES: dict[str, tuple[Grid, float, Grid, float]] = {
    "6.1 (2c)": (_grid(), 0.9, _grid(inference=_COMMON), -1.0),
    "6.1 (text a)": (
        _grid({**_of(("L1",), "LogitDistance", lambda w: 1.0), **_of(("L2",), "LogitDistance", lambda w: 0.1)}),
        1.0,
        _grid(_of(("L1",), "LogitDistance", lambda w: 1.0)),
        0.0,
    ),
    "6.1 (text b)": (
        _grid({("CE", 1.0): {"Disagreement": 2.0, "LogitDistance": 9.0}}),
        0.4,
        _grid({("CE", 1.0): {"Disagreement": 3.0, "LogitDistance": 5.0}}),
        -0.25,
    ),
    "L2 (3b)": (_grid({("L2", 0.01): {"TestError": 2.1}}), 0.1, _grid({("L2", 0.01): {"TestError": 2.3}}), -0.1),
    "5.2": (
        _grid({setting: {"TestError": _falling(*_CUTS)} for setting in _ALL}),
        np.log10(0.99 / 0.5),
        _grid({setting: {"TestError": _falling(5, 9, 11)} for setting in _ALL}),
        np.log10(0.99**2 * 0.5) / 3 - np.log10(0.99),
    ),
    "7.2 (a)": (
        _grid(_of(("CE", "L1", "L2"), "TrainError", lambda w: [1.1] * 5 + [0.0] * 7)),
        0.1,
        _grid(_of(("CE", "L1", "L2"), "TrainError", lambda w: [0.9] * 5 + [9.0] * 7)),
        -0.1,
    ),
    "7.2 (b)": (
        _grid(_of(("CE", "L1"), "TestError", lambda w: 1.5 if w < 1 else 9.0)),
        0.25,
        _grid(_of(("CE", "L1"), "TestError", lambda w: 2.5)),
        -0.5,
    ),
    "draft 6.1 (5b)": (
        _grid(_of(("L1", "L2"), "TestError", lambda w: {1.0: 5.0, 0.1: 2.0, 0.01: 1.0}.get(w, 1.75))),
        0.25,
        _grid(_of(("L1", "L2"), "TestError", lambda w: {1.0: 5.0, 0.1: 2.0, 0.01: 1.0}.get(w, 0.5))),
        -1.0,
    ),
    "asked here": (
        # The median of four times 9, 3, 2 and 1.
        _calibrated(2.0, lambda w: {1.0: 9.0, 0.1: 3.0, 0.01: 2.0}.get(w, 1.0)),
        0.5,
        _calibrated(4.0, lambda w: {1.0: 9.0, 0.1: 3.0, 0.01: 2.0}.get(w, 1.0)),
        -1.5,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_claim_is_seen_or_not_by_a_margin_computed_by_hand(name: str) -> None:
    holding, positive, failing, negative = CASES[name]
    for grid, margin, verdict in ((holding, positive, claims.SEEN), (failing, negative, claims.UNSEEN)):
        finding = claims.judge(_BY_NAME[name], [grid], 8)
        assert min(each.mean for each in finding.margins.values()) == pytest.approx(margin)
        assert finding.verdict == verdict
        assert finding.numbers


def test_every_claim_has_a_case_but_that_of_the_networks_alone() -> None:
    assert _BY_NAME.keys() - CASES.keys() == {"6.1 (2b)"}
    margins, numbers = _BY_NAME["6.1 (2b)"].margins(_grid())
    # The counts that tests/networks has for the built networks, of images with one channel and with three.
    assert [noel_further_claims.parameters(member) for member in ("ST", "M")] == [44_706, 274_570]
    assert [noel_further_claims.parameters(member, channels=3) for member in ("ST", "M")] == [44_850, 274_858]
    assert list(numbers.values()) == [44.706, 274.57]
    assert list(margins.values()) == pytest.approx([0.05 - (0.2 - 44_706 / 274_570)])


@pytest.mark.parametrize("name", CASES)
def test_without_what_it_needs_a_claim_is_undecided(name: str) -> None:
    bare = Grid({("Single", 1.0): {"ST": 1.0, "M": 1.0, "Ens": 1.0}})
    assert claims.judge(_BY_NAME[name], [bare], 8).verdict == claims.TOO_FEW


@pytest.mark.parametrize(("epochs", "first"), [(30, (15, 23, 28)), (15, (8, 12, 14)), (12, _CUTS)])
def test_the_rate_is_cut_where_the_paper_says(epochs: int, first: tuple[int, int, int]) -> None:
    """Errors that halve in these epochs alone fall there, and nowhere one epoch later."""

    def verdict(shift: int) -> str:
        curve = [1.0]
        for epoch in range(2, epochs + 1):
            curve.append(curve[-1] * (0.5 if epoch - shift in first else 1.0))
        grid = _grid({setting: {"TestError": curve} for setting in _ALL}, epochs=epochs)
        return claims.judge(_BY_NAME["5.2"], [grid], 8).verdict

    assert [verdict(shift) for shift in (-1, 0, 1)] == [claims.UNSEEN, claims.SEEN, claims.UNSEEN]


def test_what_inference_costs_is_read_beside_the_runs_and_counts_once(tmp_path: pathlib.Path) -> None:
    for seed in (0, 1):
        config = RunConfig(dataset="mnist", epochs=4, seed=seed)
        write_run(tmp_path / "MNIST", config, with_final((1, 2, 3), (0.1, 0.2, 0.3), 4))
    models = [{"model": model, **costs} for model, costs in _SIZES.items()]
    (tmp_path / "MNIST" / "inference.json").write_text(json.dumps({"models": models}))
    grids = grids_of(frame.read_runs(str(tmp_path), "mnist"))
    # Sizes, too, are the same for all seeds.
    for name in ("6.1 (2b)", "6.1 (2c)"):
        finding = claims.judge(_BY_NAME[name], grids, 8)
        assert (finding.seeds, finding.verdict, finding.p) == (1, claims.SEEN, None)


@pytest.mark.parametrize("twins", [(5.974240228533745, 5.974239856004715), (6.60455003, 6.60454929)])
def test_errors_apart_by_noise_alone_have_one_rank(twins: tuple[float, float]) -> None:
    """As single precision has them: 218 or 241 of 3,649 images, once by a sum and once by a mean."""
    finals = dict(zip(_WEIGHTS, (9.0, 8.0, *twins), strict=True))
    grid = _grid({(method, weight): {"TestError": error} for weight, error in finals.items() for method in METHODS})
    (claim,) = [claim for claim in CLAIM_SET.claims if claim.name == "6.1 (6a)"]
    assert claim.margins(grid)[0]["correlation"] == pytest.approx(stats.spearmanr(_WEIGHTS, [7, 6, 5, 5]).statistic)


def test_the_mean_of_ratios_is_that_of_their_logarithms() -> None:
    grids = [_grid({setting: {"TestError": _falling(*cuts)} for setting in _ALL}) for cuts in ((), _CUTS)]
    finding = claims.judge(_BY_NAME["5.2"], grids, 2)
    assert finding.numbers["error by the cut to 1/2, times"] == pytest.approx(math.sqrt(0.99 * 0.5))


def test_holms_correction_is_that_of_a_worked_example() -> None:
    """Multiplied by 4, 3, 2, 1 from the smallest on, and never below an earlier one."""
    assert claims.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert claims.holm([0.5, 0.9]) == [1.0, 1.0]
    assert claims.holm([]) == []


def test_a_p_value_is_that_of_students_test() -> None:
    values = [0.3, -0.1, 0.2, 0.4, 0.1]
    # t = 0.2 x sqrt(5 / 0.037) = 2.3250 with 4 degrees of freedom, from its distribution function in closed form.
    t = np.mean(values) / (np.std(values, ddof=1) / np.sqrt(5))
    expected = 0.5 - t * (6 + t**2) / (2 * (4 + t**2) ** 1.5)
    assert claims.p_above_zero(values) == pytest.approx(expected)
    # No variance: five signs.
    assert claims.p_above_zero([0.1] * 5) == 1 / 32
    assert claims.p_above_zero([0.0] * 5) == claims.p_above_zero([-0.1] * 5) == 1


def test_claims_that_seeds_decide_are_corrected_for_their_number() -> None:
    random = np.random.default_rng(5)
    grids = []
    for _ in range(16):
        grid = _grid({setting: {"TestError": 2 + 0.1 * random.normal()} for setting in _ALL})
        grids.append(dataclasses.replace(grid, inference={}))
    found = claims.findings(grids, CLAIM_SET)
    decided = [finding for finding in found if finding.p is not None]
    assert 5 < len(decided) < len(found)
    assert [finding.corrected for finding in decided] == claims.holm([finding.p or 0.0 for finding in decided])
    for finding in decided:
        if finding.verdict == claims.HOLDS:
            assert finding.p is not None
            assert finding.p < 0.05
    text = claims.table(found, "MNIST")["p (Holm)"]
    assert [value != "" for value in text] == [finding.p is not None for finding in found]
    assert "p (Holm)" not in claims.table(claims.findings(grids[:1], CLAIM_SET), "MNIST")
