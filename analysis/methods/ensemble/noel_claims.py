"""The observations of Noel (2017), section 6.1, as statements that can be computed.

Texts and numbers are those of the final text; what it says elsewhere, and what only an earlier draft says, stands in
`noel_further_claims`. The draft counts the sixth observation as the sixth on L2.

Each claim is one or more margins that are all positive where it holds, computed for each seed from the final test
errors (in percent) or from the curves over the epochs. `analysis.claims` holds them against data.

Nothing is chosen by the numbers that it is then judged by, where that can be had: what is best of several settings is
chosen on one half of the seeds and judged on the other, and with one seed on that seed, as in the paper, which
flatters. Likewise a claim on each of several things has a margin for each, since the smallest of noisy numbers lies
too low and the largest too high.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import stats

from analysis.claim import NOISE, Claim, ClaimSet, Numbers
from analysis.methods.ensemble.claim_grid import PLAIN_SETTING, Grid, grids_of, published
from analysis.methods.ensemble.noel_further_claims import FURTHER
from analysis.methods.ensemble.noel_rows import METHODS as _METHODS
from analysis.methods.ensemble.noel_rows import Setting

LEAST_SEEDS = 8
_SMALLER = (0.1, 0.01, 0.0001)
_WEIGHTS = (1.0, *_SMALLER)
_MEMBERS = ("ST", "M")
_OUTPUTS = (*_MEMBERS, "Ens")
_FAVOURITE = ("L2", 0.01)
_SIMILAR = 0.1
"""Training errors count as very similar if they differ by less than this share of the plain one, ..."""
_LEAST_SIMILAR = 0.05
"""... or by less than so many percentage points."""


def _settings(methods: Iterable[str], weights: Iterable[float]) -> list[Setting]:
    return list(itertools.product(methods, weights))


def _compare_members(grid: Grid, settings: Iterable[Setting]) -> tuple[int, int, Numbers]:
    """How many collaborating members are better than their plain counterparts, and how many worse."""
    gains = [grid.gain(setting, member) for setting in settings for member in _MEMBERS]
    better, worse = (sum(sign * gain > NOISE for gain in gains) for sign in (1, -1))
    return better, worse, {f"of {len(gains)} collaborating members better": better, "worse": worse}


def _more_improve_than_not(grid: Grid, weights: Sequence[float]) -> tuple[Numbers, Numbers]:
    better, worse, numbers = _compare_members(grid, _settings(_METHODS, weights))
    return {"better less worse": better - worse}, numbers


def _at_least_two_improve(grid: Grid) -> tuple[Numbers, Numbers]:
    better, _, numbers = _compare_members(grid, _settings(_METHODS, _WEIGHTS))
    return {"better less 1.5": better - 1.5}, numbers


def _approximates(grid: Grid, member: str, goal: str) -> tuple[Numbers, Numbers]:
    plain = grid.errors[PLAIN_SETTING]
    best = plain[member] - grid.best_gain(_settings(_METHODS, _WEIGHTS), (member,))
    margins = {
        f"best {member} below the middle": (plain[member] + plain[goal]) / 2 - best,
        f"plain {member} less plain {goal}": plain[member] - plain[goal],
    }
    numbers = {f"plain {model}": plain[model] for model in (member, goal)}
    return margins, numbers | {f"best collaborating {member}": best}


def _ensemble_beats_members(grid: Grid) -> tuple[Numbers, Numbers]:
    errors = grid.errors[PLAIN_SETTING]
    margins = {f"{member} less Ens": errors[member] - errors["Ens"] for member in _MEMBERS}
    return margins, {f"plain {model}": errors[model] for model in errors}


def _every_method_improves(grid: Grid) -> tuple[Numbers, Numbers]:
    gains = {method: grid.best_gain(_settings([method], _SMALLER), ("ST",), ("M",)) for method in _METHODS}
    return gains, {f"plain {member}": grid.errors[PLAIN_SETTING][member] for member in _MEMBERS}


def _cross_entropy_likes_one(grid: Grid) -> tuple[Numbers, Numbers]:
    mean = {weight: float(np.mean(list(grid.errors["CE", weight].values()))) for weight in _WEIGHTS}
    others = float(np.median([mean[weight] for weight in _SMALLER]))
    numbers = {"mean error at weight 1": mean[1.0], "median of the smaller weights": others}
    return {"below": others - mean[1.0]}, numbers


def _distances_like_less(grid: Grid) -> tuple[Numbers, Numbers]:
    margins = {
        method: grid.best_gain(_settings([method], _SMALLER), _OUTPUTS) - grid.gain((method, 1.0), *_OUTPUTS)
        for method in ("L1", "L2")
    }
    return margins, {
        f"{method}: mean error at weight 1": float(np.mean(list(grid.errors[method, 1.0].values())))
        for method in margins
    }


def _ensembles_like_less(grid: Grid) -> tuple[Numbers, Numbers]:
    numbers = {}
    for method in _METHODS:
        ranks = _ranks([grid.errors[method, weight]["Ens"] for weight in _WEIGHTS])
        # Without any difference there is no order.
        numbers[f"rank correlation for {method}"] = (
            float(stats.spearmanr(_WEIGHTS, ranks).statistic) if ranks.any() else 0.0
        )
    return {"correlation": float(np.mean(list(numbers.values())))}, numbers


def _ranks(errors: Sequence[float]) -> np.ndarray:
    """The ranks of errors, from 0; those apart by noise alone have the same."""
    ordered = np.sort(errors)
    steps = np.cumsum(np.diff(ordered, prepend=ordered[0]) > NOISE)
    return np.asarray(steps[np.searchsorted(ordered, errors)])


def _loose_ensembles_beat_plain(grid: Grid) -> tuple[Numbers, Numbers]:
    plain = grid.errors[PLAIN_SETTING]["Ens"]
    loose = float(np.mean([grid.errors[method, 0.0001]["Ens"] for method in _METHODS]))
    return {"below": plain - loose}, {"plain Ens": plain, "Ens with weight 0.0001, mean of the methods": loose}


def _roughness(grid: Grid, setting: Setting) -> float:
    """The mean absolute second difference of the test errors of ST and M, in percentage points."""
    curves = [grid.path(setting, member) for member in _MEMBERS]
    if len(curves[0]) < 3:
        raise KeyError("fewer than three epochs")
    return float(np.mean([np.abs(np.diff(curve, 2)).mean() for curve in curves]))


def _smoother(grid: Grid) -> tuple[Numbers, Numbers]:
    plain, ours = _roughness(grid, PLAIN_SETTING), _roughness(grid, _FAVOURITE)
    return {"smoother": plain - ours}, {"roughness, plain": plain, "roughness, L2 0.01": ours}


def _better_at_the_end(grid: Grid) -> tuple[Numbers, Numbers]:
    gains = {f"gain of {model}": grid.gain(_FAVOURITE, model) for model in _OUTPUTS}
    return {"gain": grid.gain(_FAVOURITE, *_OUTPUTS)}, gains


def _overfits_less(grid: Grid) -> tuple[Numbers, Numbers]:
    def rise(setting: Setting) -> float:
        curves = [grid.path(setting, member) for member in _MEMBERS]
        return float(np.mean([curve[-1] - curve.min() for curve in curves]))

    plain, ours = rise(PLAIN_SETTING), rise(_FAVOURITE)
    return {"rises less": plain - ours}, {"rise since the best epoch, plain": plain, "rise, L2 0.01": ours}


def _same_training_better_test(grid: Grid) -> tuple[Numbers, Numbers]:
    def training(setting: Setting) -> float:
        return float(np.mean([grid.curves[setting][member]["TrainError"].iloc[-1] for member in _MEMBERS]))

    plain, ours = training(PLAIN_SETTING), training(_FAVOURITE)
    gain = grid.gain(_FAVOURITE, *_MEMBERS)
    numbers = {"training error, plain": plain, "training error, L2 0.01": ours, "mean gain on the test set": gain}
    similarity = max(_SIMILAR * plain, _LEAST_SIMILAR) - abs(plain - ours)
    return {"gain on the test set": gain, "allowed less actual difference in training": similarity}, numbers


def _members_are_alike(grid: Grid) -> tuple[Numbers, Numbers]:
    plain, ours = (
        abs(grid.errors[setting]["ST"] - grid.errors[setting]["M"]) for setting in (PLAIN_SETTING, _FAVOURITE)
    )
    return {"more alike": plain - ours}, {"between ST and M, plain": plain, "between ST and M, L2 0.01": ours}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "6.1 (1a)",
        "Collaborating models usually outperform those trained apart",
        "of the 24 collaborating members more have a lower final test error than their plain counterpart than have a "
        "higher one",
        functools.partial(_more_improve_than_not, weights=_WEIGHTS),
    ),
    Claim(
        "6.1 (1b)",
        "At least 2 of them do on every data set",
        "at least 2 of the 24 have a lower final test error, which chance alone is likely to give",
        _at_least_two_improve,
    ),
    Claim(
        "6.1 (2)",
        "A collaborating ST can approximate a plain M",
        "plain M lies below plain ST, and the best collaborating ST below the middle between the two",
        functools.partial(_approximates, member="ST", goal="M"),
        chooses=True,
    ),
    Claim(
        "6.1 (3a)",
        "Plain ensembles outperform each of their members",
        "plain Ens lies below plain ST and plain M",
        _ensemble_beats_members,
    ),
    Claim(
        "6.1 (3b)",
        "A collaborating M closely approximates the plain ensemble",
        "plain Ens lies below plain M, and the best collaborating M below the middle between the two",
        functools.partial(_approximates, member="M", goal="Ens"),
        chooses=True,
    ),
    Claim(
        "6.1 (4a)",
        "All three methods yield improvements if the weight is not too large",
        "with each method ST or M improves on its plain counterpart for a weight below 1",
        _every_method_improves,
        chooses=True,
    ),
    Claim(
        "6.1 (4b)",
        "Even very small weights often help",
        "with weight 0.0001 more members have a lower error than their plain counterpart than have a higher one",
        functools.partial(_more_improve_than_not, weights=[0.0001]),
    ),
    Claim(
        "6.1 (5a)",
        "Cross-entropy does well with weights of about 1",
        "with CE the mean error of ST, M and Ens at weight 1 lies below the median of the smaller weights",
        _cross_entropy_likes_one,
    ),
    Claim(
        "6.1 (5b)",
        "L2 and L1 do well with smaller weights",
        "with L1 and with L2 the mean error of ST, M and Ens is lower for some weight below 1 than at 1",
        _distances_like_less,
        chooses=True,
    ),
    Claim(
        "6.1 (6a)",
        "Collaborating ensembles improve as the collaboration weakens",
        "the rank correlation of weight and error of Ens is positive on average over the methods",
        _ensembles_like_less,
    ),
    Claim(
        "6.1 (6b)",
        "Weakly collaborating ensembles outperform the plain one",
        "with weight 0.0001 the mean error of Ens over the methods lies below plain Ens",
        _loose_ensembles_beat_plain,
    ),
    Claim(
        "L2 (1)",
        "Learning curves are smoother",
        "the test errors of ST and M have smaller second differences than plain ones on average over all epochs, of "
        "which the first ones, where errors fall fast, weigh most",
        _smoother,
    ),
    Claim(
        "L2 (2)",
        "Smoother curves lead to better final results",
        "the final test errors of ST, M and Ens are lower on average than plain ones",
        _better_at_the_end,
        ("MNIST",),
    ),
    Claim(
        "L2 (3)",
        "Members are more resistant to overfitting",
        "the test errors of ST and M rise less from their best epoch to the last one than plain ones, as less noise in "
        "the curves alone makes them do too",
        _overfits_less,
        ("notMNIST",),
    ),
    Claim(
        "L2 (4)",
        "Training errors are very similar, yet test errors are lower",
        f"final training errors differ by less than {_SIMILAR:.0%} or {_LEAST_SIMILAR} points, and the members' test "
        "errors are lower on average",
        _same_training_better_test,
        ("CIFAR10",),
    ),
    Claim(
        "L2 (5)",
        "The members perform more alike",
        "the final test errors of ST and M differ less than plain ones",
        _members_are_alike,
    ),
)


CLAIM_SET = ClaimSet(
    "Noel (2017)",
    "which observations of Noel (2017) hold",
    (*CLAIMS, *FURTHER),
    grids_of,
    published,
    ("MNIST", "notMNIST", "CIFAR10"),
    LEAST_SEEDS,
)
