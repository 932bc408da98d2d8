"""What the documents say of heads, distillation, feature differences and snapshots, and of speed."""

import functools
from collections.abc import Callable
from statistics import fmean, median

from analysis.documents.committed import benchmark, paragraph, row, rows, table

_HEADS, _FIRST_FDL = "results/demos/heads.csv", "results/demos/fdl.csv"
_FDL, _FDL_SHORT = "results/fdl-mnist/tables.csv", "results/fdl-6000/tables.csv"
_SONG_CHAI = "analysis/reference/song_chai_2018.csv"
_DAS = "analysis/reference/das_2022.csv"
_NOISE = ", label_noise 0.4"
_FILTERS = tuple(2**power for power in range(1, 9))
_ARRANGEMENTS = ("single", "2 instances", "2 heads simple", "4 heads hierarchical")


def _heads_error(arrangement: str, model: str = "head1", noise: str = "") -> str:
    """Error in the demonstration of heads; empty where there is no such output."""
    found = [one for one in rows(_HEADS) if _is(one, f"resnet20, {arrangement}{noise}", model)]
    return _number(found[0]["test_error_percent"]) if found else ""


def fdl_seeds() -> str:
    """How many seeds the one-layer networks were trained with."""
    return rows(_FDL)[0]["seeds"]


def fdl_in_short() -> str:
    """The one-layer networks, for the first page."""
    return (
        f"MNIST, {fdl_seeds()} seeds: on average better than one network for {fdl_wins()} of {len(_FILTERS)} sizes; "
        f"by best epochs for {fdl_wins(best=True)}"
    )


def fdl_wins(best: bool = False) -> int:
    """For how many numbers of filters two networks with FDL have a lower mean error than one network."""
    return sum(float(_fdl_error(filters, 2, best)) < float(_fdl_error(filters, 1, best)) for filters in _FILTERS)


def _fdl_error(filters: int, networks: int, best: bool) -> str:
    """Mean error of one network of `filters` filters, or of `networks` of half as many trained with FDL."""
    name = f"fdlnet{filters}, single" if networks == 1 else f"fdlnet{filters // 2}, 2 x FDL"
    return _number(_together(name, _FDL)[_column(best)])


def _together(arrangement: str, path: str) -> dict[str, str]:
    """The row of all networks of an arrangement together."""
    return [one for one in rows(path) if one["arrangement"] == arrangement][-1]


def _column(best: bool) -> str:
    return "best_test_error_percent" if best else "test_error_percent"


def paper_error(row_name: str, network: str, dataset: str = "CIFAR10") -> str:
    """What Song and Chai (2018) print of the first head."""
    return _number(
        row(_SONG_CHAI, dataset=dataset, network=network, row=row_name, output="head1")["test_error_percent"]
    )


def poster_error(row_name: str, dataset: str = "CIFAR10") -> str:
    """What the poster of Das and Dutta Roy (2022) prints of VGG-16, as an error."""
    return f"{100 - float(row(_DAS, dataset=dataset, network='vgg16', row=row_name)['accuracy_percent']):.2f}"


def heads() -> str:
    """The demonstration of heads."""
    lines = []
    for arrangement in _ARRANGEMENTS:
        errors = [_heads_error(arrangement, model, noise) for noise in ("", _NOISE) for model in ("head1", "Ens")]
        times, memory = (_over_single(arrangement, column) for column in ("training_seconds", "training_memory_bytes"))
        time = f"{min(times):.1f} to {max(times):.1f}" if arrangement != "single" else "1"
        lines.append([arrangement, *errors, time, f"{fmean(memory):.2f}"])
    header = ["heads", "clean labels: head 1", "all heads", "40 % noisy: head 1", "all heads"]
    return table([*header, "time / single", "memory / single"], lines)


def _over_single(arrangement: str, column: str) -> list[float]:
    return [
        float(row(_HEADS, arrangement=f"resnet20, {arrangement}{noise}", model="head1")[column])
        / float(row(_HEADS, arrangement=f"resnet20, single{noise}", model="head1")[column])
        for noise in ("", _NOISE)
    ]


def song_chai() -> str:
    """Table 1 of Song and Chai (2018)."""
    found: dict[str, dict[str, str]] = {}
    for one in rows(_SONG_CHAI):
        if one["table"] == "1":
            found.setdefault(one["row"], {})[one["network"]] = f"{_number(one['test_error_percent'])} ± {one['sd']}"
    networks = ["resnet32", "resnet110", "densenet40-12"]
    return table(["training", *networks], [[name, *(own[one] for one in networks)] for name, own in found.items()])


def poster() -> str:
    """The poster's table of VGG-16."""
    names = ["single", "RIE (2x)", "SSE", "FGE", "AE Full", "FDL (2x)"]
    lines = [[name, *(poster_error(name, dataset) for dataset in ("CIFAR10", "CIFAR100"))] for name in names]
    return table(["training of VGG-16", "CIFAR-10", "CIFAR-100"], lines)


def heads_summary() -> str:
    """The demonstration of heads in one sentence."""
    return paragraph(
        f"In the short demonstration a single network ends at {_heads_error('single')} % test error, and the first of "
        f"four heads at {_heads_error('4 heads hierarchical')} %. The paper, with full training of ResNet-32, has "
        f"{paper_error('single instance', 'resnet32')} and {paper_error('4 heads hierarchical', 'resnet32')} %."
    )


def distillation_paper() -> str:
    """What Song and Chai (2018) have of distillation."""
    errors = [paper_error(name, "resnet50", "ImageNet") for name in ("single instance", "distilled from 2")]
    return paragraph(
        f"The paper has one such row, ResNet-50 on ImageNet: {errors[1]} % test error from two teachers, and "
        f"{errors[0]} % for a network alone. This project has not measured it."
    )


def fdl(path: str = _FDL) -> str:
    """One-layer networks by number of filters: last epoch, and best epoch in brackets; by default on all images."""
    lines = []
    for filters in _FILTERS:
        names = [f"fdlnet{filters}, single", *(f"fdlnet{filters // 2}, 2 x {kind}" for kind in ("RIE", "FDL"))]
        found = [_together(name, path) for name in names]
        errors = [[_with_deviation(one, _column(best)) for best in (False, True)] for one in found]
        lines.append([str(filters), *(f"{last} ({best})" for last, best in errors)])
    return table(["M", "one network of M", "2 x M/2, independent (RIE)", "2 x M/2 with FDL"], lines, words=0)


def fdl_summary() -> str:
    """The one-layer networks in one sentence."""
    return paragraph(
        f"With {fdl_seeds()} seeds on all 60,000 images, two networks with FDL have on average a lower error than one "
        f"network of as many filters for {fdl_wins(best=True)} of {len(_FILTERS)} numbers of filters by the best "
        f"epoch, which the poster counts, and for {fdl_wins()} by the last one."
    )


def first_fdl() -> str:
    """The demonstration of version 0.1.0."""
    lines = []
    for filters in (4, 8, 16, 32):
        cells = [_with_deviation(row(_FIRST_FDL, arrangement=f"convnet{filters}, single", model=f"convnet{filters}"))]
        for kind in ("RIE", "cross_entropy head", "FDL"):
            found = row(_FIRST_FDL, arrangement=f"convnet{filters // 2}, 2 x {kind}", model="Ens")
            cells.append(_with_deviation(found))
        lines.append([str(filters), *cells])
    header = ["M", "one network of M", "2 x M/2, independent (RIE)", "RIE with a trained head", "2 x M/2 with FDL"]
    return table(header, lines, words=0)


def _with_deviation(found: dict[str, str], column: str = "test_error_percent") -> str:
    """A mean, with its standard deviation where there are several seeds."""
    deviation = found[f"{column}_sd"]
    return _number(found[column]) + (f" ± {_number(deviation)}" if deviation else "")


def _is(one: dict[str, str], arrangement: str, model: str) -> bool:
    return one["arrangement"] == arrangement and one["model"] == model


def _number(text: str) -> str:
    return f"{float(text):.2f}"


AMD, INTEL = "latest", "xeon"
_WAYS = {
    "stock": "stock Keras layers and optimizer, `fit` on arrays, default threads",
    "one process": "this project, one process of two threads",
    "float32": "this project, one single-threaded process a core (as sweeps run)",
    "mixed_bfloat16": "the same with `--precision=mixed_bfloat16`",
}


def speed() -> str:
    """Training speed of this project, of stock Keras and of the best way in PyTorch, on both machines."""
    rates = benchmark(AMD)["images_per_second"]
    best = max((name for name in rates if name.startswith("torch")), key=lambda name: median(rates[name]))
    ways = _WAYS | {best: f"PyTorch, the best of four ways ({best.removeprefix('torch ').replace(' ', ', ')})"}
    lines = [[words, *images_per_second(AMD, name), *images_per_second(INTEL, name)] for name, words in ways.items()]
    return table(["training", "AMD: images a second", "over stock Keras", "Intel", "over stock Keras"], lines)


def images_per_second(machine: str, name: str) -> tuple[str, str]:
    """The median speed of a way, and the median of its ratios to stock Keras, each within one round."""
    rates = benchmark(machine)["images_per_second"]
    ratios = [own / stock for own, stock in zip(rates[name], rates["stock"], strict=True)]
    return f"{median(rates[name]):,.0f}", f"{median(ratios):.2f}"


BLOCKS: dict[str, Callable[[], str]] = {
    "heads": heads,
    "heads summary": heads_summary,
    "Song and Chai, table 1": song_chai,
    "distillation in the paper": distillation_paper,
    "FDL": fdl,
    "FDL on 6,000 images": functools.partial(fdl, _FDL_SHORT),
    "FDL summary": fdl_summary,
    "FDL of version 0.1.0": first_fdl,
    "poster": poster,
    "speed": speed,
}
