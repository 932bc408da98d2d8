"""What Noel (2017) says outside the numbered observations of section 6.1, or in an earlier draft only.

The last claim is a question of ours. The claims have the form of those in `noel_claims`.
"""

import itertools
import math
from collections.abc import Sequence
from statistics import fmean, median

import numpy as np

from analysis.claim import Claim, Numbers
from analysis.methods.ensemble.claim_grid import PLAIN_SETTING, Grid
from analysis.methods.ensemble.efficiency import CLAIMED_SHARES
from analysis.methods.ensemble.noel_rows import METHODS, Setting
from collab_ensembles.networks.sizes import ResNetSize, parse_network

_WEIGHTS = (1.0, 0.1, 0.01, 0.0001)
_COLLABORATING: Sequence[Setting] = tuple(itertools.product(METHODS, _WEIGHTS))
_MEMBERS = ("ST", "M")
_FAVOURITE = ("L2", 0.01)
_NEAR_SHARE = 0.05
"""A share of parameters is about a fifth if it differs by at most so much."""
_NEAR_SPEED = 1.0
"""A speed is about threefold if it differs by at most so much."""
_COMPARABLE = 0.1
"""Errors are comparable if they exceed the plain ones by at most this share."""
_TREND = 3
"""Most epochs before a cut of the learning rate, and after the one before, that show how fast errors fall without."""


def parameters(member: str, channels: int = 1, classes: int = 10) -> int:
    """The trainable parameters of ST, M and the like in the revision of the published tables.

    A block has two 3x3 convolutions, one of them with bias, after normalisations with offset. Where a brick ends there
    are two more, one normalisation, and a 2x2 convolution with bias.
    """
    size = parse_network(member)
    assert isinstance(size, ResNetSize)
    filters = size.filters
    count = 9 * channels * filters + filters
    for brick in range(1, size.bricks + 1):
        count += size.repetitions * (2 * 9 * filters**2 + 3 * filters)
        if brick < size.bricks:
            count += (9 + 4) * filters * 2 * filters + 9 * (2 * filters) ** 2 + 2 * 2 * filters
            filters *= 2
    return count + filters * classes + classes


def _smaller(grid: Grid) -> tuple[Numbers, Numbers]:
    if PLAIN_SETTING not in grid.errors:
        raise KeyError("no plain ensemble")
    counts = {member: parameters(member) for member in _MEMBERS}
    margin = _NEAR_SHARE - abs(counts["ST"] / counts["M"] - CLAIMED_SHARES["parameters"])
    return {"near": margin}, {f"thousand parameters of {member}": count / 1e3 for member, count in counts.items()}


def _faster(grid: Grid) -> tuple[Numbers, Numbers]:
    speed = grid.inference["M"]["seconds_per_image"] / grid.inference["ST"]["seconds_per_image"]
    return {"near": _NEAR_SPEED - abs(speed - 1 / CLAIMED_SHARES["seconds_per_image"])}, {"times as fast as M": speed}


def _final(grid: Grid, setting: Setting, data: str) -> float:
    return float(grid.curves[setting]["Ens"][data].iloc[-1])


def _logits_closer(grid: Grid) -> tuple[Numbers, Numbers]:
    """Ratios of distances as logarithms: those of weak and of strong collaboration count alike."""
    margins = {}
    for method in ("L1", "L2"):
        pairs = [[_final(grid, (each, weight), "LogitDistance") for each in ("CE", method)] for weight in _WEIGHTS]
        margins[method] = fmean(math.log10(theirs / own) for theirs, own in pairs)
    distances = {method: _final(grid, (method, 0.01), "LogitDistance") for method in METHODS}
    return margins, {f"distance of logits, {method} 0.01": value for method, value in distances.items()}


def _answers_rather_than_logits(grid: Grid) -> tuple[Numbers, Numbers]:
    left = {}
    for name, data in (("different answers", "Disagreement"), ("distance of logits", "LogitDistance")):
        plain = _final(grid, PLAIN_SETTING, data)
        if plain == 0:
            raise KeyError("no difference to lessen")
        left[name] = _final(grid, ("CE", 1.0), data) / plain
    answers, logits = left.values()
    return {"share left": logits - answers}, {f"{name}, share of plain": value for name, value in left.items()}


def _comparable(grid: Grid) -> tuple[Numbers, Numbers]:
    plain, ours = (fmean(grid.errors[setting].values()) for setting in (PLAIN_SETTING, _FAVOURITE))
    return {"allowed less actual": (1 + _COMPARABLE) * plain - ours}, {"mean error, plain": plain, "L2 0.01": ours}


def _cuts(epochs: int) -> dict[str, int]:
    """The first epoch, from 1, of each cut of the learning rate; see `models.schedules`."""
    shares = {"1/2": (2, 1, True), "1/4": (4, 3, True), "1/8": (10, 9, False)}
    return {
        rate: next(e for e in range(1, epochs + 1) if of * e > part * epochs or (reached and of * e == part * epochs))
        for rate, (of, part, reached) in shares.items()
    }


def _drops_at_cuts(grid: Grid) -> tuple[Numbers, Numbers]:
    settings = (PLAIN_SETTING, *_COLLABORATING)
    curves = [grid.path(setting, member) for setting in settings for member in _MEMBERS]
    margins: Numbers = {}
    numbers: Numbers = {}
    earlier = 1
    for rate, epoch in _cuts(len(curves[0])).items():
        before = epoch - 2
        # The epoch of the earlier cut fell by that cut.
        first = max(before - _TREND, earlier - 1)
        if first >= before or any((curve <= 0).any() for curve in curves):
            raise KeyError("too few epochs, or errors without a logarithm")
        drop = fmean(math.log10(curve[before] / curve[before + 1]) for curve in curves)
        trend = fmean(math.log10(curve[first] / curve[before]) for curve in curves) / (before - first)
        earlier = epoch
        margins[f"rate {rate}"] = drop - trend
        numbers |= {f"error by the cut to {rate}, times": 10**-drop, f"by an epoch before {rate}": 10**-trend}
    return margins, numbers


def _no_faster(grid: Grid) -> tuple[Numbers, Numbers]:
    def early(setting: Setting) -> float:
        errors = grid.curves[setting]["M"]["TrainError"].to_numpy()
        before = errors[: _cuts(len(errors))["1/2"] - 1]
        if not len(before):
            raise KeyError("no epoch before the first cut")
        return float(np.mean(before))

    plain = early(PLAIN_SETTING)
    ours = median(early(setting) for setting in _COLLABORATING)
    return {"higher": ours - plain}, {"early training error of M, plain": plain, "collaborating, median": ours}


def _deeper_improves(grid: Grid) -> tuple[Numbers, Numbers]:
    gains = [grid.gain(setting, "M") for setting in _COLLABORATING]
    return {"median gain": median(gains)}, {"least gain of M": min(gains), "largest": max(gains)}


def _middle_weights(grid: Grid) -> tuple[Numbers, Numbers]:
    margins: Numbers = {}
    numbers: Numbers = {}
    for method in ("L1", "L2"):
        mean = {weight: fmean(grid.errors[method, weight].values()) for weight in _WEIGHTS}
        numbers[f"{method}, weights 0.1 and 0.01"] = middle = (mean[0.1] + mean[0.01]) / 2
        margins |= {f"{method} below {weight:g}": mean[weight] - middle for weight in (1.0, 0.0001)}
    return margins, numbers


def _less_calibrated(grid: Grid) -> tuple[Numbers, Numbers]:
    plain = grid.calibration[PLAIN_SETTING]
    ours = {setting: grid.calibration[setting] for setting in _COLLABORATING}
    return {"median": median(ours.values()) - plain}, {
        "ECE of Ens, plain": plain,
        "collaborating, median": median(ours.values()),
        "L2 0.01": ours[_FAVOURITE],
        "largest": max(ours.values()),
    }


FURTHER = (
    Claim(
        "6.1 (2b)",
        "ST has about 20 % as many parameters as M",
        f"it has between {CLAIMED_SHARES['parameters'] - _NEAR_SHARE:.0%} and "
        f"{CLAIMED_SHARES['parameters'] + _NEAR_SHARE:.0%} of them, which is a fact of the networks, whatever the seed",
        _smaller,
        once=True,
    ),
    Claim(
        "6.1 (2c)",
        "ST is three times as fast as M",
        "M takes between two and four times ST's time for an image (experiments.measure_inference)",
        _faster,
        once=True,
    ),
    Claim(
        "6.1 (text a)",
        "L1 and L2 bring logits together more than cross-entropy does",
        "the logarithm of the final distance of logits is lower with L1, and with L2, than with CE on average over the "
        "weights",
        _logits_closer,
    ),
    Claim(
        "6.1 (text b)",
        "Cross-entropy brings answers together rather than logits",
        "CE with weight 1 leaves a smaller share of the plain ensemble's different answers than of its distance of "
        "logits",
        _answers_rather_than_logits,
    ),
    Claim(
        "L2 (3b)",
        "Results are comparable all the same",
        f"the final test errors of ST, M and Ens exceed plain ones by less than {_COMPARABLE:.0%} on average",
        _comparable,
        ("notMNIST",),
    ),
    Claim(
        "5.2",
        "Errors drop where the learning rate is cut",
        f"in the epoch of each cut the logarithm of the test error of ST and M falls by more than on average in the "
        f"{_TREND} epochs before it, or those since the cut before; means over all 13 ensembles",
        _drops_at_cuts,
        ratios=True,
    ),
    Claim(
        "7.2 (a)",
        "Deeper models learn no faster in collaboration",
        "before the first cut of the rate, M's mean training error is higher than plain in the median of the 12 "
        "collaborating ensembles",
        _no_faster,
    ),
    Claim(
        "7.2 (b)",
        "Deeper models improve by working with a weaker one",
        "the median of M's gains in final test error over the 12 collaborating ensembles is positive",
        _deeper_improves,
    ),
    Claim(
        "draft 6.1 (5b)",
        "L2 and L1 do well with weights between 0.01 and 0.1",
        "with L1 and with L2 the mean error of ST, M and Ens with weights 0.1 and 0.01 lies below that with weight 1, "
        "and below that with 0.0001",
        _middle_weights,
    ),
    Claim(
        "asked here",
        "Collaboration costs calibration",
        "the expected calibration error of Ens is higher than plain in the median of the 12 collaborating ensembles "
        "(15 bins of equally many test examples)",
        _less_calibrated,
    ),
)
