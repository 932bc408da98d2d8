"""What the documents say of the paths of the 13 ensembles beside those of the author's own 13."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

import numpy as np

from analysis.documents.committed import paragraph, rows, table
from analysis.documents.noel_blocks import MODELS, SETTINGS

_OURS, _AUTHORS = "results/mnist/statistics.csv", "analysis/reference/noel_2017_epochs.csv.xz"
_SHOWN = (1, 2, 3, 4, 5, 8, 10, 14, 15, 20, 23, 25, 28, 30)
"""Epochs of the table; at 15, 23 and 28 the learning rate is halved."""

Paths = Mapping[tuple[str, str, str], Sequence[float]]
"""A statistic after each epoch, by method, weight and model."""


def rank(value: float, others: Sequence[float]) -> float:
    """The place of a value among others, 1 if it is below all of them; an equal one counts half."""
    return 1 + sum(other < value for other in others) + sum(other == value for other in others) / 2


def paths(path: str, statistic: str, dataset: str = "") -> Paths:
    """A statistic of every epoch in a CSV file; of one data set where the file has several."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in rows(path):
        if row.get("dataset", "") == dataset:
            found.setdefault((row["method"], row["weight"], row["model"]), []).append(round(float(row[statistic]), 4))
    return found


def ranks(ours: Paths, authors: Paths, model: str, epoch: int) -> list[float]:
    """Of each of our ensembles the rank of a model among the author's ensembles after an epoch, from 1."""
    theirs = [authors[(*setting, model)][epoch - 1] for setting in SETTINGS]
    return [rank(ours[(*setting, model)][epoch - 1], theirs) for setting in SETTINGS]


def author_paths(statistic: str, dataset: str = "MNIST") -> Paths:
    """A statistic of the author's 13 ensembles on a data set."""
    return paths(_AUTHORS, statistic, dataset)


def _both(ours: str = _OURS, dataset: str = "MNIST") -> tuple[Paths, Paths]:
    return paths(ours, "test_error_percent"), author_paths("test_error", dataset)


def mnist_paths() -> str:
    """Ranks of our errors among the author's, after some epochs."""
    ours, authors = _both()
    lines = []
    for epoch in _SHOWN:
        each = [ranks(ours, authors, model, epoch) for model in MODELS]
        lines.append(
            [str(epoch), *(f"{found[0]:g}" for found in each), *(f"{fmean(found):.1f}" for found in each)],
        )
    return table(["epoch", "plain: ST", "M", "both together", "all 13: ST", "M", "both together"], lines)


def path_means(statistics: str = _OURS, dataset: str = "MNIST") -> str:
    """Means of these ranks over many epochs, in sentences."""
    ours, authors = _both(statistics, dataset)
    spans = {"1 to 3": range(1, 4), "4 to 14": range(4, 15), "15 to 30": range(15, 31)}
    parts = []
    for span, epochs in spans.items():
        means = [fmean(fmean(ranks(ours, authors, model, epoch)) for epoch in epochs) for model in MODELS]
        parts.append(f"in epochs {span} {', '.join(f'{mean:.1f}' for mean in means)}")
    first = np.array([_gaps(ours, authors, model)[:3].mean(axis=0) for model in MODELS])
    gaps = [f"{median(_gaps(ours, authors, model)[3:].ravel()):+.2f}" for model in MODELS]
    above = [f"{100 * (_gaps(ours, authors, model)[14:] > 0).mean():.0f}" for model in MODELS]
    return paragraph(
        f"The mean rank of all 13 (ST, M, both together) is {'; '.join(parts)}.",
        f"In {(first > 0).all(axis=0).sum()} of the 13 ensembles the mean errors of all three over epochs 1 to 3 are "
        "above those of the author's ensemble of the same name.",
        f"From epoch 4 on the median difference of an ensemble to his is {', '.join(gaps)} points.",
        f"From epoch 15 on {', '.join(above)} % of our errors are above his.",
    )


def _gaps(ours: Paths, authors: Paths, model: str) -> np.ndarray:
    """Our errors less those of the author's ensembles of the same names, [epochs, ensembles]."""
    return np.array([np.subtract(ours[(*setting, model)], authors[(*setting, model)]) for setting in SETTINGS]).T


BLOCKS: dict[str, Callable[[], str]] = {
    "MNIST paths": mnist_paths,
    "MNIST path means": path_means,
}
