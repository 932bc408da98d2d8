"""What docs/RESULTS.md says of paths beside the author's, from the records of single runs and his file of curves."""

import csv
import lzma
import pickle

import numpy as np
import pytest
from scipy import stats

from analysis.documents import first_epoch_blocks, path_blocks
from committed_results import MODELS, REPOSITORY, cells

_ENDS = {"ST": "000", "M": "001", "Ens": "Ensemble"}


def _ours(model: str, records: str = "mnist-grid") -> dict[str, np.ndarray]:
    """Errors in % over the epochs, by what the pickles of a run call its method and weight."""
    found = {}
    for path in (REPOSITORY / "results/records" / records).glob(f"*/*/*_{_ENDS[model]}.pkl"):
        content = pickle.loads(path.read_bytes())
        params = content["params"]
        method = {"None": "plain", "cross_ent": "CE"}.get(params["collab_method"], params["collab_method"])
        name = method if method == "plain" else f"{method} {params['collab_weight']:g}"
        found[name] = np.round(100 * content["test_errors"], 4)
    return found


def _authors(model: str, dataset: str = "MNIST") -> dict[str, np.ndarray]:
    found: dict[str, list[float]] = {}
    with lzma.open(REPOSITORY / "analysis/reference/noel_2017_epochs.csv.xz", "rt") as file:
        for row in csv.DictReader(file):
            if (row["dataset"], row["model"]) == (dataset, model):
                name = "plain" if row["method"] == "Single" else f"{row['method']} {row['weight']}"
                found.setdefault(name, []).append(float(row["test_error"]))
    return {name: np.array(values) for name, values in found.items()}


def _ranks(model: str, records: str = "mnist-grid", dataset: str = "MNIST") -> dict[str, np.ndarray]:
    """Of each of our ensembles the rank after each epoch, as SciPy ranks it together with the author's."""
    ours, theirs = _ours(model, records), np.stack(list(_authors(model, dataset).values()))
    assert len(ours) == len(theirs) == 13
    return {
        name: np.array([stats.rankdata([one, *others])[0] for one, others in zip(curve, theirs.T, strict=True)])
        for name, curve in ours.items()
    }


def test_the_ranks_are_those_of_scipy() -> None:
    ranks = [_ranks(model) for model in MODELS]
    rows = list(cells("docs/RESULTS.md", r"\d+", 7))
    assert (rows[0][0], rows[-1][0]) == ("1", "30")
    for epoch, *numbers in rows:
        plain = [each["plain"][int(epoch) - 1] for each in ranks]
        means = [np.mean([curve[int(epoch) - 1] for curve in each.values()]) for each in ranks]
        assert [float(number) for number in numbers[:3]] == plain
        assert [float(number) for number in numbers[3:]] == pytest.approx(means, abs=0.05 + 1e-9)


@pytest.mark.parametrize(
    ("records", "results", "dataset"),
    [
        ("mnist-grid", "mnist", "MNIST"),
        ("mnist-author-h200", "mnist-author", "MNIST"),
        ("cifar10", "cifar10", "CIFAR10"),
    ],
)
def test_means_are_those_of_ensembles_of_the_same_name(records: str, results: str, dataset: str) -> None:
    text = " ".join(path_blocks.path_means(f"results/{results}/statistics.csv", dataset).split())
    gaps = [
        np.stack([curve - _authors(model, dataset)[name] for name, curve in _ours(model, records).items()], axis=1)
        for model in MODELS
    ]
    assert f"is {', '.join(f'{np.median(gap[3:]):+.2f}' for gap in gaps)} points" in text
    assert f"From epoch 15 on {', '.join(f'{100 * (gap[14:] > 0).mean():.0f}' for gap in gaps)} % of" in text
    lags = np.all([gap[:3].mean(axis=0) > 0 for gap in gaps], axis=0)
    assert f"In {lags.sum()} of the 13 ensembles the mean errors of all three over epochs 1 to 3 are above" in text
    if results == "mnist":
        names = [name for name, each in zip(_ours("Ens", records), lags, strict=True) if not each]
        assert sorted(names) == ["L1 0.1", "L1 1", "L2 0.1", "L2 1"]
    for span, epochs in (("1 to 3", slice(0, 3)), ("15 to 30", slice(14, 30))):
        means = [np.mean([curve[epochs] for curve in _ranks(model, records, dataset).values()]) for model in MODELS]
        assert f"in epochs {span} {', '.join(f'{mean:.1f}' for mean in means)}" in text


@pytest.mark.parametrize(("value", "expected"), [(0.5, 1), (1, 1.5), (2, 3), (2.5, 4), (9, 5)])
def test_a_rank_counts_equal_values_half(value: float, expected: float) -> None:
    assert path_blocks.rank(value, [1, 2, 2, 3]) == expected


def test_the_first_epoch_of_the_author_is_that_of_his_curves() -> None:
    curves = {
        name: curve for name, curve in _authors("Ens").items() if name not in ("L1 1", "L1 0.1", "L2 1", "L2 0.1")
    }
    first = [curve[0] for curve in curves.values()]
    block = first_epoch_blocks.first_epoch()
    assert "his 9 runs with no or weak collaboration, mean and range" in block
    assert f"{np.mean(first):.2f} ({min(first):.2f} to {max(first):.2f})" in block
    with (REPOSITORY / "benchmarks/results/first_epoch.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["program"] == "this project 0.1.0"]
    digest, author = (
        np.array([float(row["ens"]) for row in rows if row["order"] == order]) for order in ("digest", "author")
    )
    gaps = digest - author
    t = gaps.mean() / (gaps.std(ddof=1) / np.sqrt(len(gaps)))
    p = 2 * stats.t.sf(abs(t), len(gaps) - 1)
    assert (
        f"over {len(gaps)} seeds is {digest.mean():.2f} % in digest order and {author.mean():.2f} % in the author's "
        f"(paired t-test: p = {p:.2f})" in " ".join(first_epoch_blocks.orders().split())
    )


def test_first_epochs_on_a_gpu_are_those_of_the_records() -> None:
    with (REPOSITORY / "benchmarks/results/first_epoch.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["program"] == "this project on JAX in bfloat16"]
    assert [(row["order"], row["seed"]) for row in rows] == [("author", str(seed)) for seed in range(5)]
    for row in rows:
        for model, end in _ENDS.items():
            pattern = f"mnist-*h200/MNIST/*_ensemble-seed{row['seed']}-*/*_{end}.pkl"
            (path,) = (REPOSITORY / "results/records").glob(pattern)
            assert row[model.lower()] == f"{100 * pickle.loads(path.read_bytes())['test_errors'][0]:.2f}"
