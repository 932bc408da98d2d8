"""Each statement of the poster with data where it holds, and data where it does not."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from system_runs import networks, read, write

from analysis import claims
from analysis.methods.fdl.poster_claims import CLAIM_SET

_EPOCHS, _JOINT = 11, 10
_BY_NAME = {claim.name: claim for claim in CLAIM_SET.claims}
_FLAT, _RISING = np.full(_JOINT, 0.5), np.linspace(0.5, 1, _JOINT)
_FALLING = 0.5 * 0.5 ** np.arange(_JOINT)

Series = Mapping[bool, Sequence[float] | np.ndarray]


def _write(
    log_dir: pathlib.Path,
    config_of: tuple[int, bool, str],
    errors: Sequence[float] = (5,) * _EPOCHS,
    seed: int = 0,
    **joint: Sequence[float] | np.ndarray,
) -> None:
    """A run; the epoch of pre-training has a number that no claim may look at."""
    count, fdl, member = config_of
    config = networks(count, fdl, member=member, seed=seed, epochs=_EPOCHS)
    members = [[30.0] * _EPOCHS] * count if count > 1 else []
    write(log_dir, config, [*members, list(errors)], **{name: [1e6, *values] for name, values in joint.items()})


def _judged(log_dir: pathlib.Path, name: str) -> claims.Finding:
    return claims.judge(_BY_NAME[name], CLAIM_SET.grids_of(read(log_dir)), CLAIM_SET.least_seeds)


def _pair(log_dir: pathlib.Path, name: str, count: int = 2, **series: Series) -> claims.Finding:
    """Two vgg16 with FDL (True) and without."""
    for fdl in (True, False):
        own = {"similarity_loss": _FLAT, "feature_difference": _FLAT}
        _write(log_dir, (count, fdl, "vgg16"), **own | {key: values[fdl] for key, values in series.items()})
    return _judged(log_dir, name)


@pytest.mark.parametrize(("name", "epoch"), [("figure (last)", -1), ("figure (best)", 4)])
def test_two_halves_are_held_against_the_network_of_as_many_filters(
    tmp_path: pathlib.Path, name: str, epoch: int
) -> None:
    """Seed by seed, for M = 8 and 16; what decides is the weakest M."""
    random = np.random.default_rng(3)
    errors = {key: random.uniform(6, 7, (6, _EPOCHS)) for key in ((1, 8), (1, 16), (2, 4), (2, 8))}
    for number, filters in errors:
        errors[number, filters][:, epoch] = random.uniform(4, 4.1, 6) - 0.5 * number
        for seed, values in enumerate(errors[number, filters]):
            _write(tmp_path, (number, number > 1, f"convnet{filters}"), list(values), seed)
    finding = _judged(tmp_path, name)
    assert (finding.verdict, finding.seeds) == (claims.HOLDS, 6)
    for filters in (8, 16):
        gains = errors[1, filters][:, epoch] - errors[2, filters // 2][:, epoch]
        assert finding.margins[f"M = {filters}"].mean == pytest.approx(gains.mean())
    assert len(finding.margins) == 2
    # The claim falls with one M.
    for seed in range(6):
        _write(tmp_path, (1, False, "convnet32"), [1] * _EPOCHS, seed)
        _write(tmp_path, (2, True, "convnet16"), [1.5] * _EPOCHS, seed)
    assert _judged(tmp_path, name).verdict == claims.FAILS


def test_methods_are_held_against_fdl_and_the_own_numbers_of_the_poster_show_it(tmp_path: pathlib.Path) -> None:
    _write(tmp_path, (1, False, "resnet8"), [9] * _EPOCHS)
    _write(tmp_path, (2, False, "resnet8"), [6] * (_EPOCHS - 1) + [8])
    _write(tmp_path, (2, True, "resnet8"), [7] * _EPOCHS)
    last, best = (_judged(tmp_path, f"table ({when})") for when in ("last", "best"))
    assert (last.verdict, best.verdict) == (claims.SEEN, claims.UNSEEN)
    assert {name: margin.mean for name, margin in best.margins.items()} == pytest.approx(
        {"resnet8 less single": 2, "resnet8 less RIE (2x)": -1}
    )
    finding = claims.judge(_BY_NAME["table (best)"], [CLAIM_SET.published("CIFAR100")], CLAIM_SET.least_seeds)
    assert finding.verdict == claims.SEEN
    assert finding.margins["vgg16 less RIE (2x)"].mean == pytest.approx(77.02 - 76.95)
    assert len(finding.margins) == 5


@pytest.mark.parametrize(
    ("name", "difference", "margin"),
    [
        # The FDL loss is minus the difference; fifths are two epochs.
        ("plot (a), early", {True: [1, 1, 9, 9, 9, 9, 10, 10, 3, 3], False: _FLAT}, 1),
        ("plot (a), early", {True: [10, 10, 99, 99, 99, 99, 1, 1, 30, 30], False: _FLAT}, -1),
        ("plot (c), falls", {True: _FLAT, False: _FALLING}, 0.1),
        ("plot (c), falls", {True: _FALLING, False: _RISING}, -1.9),
        ("plot (c), to zero", {True: _FLAT, False: [1, 1, 9, 9, 9, 9, 9, 9, 0.01, 0.01]}, 1),
        ("plot (c), to zero", {True: _FALLING, False: _FLAT}, -1),
    ],
)
def test_differences_over_the_epochs(tmp_path: pathlib.Path, name: str, difference: Series, margin: float) -> None:
    finding = _pair(tmp_path, name, feature_difference=difference)
    assert finding.margins["vgg16"].mean == pytest.approx(margin)
    assert finding.verdict == (claims.SEEN if margin > 0 else claims.UNSEEN)


@pytest.mark.parametrize(
    ("with_fdl", "without", "margins"),
    [
        ([1] * 8 + [0.2] * 2, [0.02] * 10, {"last above a tenth of first": 0.301, "above without FDL": 1}),
        ([1] * 8 + [0.05] * 2, [0.5] * 10, {"last above a tenth of first": -0.301, "above without FDL": -1}),
    ],
)
def test_with_fdl_the_difference_stays(
    tmp_path: pathlib.Path, with_fdl: list[float], without: list[float], margins: dict[str, float]
) -> None:
    finding = _pair(tmp_path, "plot (c), with FDL", feature_difference={True: with_fdl, False: without})
    received = {name.removeprefix("vgg16 "): margin.mean for name, margin in finding.margins.items()}
    assert received == pytest.approx(margins, abs=1e-3)


def test_the_turn_is_held_against_the_cross_entropy(tmp_path: pathlib.Path) -> None:
    """What is written as `TrainCostMean` changes a little; see synthetic_runs.series."""
    finding = _pair(tmp_path, "plot (a), late", feature_difference={True: [5] * 8 + [4] * 2, False: _FLAT})
    (run,) = [run for run in read(tmp_path) if len(run.config.phases) == 4]
    costs = np.mean([run.statistics[name]["TrainCostMean"] for name in run.config.member_names()], axis=0)
    assert finding.margins["vgg16 FDL loss rises"].mean == pytest.approx(np.log10(5 / 4))
    expected = np.log10(costs[-4:-2].mean() / costs[-2:].mean())
    assert finding.margins["vgg16 cross-entropy falls"].mean == pytest.approx(expected)


_SWINGS = [1, 3] * 5


@pytest.mark.parametrize(
    ("name", "losses", "margin"),
    [
        ("plot (b), with FDL", {True: _SWINGS, False: [0.1, 0.3] * 5}, 1),
        ("plot (b), with FDL", {True: [5, 5.002] * 5, False: [0.1, 0.3] * 5}, -2),
        # A tenth of the mean 2, over the highest.
        ("plot (b), without", {True: _SWINGS, False: [0.0] * 9 + [0.02]}, 1),
        ("plot (b), without", {True: _SWINGS, False: [2.0] + [0.0] * 9}, -1),
    ],
)
def test_similarity_losses(tmp_path: pathlib.Path, name: str, losses: Series, margin: float) -> None:
    finding = _pair(tmp_path, name, similarity_loss=losses)
    assert finding.margins["vgg16"].mean == pytest.approx(margin)


def test_two_three_and_four_networks_respond(tmp_path: pathlib.Path) -> None:
    name = "2x to 4x"
    for count, factor in ((2, 10), (3, 100), (4, 0.1)):
        assert _judged(tmp_path, name).verdict == claims.TOO_FEW if count > 2 else True
        _pair(tmp_path, name, count, feature_difference={True: _FLAT * factor, False: _FLAT})
    finding = _judged(tmp_path, name)
    assert {each: margin.mean for each, margin in finding.margins.items()} == pytest.approx(
        {"vgg16 2x": 1, "vgg16 3x": 2, "vgg16 4x": -1}
    )
    assert finding.verdict == claims.UNSEEN


def test_short_runs_and_seeds_that_lack_some_decide_nothing(tmp_path: pathlib.Path) -> None:
    _pair(tmp_path, "plot (c), falls", feature_difference={True: _FLAT, False: _FALLING})
    _write(tmp_path, (2, True, "vgg16"), seed=1, feature_difference=_FLAT, similarity_loss=_FLAT)
    assert _judged(tmp_path, "plot (c), falls").seeds == 1
    short = networks(2, member="vgg16", epochs=5)
    write(tmp_path / "short", short, [[5] * 5] * 3, similarity_loss=[1.0] * 5, feature_difference=[1.0] * 5)
    assert _judged(tmp_path / "short", "plot (a), early").verdict == claims.TOO_FEW


def test_five_seeds_decide(tmp_path: pathlib.Path) -> None:
    for seed in range(5):
        for fdl, values in ((True, _FLAT), (False, _FALLING * (1 + 0.1 * seed))):
            _write(tmp_path, (2, fdl, "vgg16"), seed=seed, feature_difference=values, similarity_loss=_FLAT)
        assert (
            _judged(tmp_path, "plot (c), with FDL").verdict
            == ([claims.SEEN, *[claims.TOO_FEW] * 3, claims.HOLDS][seed])
        )
    assert "at least 5 seeds" in claims.rule(CLAIM_SET)


def test_many_margins_are_counted_in_a_table() -> None:
    margins = {"a": claims.Margin(1, (0.5, 2)), "b": claims.Margin(-1, (-2, -0.5)), "c": claims.Margin(2, (1, 3))}
    claim = CLAIM_SET.claims[0]
    three = claims.Finding(claim, claims.FAILS, margins, {}, 5)
    four = claims.Finding(claim, claims.FAILS, {**margins, "d": claims.Margin(0.1, (-1, 1))}, {}, 5)
    texts = claims.table([three, four], "MNIST")["margin"]
    assert texts[0] == "a +1 [+0.5, +2]; b -1 [-2, -0.5]; c +2 [+1, +3]"
    assert texts[1] == "4 margins, 2 above 0, 1 below; lowest b -1 [-2, -0.5]; highest c +2 [+1, +3]"
