"""The observations of Noel (2017), section 6.1, as statements that can be computed.

Each claim is a margin that is positive where it holds, computed for each seed from the final test errors
(in percent) or from the curves over the epochs. `analysis.claims` holds them against data.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from analysis.frame import PLAIN

_METHODS = ("CE", "L1", "L2")
_SMALLER = (0.1, 0.01, 0.0001)
_MEMBERS = ("ST", "M")
_PLAIN = (PLAIN, 1.0)
_FAVOURITE = ("L2", 0.01)
_SIMILAR = 0.1
"""Training errors count as very similar if they differ by less than this share of the plain one, ..."""
_LEAST_SIMILAR = 0.05
"""... or by less than so many percentage points."""

Setting = tuple[str, float]
Numbers = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Grid:
    """What one seed gave.

    Attributes:
      errors: final test errors in percent by method and weight, then by ST, M and Ens.
      curves: the statistics over the epochs likewise; empty where only final values are known.
    """

    errors: Mapping[Setting, Mapping[str, float]]
    curves: Mapping[Setting, Mapping[str, pd.DataFrame]] = dataclasses.field(default_factory=dict)

    def collaborating(self, model: str) -> float:
        """The lowest error of a model over all methods and weights, and so a flattering one."""
        return min(self.errors[method, weight][model] for method in _METHODS for weight in (1.0, *_SMALLER))

    def gain(self, setting: Setting, model: str) -> float:
        """By how much collaboration lowers a model's error."""
        return self.errors[_PLAIN][model] - self.errors[setting][model]


@dataclasses.dataclass(frozen=True)
class Claim:
    """One observation.

    Attributes:
      name: the paper's number: `6.1 (2)`, or `L2 (1)` for those on L2 with weight 0.01.
      text: the observation in short.
      statement: what is computed; the claim holds where this is so.
      margin: from one seed's grid the margin and the numbers behind it; KeyError where some are missing.
      dataset: the data set that the paper says it of, or None for all.
    """

    name: str
    text: str
    statement: str
    margin: Callable[[Grid], tuple[float, Numbers]]
    dataset: str | None = None


def _at_least_two_improve(grid: Grid) -> tuple[float, Numbers]:
    settings = [(method, weight) for method in _METHODS for weight in (1.0, *_SMALLER)]
    better = sum(grid.gain(setting, member) > 0 for setting in settings for member in _MEMBERS)
    return better - 1, {"of 24 collaborating members better than their counterpart": better}


def _thin_approximates_medium(grid: Grid) -> tuple[float, Numbers]:
    thin, medium, best = grid.errors[_PLAIN]["ST"], grid.errors[_PLAIN]["M"], grid.collaborating("ST")
    return (thin + medium) / 2 - best, {"plain ST": thin, "plain M": medium, "best collaborating ST": best}


def _ensemble_beats_members(grid: Grid) -> tuple[float, Numbers]:
    errors = grid.errors[_PLAIN]
    return min(errors["ST"], errors["M"]) - errors["Ens"], {f"plain {model}": errors[model] for model in errors}


def _medium_approximates_ensemble(grid: Grid) -> tuple[float, Numbers]:
    medium, ensemble, best = grid.errors[_PLAIN]["M"], grid.errors[_PLAIN]["Ens"], grid.collaborating("M")
    return (medium + ensemble) / 2 - best, {"plain M": medium, "plain Ens": ensemble, "best collaborating M": best}


def _every_method_improves(grid: Grid) -> tuple[float, Numbers]:
    best = {
        f"best gain of {method}": max(grid.gain((method, weight), member) for weight in _SMALLER for member in _MEMBERS)
        for method in _METHODS
    }
    return min(best.values()), best


def _tiny_weights_improve(grid: Grid) -> tuple[float, Numbers]:
    gains = [grid.gain((method, 0.0001), member) for method in _METHODS for member in _MEMBERS]
    better = sum(gain > 0 for gain in gains)
    return better / len(gains) - 0.5, {"of 6 members better with weight 0.0001": better}


def _cross_entropy_likes_one(grid: Grid) -> tuple[float, Numbers]:
    mean = {weight: float(np.mean(list(grid.errors["CE", weight].values()))) for weight in (1.0, *_SMALLER)}
    others = float(np.median([mean[weight] for weight in _SMALLER]))
    return others - mean[1.0], {"mean error at weight 1": mean[1.0], "median of the smaller weights": others}


def _distances_like_less(grid: Grid) -> tuple[float, Numbers]:
    numbers = {}
    for method in ("L1", "L2"):
        mean = {weight: float(np.mean(list(grid.errors[method, weight].values()))) for weight in (1.0, *_SMALLER)}
        numbers[f"{method}: mean error at weight 1 less the best of the smaller"] = mean[1.0] - min(
            mean[weight] for weight in _SMALLER
        )
    return min(numbers.values()), numbers


def _ensembles_like_less(grid: Grid) -> tuple[float, Numbers]:
    weights = (1.0, *_SMALLER)
    numbers = {}
    for method in _METHODS:
        errors = [grid.errors[method, weight]["Ens"] for weight in weights]
        # Without any difference there is no order.
        numbers[f"rank correlation for {method}"] = (
            float(stats.spearmanr(weights, errors).statistic) if len(set(errors)) > 1 else 0.0
        )
    return float(np.mean(list(numbers.values()))), numbers


def _loose_ensembles_beat_plain(grid: Grid) -> tuple[float, Numbers]:
    plain = grid.errors[_PLAIN]["Ens"]
    loose = float(np.mean([grid.errors[method, 0.0001]["Ens"] for method in _METHODS]))
    return plain - loose, {"plain Ens": plain, "Ens with weight 0.0001, mean of the methods": loose}


def _roughness(grid: Grid, setting: Setting) -> float:
    """The mean absolute second difference of the test errors of ST and M, in percentage points."""
    curves = [grid.curves[setting][member]["TestError"].to_numpy() for member in _MEMBERS]
    if len(curves[0]) < 3:
        raise KeyError("fewer than three epochs")
    return float(np.mean([np.abs(np.diff(curve, 2)).mean() for curve in curves]))


def _smoother(grid: Grid) -> tuple[float, Numbers]:
    plain, ours = _roughness(grid, _PLAIN), _roughness(grid, _FAVOURITE)
    return plain - ours, {"roughness, plain": plain, "roughness, L2 0.01": ours}


def _better_at_the_end(grid: Grid) -> tuple[float, Numbers]:
    gains = {f"gain of {model}": grid.gain(_FAVOURITE, model) for model in (*_MEMBERS, "Ens")}
    return float(np.mean(list(gains.values()))), gains


def _overfits_less(grid: Grid) -> tuple[float, Numbers]:
    def rise(setting: Setting) -> float:
        curves = [grid.curves[setting][member]["TestError"] for member in _MEMBERS]
        return float(np.mean([curve.iloc[-1] - curve.min() for curve in curves]))

    plain, ours = rise(_PLAIN), rise(_FAVOURITE)
    return plain - ours, {"rise since the best epoch, plain": plain, "rise, L2 0.01": ours}


def _same_training_better_test(grid: Grid) -> tuple[float, Numbers]:
    def training(setting: Setting) -> float:
        return float(np.mean([grid.curves[setting][member]["TrainError"].iloc[-1] for member in _MEMBERS]))

    plain, ours = training(_PLAIN), training(_FAVOURITE)
    gain = float(np.mean([grid.gain(_FAVOURITE, member) for member in _MEMBERS]))
    numbers = {"training error, plain": plain, "training error, L2 0.01": ours, "mean gain on the test set": gain}
    return min(gain, max(_SIMILAR * plain, _LEAST_SIMILAR) - abs(plain - ours)), numbers


def _members_are_alike(grid: Grid) -> tuple[float, Numbers]:
    plain, ours = (abs(grid.errors[setting]["ST"] - grid.errors[setting]["M"]) for setting in (_PLAIN, _FAVOURITE))
    return plain - ours, {"between ST and M, plain": plain, "between ST and M, L2 0.01": ours}


CLAIMS = (
    Claim(
        "6.1 (1)",
        "Collaborating models usually outperform those trained apart",
        "at least 2 of the 24 collaborating members have a lower final test error than their plain counterpart",
        _at_least_two_improve,
    ),
    Claim(
        "6.1 (2)",
        "A collaborating ST can approximate a plain M",
        "the best collaborating ST lies below the middle between plain ST and plain M",
        _thin_approximates_medium,
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
        "the best collaborating M lies below the middle between plain M and plain Ens",
        _medium_approximates_ensemble,
    ),
    Claim(
        "6.1 (4a)",
        "All three methods yield improvements if the weight is not too large",
        "with each method ST or M improves on its plain counterpart for a weight below 1",
        _every_method_improves,
    ),
    Claim(
        "6.1 (4b)",
        "Even very small weights often help",
        "with weight 0.0001 more than half of the members improve on their plain counterparts",
        _tiny_weights_improve,
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
        "the test errors of ST and M have smaller second differences than plain ones",
        _smoother,
    ),
    Claim(
        "L2 (2)",
        "Smoother curves lead to better final results",
        "the final test errors of ST, M and Ens are lower on average than plain ones",
        _better_at_the_end,
        "MNIST",
    ),
    Claim(
        "L2 (3)",
        "Members are more resistant to overfitting",
        "the test errors of ST and M rise less from their best epoch to the last one than plain ones",
        _overfits_less,
        "notMNIST",
    ),
    Claim(
        "L2 (4)",
        "Training errors are very similar, yet test errors are lower",
        f"final training errors differ by less than {_SIMILAR:.0%} or {_LEAST_SIMILAR} points, and the members' test "
        "errors are lower on average",
        _same_training_better_test,
        "CIFAR10",
    ),
    Claim(
        "L2 (5)",
        "The members perform more alike",
        "the final test errors of ST and M differ less than plain ones",
        _members_are_alike,
    ),
)
