"""What the documents say of the first epoch on MNIST, in which moving averages of batch normalisation lag."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from statistics import fmean

from scipy import stats

from analysis.documents.committed import paragraph, rows, table
from analysis.documents.noel_blocks import MODELS
from analysis.documents.path_blocks import author_paths

_FILE = "benchmarks/results/first_epoch.csv"
_OURS = ("this project 0.1.0", "this project", "this project on JAX in bfloat16")
_ORDERS = {"author": "the author's", "digest": "digests"}
_STRONG = {(method, weight) for method in ("L1", "L2") for weight in ("1", "0.1")}
"""Collaboration that is strong enough to change the first epoch."""
_PLAIN = ("Single", "1")


def _found(program: str, order: str) -> Mapping[str, Mapping[str, float]]:
    """Errors in % by seed, then by model, of the runs in the file."""
    return {
        row["seed"]: {model: float(row[model.lower()] or "nan") for model in MODELS}
        for row in rows(_FILE)
        if (row["program"], row["order"]) == (program, order)
    }


def first_epoch() -> str:
    """Errors after the first epoch, of the author's runs and of ours."""
    paths = author_paths("test_error")
    weak = sorted({key[:2] for key in paths} - _STRONG)
    first = {model: [paths[(*setting, model)][0] for setting in weak] for model in MODELS}
    ranges = [f"{fmean(first[model]):.2f} ({min(first[model]):.2f} to {max(first[model]):.2f})" for model in MODELS]
    lines = [
        ["the author's plain run", _ORDERS["author"], *(f"{paths[(*_PLAIN, model)][0]:.2f}" for model in MODELS)],
        [f"his {len(weak)} runs with no or weak collaboration, mean and range", _ORDERS["author"], *ranges],
    ]
    for order, text in _ORDERS.items():
        (run,) = _found("TensorFlow 1.1.0", order).values()
        lines.append(["his program on TensorFlow 1.1.0", text, *(f"{run[model]:.2f}" for model in MODELS)])
    for program, (order, text) in itertools.product(_OURS, _ORDERS.items()):
        runs = _found(program, order)
        errors = [_listed(run[model] for run in runs.values()) for model in MODELS]
        lines += [[f"{program}, seeds {', '.join(runs)}", text, *errors]] if runs else []
    return table(["", "order of images", "ST", "M", "both together"], lines, words=2)


def author_lags() -> str:
    """How the author's plain run goes on after the first epoch."""
    paths = author_paths("test_error")
    member, both = (_listed(paths[(*_PLAIN, model)][1:4]) for model in ("M", "Ens"))
    return paragraph(
        "Weak collaboration is all but L1 and L2 with weights 1 and 0.1.",
        f"After epochs 2 to 4 the author's plain run has {member} % for M, and {both} % for both together.",
    )


def orders() -> str:
    """The two orders compared, seed by seed."""
    sentences = []
    for program in _OURS:
        author, digest = (_found(program, order) for order in _ORDERS)
        seeds = sorted(author.keys() & digest.keys())
        if len(seeds) > 1:
            pairs = [[runs[seed]["Ens"] for seed in seeds] for runs in (digest, author)]
            sentences.append(
                f"With {program} the mean over {len(seeds)} seeds is {fmean(pairs[0]):.2f} % in digest order and "
                f"{fmean(pairs[1]):.2f} % in the author's (paired t-test: p = {stats.ttest_rel(*pairs).pvalue:.2f})."
            )
    return paragraph(*sentences)


def _listed(errors: Iterable[float]) -> str:
    """Errors as text; empty if none is known."""
    texts = ["?" if math.isnan(error) else f"{error:.2f}" for error in errors]
    return ", ".join(texts) if {*texts} != {"?"} else ""


BLOCKS: dict[str, Callable[[], str]] = {
    "first epoch": first_epoch,
    "first epoch of the author": author_lags,
    "first epoch orders": orders,
}
