"""What the poster of Das and Dutta Roy (2022) states, as statements that can be computed.

Each claim has a margin for each thing that it is said of, such as each number of filters; they are all positive where
it holds, see `analysis.claims`. Accuracies are compared seed by seed, in percentage points, after the last epoch and,
as the poster has them, by the highest of any epoch, which the test set itself chooses. Statistics of the training are
compared by their ratio, as its logarithm to base 10: 0.3 is twice as much.

The plots show two VGG-16 on CIFAR-100 in about 250 epochs, where the FDL loss turns after 200. What is early and late
is laid down from that, not chosen in the curves: the epochs after the pre-training are cut into five parts, and the
turn must lie between the fourth and the last.
"""

import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from analysis.claim import Claim, ClaimSet, Numbers
from analysis.methods.fdl import poster
from analysis.methods.fdl.poster_outcomes import Key, Outcome, outcomes_of, published

LEAST_SEEDS = 5
"""Fewer have no bootstrap interval, but a range; those of five miss the mean of normal margins in about 8 % of cases
instead of 5."""
_SINGLE, _FDL, _RIE = "single", "FDL (2x)", "RIE (2x)"
_NEAR_ZERO = 0.1
"""As a share: of the similarity loss with FDL, or of a difference at the beginning."""
_STEADY = 0.9
_COUNTS = (2, 3, 4)
_CIFAR = ("CIFAR10", "CIFAR100")


def _two_halves_beat_one(outcome: Outcome, which: str) -> tuple[Numbers, Numbers]:
    accuracy: Mapping[Key, float] = getattr(outcome, which)
    margins: Numbers = {}
    numbers: Numbers = {}
    for half in outcome.networks(_FDL):
        filters = poster.filters_of(half)
        whole = f"{poster.kind_of(half)}{2 * (filters or 0)}"
        if filters and (whole, _SINGLE) in outcome.known:
            name = f"M = {2 * filters}"
            margins[name] = accuracy[half, _FDL] - accuracy[whole, _SINGLE]
            numbers |= {f"{name}: one": 100 - accuracy[whole, _SINGLE], f"{name}: FDL": 100 - accuracy[half, _FDL]}
    return margins, numbers


def _beats_other_methods(outcome: Outcome, which: str) -> tuple[Numbers, Numbers]:
    accuracy: Mapping[Key, float] = getattr(outcome, which)
    margins, numbers = {}, {}
    for network in outcome.networks(_FDL, _SINGLE, _RIE):
        numbers[f"{network} {_FDL}"] = 100 - accuracy[network, _FDL]
        for row in sorted((*poster.OF_ONE, _RIE), key=poster.place):
            if (network, row) in outcome.known:
                margins[f"{network} less {row}"] = accuracy[network, _FDL] - accuracy[network, row]
                numbers[f"{network} {row}"] = 100 - accuracy[network, row]
    return margins, numbers


def _fdl_loss_falls(outcome: Outcome) -> tuple[Numbers, Numbers]:
    parts = {network: outcome.parts((network, _FDL), "FeatureDifference") for network in outcome.networks(_FDL)}
    # The FDL loss is minus the difference.
    margins = {network: _orders(fourth, first) for network, (first, *_, fourth, _) in parts.items()}
    return margins, _part_numbers(parts, "difference", {"first": 0, "fourth": 3})


def _turns_late(outcome: Outcome) -> tuple[Numbers, Numbers]:
    margins, numbers = {}, {}
    for network in outcome.networks(_FDL):
        *_, fourth, last = outcome.parts((network, _FDL), "FeatureDifference")
        *_, cost, last_cost = outcome.parts((network, _FDL), "TrainCostMean")
        margins[f"{network} FDL loss rises"] = _orders(fourth, last)
        margins[f"{network} cross-entropy falls"] = _orders(cost, last_cost)
        numbers[f"{network} difference, last of fourth"] = _ratio(last, fourth)
        numbers[f"{network} cross-entropy, last of fourth"] = _ratio(last_cost, cost)
    return margins, numbers


def _fluctuates(outcome: Outcome) -> tuple[Numbers, Numbers]:
    def fluctuation(key: Key) -> float:
        return float(np.abs(np.diff(outcome.series(key, "SimilarityLoss"))).mean())

    margins = {
        network: _orders(fluctuation((network, _FDL)), fluctuation((network, _RIE)))
        for network in outcome.networks(_FDL, _RIE)
    }
    return margins, {f"{network} times": 10**margin for network, margin in margins.items()}


def _near_zero_without(outcome: Outcome) -> tuple[Numbers, Numbers]:
    shares = {
        network: _ratio(
            float(outcome.series((network, _RIE), "SimilarityLoss").max()),
            float(outcome.series((network, _FDL), "SimilarityLoss").mean()),
        )
        for network in outcome.networks(_FDL, _RIE)
    }
    margins = {network: _orders(_NEAR_ZERO, share) for network, share in shares.items()}
    return margins, {f"{network} highest share": share for network, share in shares.items()}


def _falls_steadily(outcome: Outcome) -> tuple[Numbers, Numbers]:
    numbers = {}
    for network in outcome.networks(_RIE):
        values = outcome.series((network, _RIE), "FeatureDifference")
        # Without any difference between epochs there is no order.
        changes = len(set(values)) > 1
        numbers[network] = float(stats.spearmanr(range(len(values)), values).statistic) if changes else 0.0
    return {network: -_STEADY - correlation for network, correlation in numbers.items()}, numbers


def _to_zero(outcome: Outcome) -> tuple[Numbers, Numbers]:
    parts = {network: outcome.parts((network, _RIE), "FeatureDifference") for network in outcome.networks(_RIE)}
    margins = {network: _orders(_NEAR_ZERO * first, last) for network, (first, *_, last) in parts.items()}
    return margins, _part_numbers(parts, "difference", {"first": 0, "last": 4})


def _not_to_zero(outcome: Outcome) -> tuple[Numbers, Numbers]:
    margins, numbers = {}, {}
    for network in outcome.networks(_FDL, _RIE):
        first, *_, last = outcome.parts((network, _FDL), "FeatureDifference")
        *_, without = outcome.parts((network, _RIE), "FeatureDifference")
        margins[f"{network} last above a tenth of first"] = _orders(last, _NEAR_ZERO * first)
        margins[f"{network} above without FDL"] = _orders(last, without)
        numbers[f"{network} last of first"] = _ratio(last, first)
        numbers[f"{network} times without FDL"] = _ratio(last, without)
    return margins, numbers


def _many_respond(outcome: Outcome) -> tuple[Numbers, Numbers]:
    rows = {count: [poster.row_name(method, count) for method in ("FDL", "RIE")] for count in _COUNTS}
    margins = {}
    for network in outcome.networks(*(row for pair in rows.values() for row in pair)):
        for count, pair in rows.items():
            with_fdl, without = (outcome.parts((network, row), "FeatureDifference")[-1] for row in pair)
            margins[f"{network} {count}x"] = _orders(with_fdl, without)
    return margins, {f"{name} times": 10**margin for name, margin in margins.items()}


def _part_numbers(parts: Mapping[str, Sequence[float]], what: str, places: Mapping[str, int]) -> Numbers:
    return {f"{network} {what}, {name}": own[at] for network, own in parts.items() for name, at in places.items()}


def _ratio(value: float, other: float) -> float:
    return 10 ** _orders(value, other)


def _orders(value: float, other: float) -> float:
    """By how many orders of magnitude one number above 0 is larger than another; what is 0 counts as the least one."""
    least = float(np.finfo(np.float32).tiny)
    return math.log10(max(value, least) / max(other, least))


_ABOVE = "the test accuracy of FDL (2x) {} lies above that of".format
_LAST, _BEST = _ABOVE("after the last epoch"), _ABOVE("in its best epoch")
_NETWORKS = "for each network"

CLAIMS = (
    Claim(
        "figure (last)",
        "Two networks of M/2 filters with FDL beat one of M for any M",
        f"for every M that both were trained of, {_LAST} the single network of M filters",
        functools.partial(_two_halves_beat_one, which="last"),
        ("MNIST",),
    ),
    Claim(
        "figure (best)",
        "The same by the best epoch, as on the poster",
        f"for every M that both were trained of, {_BEST} the single network of M filters",
        functools.partial(_two_halves_beat_one, which="best"),
        ("MNIST",),
    ),
    Claim(
        "table (last)",
        "FDL outperforms other competing methods",
        f"{_NETWORKS}, {_LAST} each method that was trained, at least one network alone and RIE",
        functools.partial(_beats_other_methods, which="last"),
        _CIFAR,
    ),
    Claim(
        "table (best)",
        "The same by the best epoch, as on the poster",
        f"{_NETWORKS}, {_BEST} each method that was trained, at least one network alone and RIE",
        functools.partial(_beats_other_methods, which="best"),
        _CIFAR,
    ),
    Claim(
        "plot (a), early",
        "The FDL loss decreases initially",
        f"{_NETWORKS}, the mean FDL loss over the fourth fifth of the epochs lies below that over the first fifth",
        _fdl_loss_falls,
        ("CIFAR100",),
    ),
    Claim(
        "plot (a), late",
        "Later it increases, even though the cross-entropy still decreases",
        f"{_NETWORKS}, from the fourth to the last fifth of the epochs, the mean FDL loss rises, and the mean "
        "cross-entropy of the networks on the training examples falls",
        _turns_late,
        ("CIFAR100",),
        ratios=True,
    ),
    Claim(
        "plot (b), with FDL",
        "The similarity loss fluctuates with FDL",
        f"{_NETWORKS}, the similarity loss changes from epoch to epoch by more with FDL than without, on average",
        _fluctuates,
        ("CIFAR100",),
        ratios=True,
    ),
    Claim(
        "plot (b), without",
        "It is close to zero from the beginning to the end without",
        f"{_NETWORKS}, the similarity loss without FDL lies in no epoch above a tenth of its mean with FDL",
        _near_zero_without,
        ("CIFAR100",),
        ratios=True,
    ),
    Claim(
        "plot (c), falls",
        "The feature difference decreases steadily without FDL",
        f"{_NETWORKS}, the rank correlation of epoch and difference without FDL lies below -{_STEADY}",
        _falls_steadily,
        ("CIFAR100",),
    ),
    Claim(
        "plot (c), to zero",
        "It decreases to zero without FDL",
        f"{_NETWORKS}, the mean difference without FDL over the last fifth of the epochs lies below a tenth of that "
        "over the first",
        _to_zero,
        ("CIFAR100",),
    ),
    Claim(
        "plot (c), with FDL",
        "It does not with FDL",
        f"{_NETWORKS}, the mean difference with FDL over the last fifth of the epochs lies above a tenth of that over "
        "the first, and above that without FDL",
        _not_to_zero,
        ("CIFAR100",),
        ratios=True,
    ),
    Claim(
        "2x to 4x",
        "Ensembles of two, three and four networks respond strongly to FDL",
        f"{_NETWORKS} and number of networks, the mean difference over the last fifth of the epochs lies above that "
        "without FDL; how much above is what counts as strong, and left to the reader",
        _many_respond,
        ratios=True,
    ),
)


CLAIM_SET = ClaimSet(
    "Das and Dutta Roy (2022)",
    "which statements of the poster of Das and Dutta Roy (2022) hold",
    CLAIMS,
    outcomes_of,
    published,
    _CIFAR,
    LEAST_SEEDS,
    "Margins of accuracies are percentage points; those of the plots are logarithms to base 10 of ratios (0.3: twice "
    "as much), but for a rank correlation. Epochs are those after the pre-training.",
)
