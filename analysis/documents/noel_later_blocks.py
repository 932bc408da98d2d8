"""What the documents say of the later grids of Noel (2017): MNIST in the author's order, notMNIST, and CIFAR-10."""

import functools
import math
from collections.abc import Callable
from statistics import fmean, median

from analysis.documents.committed import markdown_rows, paragraph, rows, table
from analysis.documents.noel_blocks import (
    AUTHORS_ORDER,
    ERROR,
    MODELS,
    beside_the_paper,
    calibration_errors,
    cost_gaps,
    error_gaps,
    errors_of_seeds,
    minutes,
    mnist_errors,
    name,
)
from analysis.documents.path_blocks import author_paths, path_means, paths

_NOTMNIST = "results/notmnist-small"
_CIFAR10 = "results/cifar10"
_IN_ORDER = f"{AUTHORS_ORDER}/statistics.csv"
_PLAIN, _BEST = ("Single", "1"), ("L2", "0.01")


def _above_and_below(results: str) -> str:
    """How many errors are above the paper's and below, and their median difference."""
    gaps = error_gaps(results)
    return (
        f"{sum(gap > 0 for gap in gaps)} of {len(gaps)} errors are above the paper's, and "
        f"{sum(gap < 0 for gap in gaps)} below. The median difference is {median(gaps):+.2f} points."
    )


def _largest_gap(results: str) -> tuple[float, dict[str, str]]:
    """The error that lies farthest from the paper's, by how many points, and its row of the tables."""
    return max(zip(error_gaps(results), rows(f"{results}/tables.csv"), strict=True), key=lambda each: abs(each[0]))


def authors_order_gaps() -> str:
    """How far errors and costs lie from the paper's on the author's own images in his order."""
    gap, largest = _largest_gap(AUTHORS_ORDER)
    method, weight, model = largest["method"], largest["weight"], largest["model"]
    before = paths(_IN_ORDER, ERROR)[method, weight, model][-2]
    authors = author_paths("test_error")[(*_PLAIN, "M")]
    return paragraph(
        f"{_above_and_below(AUTHORS_ORDER)} Half of the costs lie within "
        f"{math.ceil(100 * median(cost_gaps(AUTHORS_ORDER)))} %.",
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


def cifar10_gaps() -> str:
    """How far errors on CIFAR-10 lie from the paper's."""
    gap, largest = _largest_gap(_CIFAR10)
    return paragraph(
        f"{_above_and_below(_CIFAR10)} The largest, {gap:+.2f} points, is that of {largest['model']} with "
        f"{name(largest['method'], largest['weight'])}. Half of the costs lie within "
        f"{math.ceil(100 * median(cost_gaps(_CIFAR10)))} %."
    )


def cifar10_best() -> str:
    """The ensemble with the lowest error of each model on CIFAR-10, ours and the paper's, beside the plain one."""
    parts = []
    for model in MODELS:
        own = [one for one in rows(f"{_CIFAR10}/tables.csv") if one["model"] == model]
        texts = []
        for column in (ERROR, f"paper_{ERROR}"):
            best = min(own, key=lambda one: float(one[column]))
            (plain,) = [one for one in own if one["method"] == "Single"]
            beside = "" if best is plain else f"; plain {float(plain[column]):.2f}"
            texts.append(f"{float(best[column]):.2f} ({name(best['method'], best['weight'])}{beside})")
        parts.append(f"{model} {texts[0]}, in the paper {texts[1]}")
    return paragraph(f"The lowest errors in %: {'. '.join(parts)}.")


def cifar10_time() -> str:
    """How long the runs on CIFAR-10 took."""
    _, _, least, most, _ = minutes(_CIFAR10)
    return paragraph(
        f"A run took {least:.0f} to {most:.0f} minutes, two or three at a time, on two cores that did other work, too. "
        "The author's files show 36 to 38 minutes an ensemble, on a K80 GPU."
    )


def cifar10_claims() -> str:
    """The verdict on each observation of the paper, by our runs on CIFAR-10 and by the author's."""
    lines = [cells[:3] for cells in markdown_rows(f"{_CIFAR10}/claims.md", "claim")]
    return table(["observation of the paper", "our runs", "the author's curves"], lines, words=3)


BLOCKS: dict[str, Callable[[], str]] = {
    "MNIST errors in the author's order": functools.partial(mnist_errors, AUTHORS_ORDER),
    "MNIST gaps in the author's order": authors_order_gaps,
    "MNIST path means in the author's order": functools.partial(path_means, _IN_ORDER),
    "CIFAR-10 errors": functools.partial(beside_the_paper, _CIFAR10, ERROR, 2),
    "CIFAR-10 gaps": cifar10_gaps,
    "CIFAR-10 path means": functools.partial(path_means, f"{_CIFAR10}/statistics.csv", "CIFAR10"),
    "CIFAR-10 claims": cifar10_claims,
    "CIFAR-10 best": cifar10_best,
    "CIFAR-10 time": cifar10_time,
    "notMNIST errors": functools.partial(errors_of_seeds, _NOTMNIST),
    "notMNIST changes": notmnist_changes,
}
