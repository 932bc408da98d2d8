"""What Song and Chai (2018) state of networks that learn together, as statements that can be computed.

Each claim has a margin for each network, row or noise level that it is said of; they are all positive where it holds,
see `analysis.claims`. Errors are those of head 1 after the last epoch, seed by seed, as the paper evaluates "the first
classifier head without head selection".

Where the paper gives no number, a claim asks for the direction alone: "substantially lower" is lower, and how much is
left to the reader. The paper has figure 3 as a picture only, so its claims on label noise have no numbers of its own.
"""

import math
from collections.abc import Iterable, Sequence

from analysis.claim import Claim, ClaimSet, Numbers
from analysis.methods.multihead.outcomes import SINGLE, Outcome, outcomes_of, published

LEAST_SEEDS = 5
"""As many as the paper has, see `poster_claims.LEAST_SEEDS` for what their intervals miss."""
_ADDITIONAL = 1.0
""""1%+" of table 2, in points."""
_LOW = 50.0
"""Below this level the noise is "relatively low", from it on "high". The paper draws no line."""
_HIERARCHICAL, _TWO, _SHARED = "4 heads hierarchical", "2 instances", "2 heads simple"
_SIMULTANEOUS, _ALTERNATING, _WARM = "simultaneous, T = 1", "alternating, T = 1", "simultaneous, T = 2"
_SHARING = ((_SHARED, _TWO), (_HIERARCHICAL, "4 instances"))
_RESCALED, _OTHERS = "backprop rescaling", ("no scaling", "loss scaling")
_CIFAR10, _CIFAR100 = ("CIFAR10",), ("CIFAR100",)


def _found(outcome: Outcome, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """The pairs of rows that are known of a network, with its name."""
    return [
        (network, one, other)
        for one, other in pairs
        for network in outcome.names()
        if {(network, one, 0.0), (network, other, 0.0)} <= outcome.known
    ]


def _lower(outcome: Outcome, found: Iterable[tuple[str, str, str]]) -> tuple[Numbers, Numbers]:
    """By how much the error of the first row of a network lies below that of the second."""
    margins: Numbers = {}
    numbers: Numbers = {}
    for network, better, worse in found:
        errors = {row: outcome.errors[network, row, 0.0] for row in (better, worse)}
        margins[f"{network}, {better} against {worse}"] = errors[worse] - errors[better]
        numbers |= {f"{network}, {row}": error for row, error in errors.items()}
    return margins, numbers


def _gains(outcome: Outcome, places: Iterable[tuple[str, str, float]]) -> tuple[Numbers, Numbers]:
    """By how much each row that learns together lies below the network alone.

    Args:
      outcome: what one seed gave.
      places: what the names of the numbers begin with, the network, and the noise level.
    """
    margins: Numbers = {}
    numbers: Numbers = {}
    for begin, network, level in places:
        for row in outcome.together(network, level):
            margins[f"{begin}, {row}"] = outcome.gain((network, row, level))
            numbers |= {f"{begin}, {name}": outcome.errors[network, name, level] for name in (SINGLE, row)}
    return margins, numbers


def _better_than_alone(outcome: Outcome) -> tuple[Numbers, Numbers]:
    return _gains(outcome, ((network, network, 0.0) for network in outcome.networks(SINGLE)))


def _more_heads(outcome: Outcome) -> tuple[Numbers, Numbers]:
    return _lower(outcome, _found(outcome, (("4 instances", _TWO), (_HIERARCHICAL, _SHARED))))


def _sharing_lowers_errors(outcome: Outcome) -> tuple[Numbers, Numbers]:
    return _lower(outcome, _found(outcome, _SHARING))


def _sharing_costs_less(outcome: Outcome) -> tuple[Numbers, Numbers]:
    numbers: Numbers = {}
    for network, shared, apart in _found(outcome, _SHARING):
        for what, costs in outcome.costs.items():
            numbers[f"{network}, {shared}, {what}"] = costs[network, shared, 0.0] / costs[network, apart, 0.0]
    return {name: -math.log10(ratio) for name, ratio in numbers.items()}, numbers


def _simultaneous(outcome: Outcome) -> tuple[Numbers, Numbers]:
    margins: Numbers = {}
    numbers: Numbers = {}
    for network in outcome.networks(_SIMULTANEOUS, _ALTERNATING):
        gains = {row: outcome.gain((network, row, 0.0)) for row in (_SIMULTANEOUS, _ALTERNATING)}
        margins[network] = gains[_SIMULTANEOUS] - gains[_ALTERNATING] - _ADDITIONAL
        numbers |= {f"{network}, gain by {row}": gain for row, gain in gains.items()}
    return margins, numbers


def _warmer(outcome: Outcome) -> tuple[Numbers, Numbers]:
    margins, numbers = _lower(outcome, _found(outcome, ((_WARM, _SIMULTANEOUS),)))
    return {name: margin - _ADDITIONAL for name, margin in margins.items()}, numbers


def _rescaling(outcome: Outcome) -> tuple[Numbers, Numbers]:
    networks = outcome.networks(_RESCALED, *_OTHERS)
    return _lower(outcome, [(network, _RESCALED, other) for network in networks for other in _OTHERS])


def _robust(outcome: Outcome) -> tuple[Numbers, Numbers]:
    levels = outcome.levels(SINGLE)
    noisy = ((network, level) for network, own in levels.items() for level in own if level > 0)
    return _gains(outcome, ((f"{network}, {level:g} %", network, level) for network, level in noisy))


def _gains_more_with_noise(outcome: Outcome) -> tuple[Numbers, Numbers]:
    margins: Numbers = {}
    numbers: Numbers = {}
    for network, (low, *_, high) in outcome.levels(SINGLE).items():
        for row in outcome.together(network, high):
            if row in outcome.together(network, low) and high >= _LOW:
                gains = {level: outcome.gain((network, row, level)) for level in (low, high)}
                margins[f"{network}, {row}"] = gains[high] - gains[low]
                numbers |= {f"{network}, {row}, gain at {level:g} %": gain for level, gain in gains.items()}
    return margins, numbers


def _lowest_at_low_noise(outcome: Outcome) -> tuple[Numbers, Numbers]:
    margins: Numbers = {}
    numbers: Numbers = {}
    for network, levels in outcome.levels(SINGLE, _HIERARCHICAL, _TWO, _SHARED).items():
        for level in (level for level in levels if 0 < level < _LOW):
            errors = {row: outcome.errors[network, row, level] for row in (SINGLE, *outcome.together(network, level))}
            numbers |= {f"{network}, {level:g} %, {row}": error for row, error in errors.items()}
            own = errors.pop(_HIERARCHICAL)
            margins |= {f"{network}, {level:g} %, against {row}": error - own for row, error in errors.items()}
    return margins, numbers


def _worse_at_high_noise(outcome: Outcome) -> tuple[Numbers, Numbers]:
    margins: Numbers = {}
    numbers: Numbers = {}
    for network, levels in outcome.levels(_HIERARCHICAL, _TWO).items():
        if (level := levels[-1]) >= _LOW:
            errors = {row: outcome.errors[network, row, level] for row in (_HIERARCHICAL, _TWO)}
            margins[f"{network}, {level:g} %"] = errors[_HIERARCHICAL] - errors[_TWO]
            numbers |= {f"{network}, {level:g} %, {row}": value for row, value in errors.items()}
    return margins, numbers


_EACH = "for each network"

CLAIMS = (
    Claim(
        "table 1 (1)",
        "Networks learned together have a lower error than one learned alone",
        f"{_EACH}, the error of every row that learns together, without label noise, lies below that of the single "
        "instance",
        _better_than_alone,
        _CIFAR10,
    ),
    Claim(
        "table 1 (2)",
        "With a given training graph pattern, the more heads, the lower the error",
        f"{_EACH}, the error of 4 instances lies below that of 2, and that of 4 heads below that of 2 that share "
        "layers, of what was trained",
        _more_heads,
        _CIFAR10,
    ),
    Claim(
        "table 1 (3)",
        "Sharing layers reduces the error",
        f"{_EACH}, the error of heads that share layers lies below that of as many instances, of what was trained",
        _sharing_lowers_errors,
        _CIFAR10,
    ),
    Claim(
        "table 1 (4)",
        "Sharing layers reduces memory and time of training",
        f"{_EACH}, the training of heads that share layers takes less memory and less time than that of as many "
        "instances, of what was trained",
        _sharing_costs_less,
        _CIFAR10,
        ratios=True,
    ),
    Claim(
        "table 2 (1)",
        "Simultaneous optimization gains an additional 1 % over alternating one",
        f"{_EACH}, by two instances with T = 1, head 1 gains over the single network more than {_ADDITIONAL:g} point "
        "more if both learn at once",
        _simultaneous,
        _CIFAR100,
    ),
    Claim(
        "table 2 (2)",
        "T = 2 has another 1 % boost",
        f"{_EACH}, the error of two instances with T = 2 lies more than {_ADDITIONAL:g} point below that with T = 1",
        _warmer,
        _CIFAR100,
    ),
    Claim(
        "table 3",
        "Backpropagation rescaling outperforms no scaling and loss scaling",
        f"{_EACH}, the error of four heads on one trunk is lowest with backpropagation rescaling",
        _rescaling,
        _CIFAR10,
    ),
    Claim(
        "figure 3 (1)",
        "With noisy labels the errors of all that learn together are lower than the baseline",
        f"{_EACH}, the error of every row that learns together lies below that of the single instance at each level of "
        "label noise above 0",
        _robust,
        _CIFAR10,
    ),
    Claim(
        "figure 3 (2)",
        "The gain becomes larger at a considerably larger noise level",
        f"{_EACH} and every row that learns together, the gain over the single instance is larger at the highest level "
        f"of label noise, if that is at least {_LOW:g} %, than at the lowest",
        _gains_more_with_noise,
        _CIFAR10,
    ),
    Claim(
        "figure 3 (3)",
        "4 heads with hierarchical sharing have the lowest error at relatively low noise levels",
        f"{_EACH}, the error of 4 heads hierarchical lies below those of the single instance and of the other rows "
        f"that learn together, at each level of label noise above 0 and below {_LOW:g} %",
        _lowest_at_low_noise,
        _CIFAR10,
    ),
    Claim(
        "figure 3 (4)",
        "They seem worse at a high noise level, where diversity is more important",
        f"{_EACH}, the error of 4 heads hierarchical lies above that of 2 instances at the highest level of label "
        f"noise, if that is at least {_LOW:g} %",
        _worse_at_high_noise,
        _CIFAR10,
    ),
)


CLAIM_SET = ClaimSet(
    "Song and Chai (2018)",
    "which statements of Song and Chai (2018) hold",
    CLAIMS,
    outcomes_of,
    published,
    ("CIFAR10", "CIFAR100"),
    LEAST_SEEDS,
    "Margins are percentage points; those of memory and time are logarithms to base 10 of ratios (0.3: twice as much).",
)
