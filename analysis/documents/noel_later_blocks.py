"""What the documents say of the later grids of Noel (2017): MNIST in the author's order, notMNIST, and CIFAR-10."""

import functools
import math
from collections.abc import Callable
from statistics import fmean, median

from analysis.documents.committed import paragraph, rows
from analysis.documents.noel_blocks import (
    AUTHORS_ORDER,
    ERROR,
    MODELS,
    SETTINGS,
    beside_the_paper,
    calibration_errors,
    cost_gaps,
    error_gaps,
    errors_of_seeds,
    mnist_errors,
    name,
)
from analysis.documents.path_blocks import author_paths, mnist_path_means, paths

_NOTMNIST = "results/notmnist-small"
_CIFAR10 = "results/records/cifar10"
_IN_ORDER = f"{AUTHORS_ORDER}/statistics.csv"
_PLAIN, _BEST = ("Single", "1"), ("L2", "0.01")


def authors_order_gaps() -> str:
    """How far errors and costs lie from the paper's on the author's own images in his order."""
    found, gaps = rows(f"{AUTHORS_ORDER}/tables.csv"), error_gaps(AUTHORS_ORDER)
    gap, largest = max(zip(gaps, found, strict=True), key=lambda each: abs(each[0]))
    method, weight, model = largest["method"], largest["weight"], largest["model"]
    before = paths(_IN_ORDER, ERROR)[method, weight, model][-2]
    authors = author_paths("test_error")[(*_PLAIN, "M")]
    return paragraph(
        f"{sum(gap > 0 for gap in gaps)} of {len(gaps)} errors are above the paper's, and "
        f"{sum(gap < 0 for gap in gaps)} below. The median difference is {median(gaps):+.2f} points. Half of the costs "
        f"lie within {math.ceil(100 * median(cost_gaps(AUTHORS_ORDER)))} %.",
        f"The largest difference, {gap:+.2f} points, is that of {model} with {name(method, weight)}. One epoch earlier "
        f"it has {before:.2f} %. The author's plain M has {authors[-2]:.2f} % one epoch before its end, and "
        f"{authors[-1]:.2f} at the end.",
    )


def in_a_sentence() -> str:
    """How far errors lie from the paper's, for the first page."""
    gaps = error_gaps(AUTHORS_ORDER)
    return (
        f"With the author's images in his order, in bfloat16 on a GPU, errors differ from the paper's by "
        f"{median(gaps):+.2f} points in the median, and by {max(gaps, key=abs):+.2f} at most."
    )


def notmnist_changes() -> str:
    """What L2 with weight 0.01 changes on notMNIST."""
    statistics = rows(f"{_NOTMNIST}/statistics.csv")
    seeds = sorted({one["seed"] for one in statistics})
    # Of the epochs of a run, the last one stays.
    ends = {(one["method"], one["weight"], one["model"], one["seed"]): float(one[ERROR]) for one in statistics}
    parts = []
    for model in MODELS:
        changes = [ends[(*_BEST, model, seed)] - ends[(*_PLAIN, model, seed)] for seed in seeds]
        parts.append(f"{fmean(changes):+.2f} ({min(changes):+.2f} to {max(changes):+.2f})")
    errors = calibration_errors(_NOTMNIST)
    return paragraph(
        f"L2 with 0.01 changes the final errors of the plain ensemble by {', '.join(parts)} points (ST, M, both "
        f"together; mean and range of {len(seeds)} seeds).",
        f"The expected calibration error of both together is {errors['L2 0.01']:.1f} % instead of "
        f"{errors['plain']:.1f} %.",
    )


def cifar10_errors() -> str:
    """Errors on CIFAR-10 beside those of the paper, of the ensembles that are trained."""
    trained = {(one["method"], one["weight"]) for one in rows(f"{_CIFAR10}/tables.csv")}
    return beside_the_paper(_CIFAR10, ERROR, 2, [setting for setting in SETTINGS if setting in trained])


def cifar10_gaps() -> str:
    """How many ensembles are trained on CIFAR-10, and how far their errors lie from the paper's."""
    gaps = error_gaps(_CIFAR10)
    return paragraph(
        f"{len(gaps) // len(MODELS)} of {len(SETTINGS)} ensembles are trained. Of their {len(gaps)} errors "
        f"{sum(gap > 0 for gap in gaps)} are above the paper's, and {sum(gap < 0 for gap in gaps)} below. The median "
        f"difference is {median(gaps):+.2f} points, the largest {max(gaps, key=abs):+.2f}."
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "MNIST errors in the author's order": functools.partial(mnist_errors, AUTHORS_ORDER),
    "MNIST gaps in the author's order": authors_order_gaps,
    "MNIST path means in the author's order": functools.partial(mnist_path_means, _IN_ORDER),
    "CIFAR-10 errors": cifar10_errors,
    "CIFAR-10 gaps": cifar10_gaps,
    "notMNIST errors": functools.partial(errors_of_seeds, _NOTMNIST),
    "notMNIST changes": notmnist_changes,
}
