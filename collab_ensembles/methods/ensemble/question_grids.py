"""The grids of the paper's open questions: Noel (2017), section 7.3."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from collab_ensembles.methods.ensemble.options import PSEUDO_LABELS, REST
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.method import Grid, Settings

Rows = Mapping[str, Mapping[str, Any]]
"""The settings of each row by its name; what a row does not set is a default."""

FAVOURITE: Mapping[str, Any] = {"method": "L2", "weight": 0.01}
"""What the paper recommends."""
_DEEP = "B3R9F16"
"""60 layers by the paper's formula: twice as deep as M and more, and as wide."""
_OTHERS = {"mnist": "fashion_mnist", "fashion_mnist": "mnist", "cifar10": "cifar100", "cifar100": "cifar10"}
"""Another data set of the same shape."""
_COSTS: Mapping[str, Mapping[str, Any]] = {
    "CE 1": {"method": "CE", "weight": 1.0},
    "L2 0.1": {"method": "L2", "weight": 0.1},
    "L2 0.01": FAVOURITE,
}


def length() -> Rows:
    """Question 1: longer training and augmentation; also with the author's later block, all of whose kernels decay."""
    rows = {}
    for resnet in ("report", "post2018"):
        for epochs in (30, 60, 120):
            for augment in (False, True):
                for name, method in (("plain", {}), ("L2 0.01", FAVOURITE)):
                    own = f"{name}, {resnet}, {epochs} epochs{', augmented' if augment else ''}"
                    rows[own] = {**method, "resnet": resnet, "epochs": epochs, "augment": augment}
    return rows


def schedules(epochs: int) -> Rows:
    """Question 2: weights that rise, fall, or rise and then stay, against constant ones."""
    half = epochs // 2
    shapes: Rows = {
        "constant": {},
        "rising": {"weight_schedule": "linear"},
        "falling": {"weight_schedule": "cosine"},
        "warm-up": {"weight_schedule": "ramp_up", "schedule_end": half},
        "first half only": {"weight_schedule": "step", "schedule_end": half},
        "second half only": {"weight_schedule": "step", "schedule_start": half},
    }
    return {
        "plain": {},
        **{
            f"{cost}, {shape}": {**_COSTS[cost], **own}
            for cost in ("L2 0.1", "L2 0.01")
            for shape, own in shapes.items()
        },
    }


def directions() -> Rows:
    """Question 3: who learns from whom."""
    rows: dict[str, Mapping[str, Any]] = {"plain": {}}
    for name, cost in _COSTS.items():
        method, weight = cost["method"], cost["weight"]
        links = {
            "ST learns from M": (f"ST<-M:{weight}",),
            "M learns from ST": (f"M<-ST:{weight}",),
            "ST learns ten times as much": (f"ST<-M:{weight}", f"M<-ST:{weight / 10:g}"),
            "M learns ten times as much": (f"ST<-M:{weight / 10:g}", f"M<-ST:{weight}"),
        }
        rows |= {f"{name}, both": cost}
        rows |= {f"{name}, {direction}": {"method": method, "links": own} for direction, own in links.items()}
    return rows


def sizes() -> Rows:
    """Question 4: more members; the weight is kept for each pair, or in total."""
    rows: dict[str, Mapping[str, Any]] = {}
    for count in (2, 3, 4, 8):
        members = {"members": ("ST",) * count}
        rows[f"{count} ST, plain"] = members
        for pairing, pairs in (("chain", count - 1), ("all", count * (count - 1) // 2)):
            if count == 2 and pairing == "all":
                continue
            # L2 is a mean over the pairs, so its weight is one in total.
            for kept, factor in (("in total", 1), ("for each pair", pairs)):
                if factor > 1 or kept == "in total":
                    own = {**members, "method": "L2", "weight": 0.01 * factor, "pairing": pairing}
                    rows[f"{count} ST, {pairing}, weight kept {kept}"] = own
    return rows


def equals() -> Rows:
    """Question 5: equal members, with different and with equal initial values."""
    rows: dict[str, Mapping[str, Any]] = {}
    for name, members in (("2 ST", ("ST", "ST")), ("2 M", ("M", "M")), ("4 M", ("M",) * 4)):
        for method, cost in (("plain", {}), ("L2 0.01", FAVOURITE)):
            rows[f"{name}, {method}"] = {"members": members, **cost}
        rows[f"{name}, L2 0.01, begun equal"] = {"members": members, **FAVOURITE, "shared_initialisation": True}
    return rows


def depth() -> Rows:
    """Question 6: a very deep network alone, with ST and with M."""
    rows: dict[str, Mapping[str, Any]] = {f"{_DEEP} alone": {"members": (_DEEP,)}}
    for partner in ("ST", "M"):
        members = {"members": (partner, _DEEP)}
        rows[f"{_DEEP} with {partner}, plain"] = members
        rows |= {f"{_DEEP} with {partner}, {name}": {**members, **_COSTS[name]} for name in ("CE 1", "L2 0.01")}
    return rows


def without_labels(dataset: str) -> Rows:
    """Question 7: images without labels, or noise, and the baseline of pseudo-labels. Needs a --train_limit."""
    other = _OTHERS.get(dataset)
    rows: dict[str, Mapping[str, Any]] = {
        "plain": {},
        # As in Lee (2013), the weight rises to 3.
        "pseudo-labels": {
            "unlabelled": REST,
            "unlabelled_cost": PSEUDO_LABELS,
            "weight": 3.0,
            "weight_schedule": "linear",
        },
    }
    for name in ("CE 1", "L2 0.01"):
        rows[f"{name}, labelled images alone"] = _COSTS[name]
        for source in (REST, "uniform", "gaussian", *([other] if other else [])):
            rows[f"{name}, {source}"] = {**_COSTS[name], "unlabelled": source}
    return rows


def rows_of(number: int, dataset: str = "digits", epochs: int = 30) -> Rows:
    """The rows of a question, 1 to 7.

    Args:
      number: of the question.
      dataset: its name; question 7 has a row for another one of the same shape.
      epochs: of runs that name no length of their own; the ends of schedules follow from it.
    """
    rows: dict[int, Callable[[], Rows]] = {
        1: length,
        2: lambda: schedules(epochs),
        3: directions,
        4: sizes,
        5: equals,
        6: depth,
        7: lambda: without_labels(dataset),
    }
    return rows[number]()


QUESTIONS = {
    1: "Does longer training help, and augmentation?",
    2: "Does a weight help that changes over time?",
    3: "Does collaboration help in one direction, or more in one than in the other?",
    4: "Do larger ensembles gain more?",
    5: "Do equal networks gain?",
    6: "Does a shallow, thin network help a very deep one?",
    7: "Does it help to collaborate on images without labels, or on noise?",
}
"""Noel (2017), section 7.3, in short."""


def _grid(number: int) -> Grid:
    def plan(settings: Settings) -> list[RunConfig]:
        common = RunConfig(**{name: settings[name] for name in ("dataset", "epochs") if name in settings})
        return [RunConfig(**{**settings, **own}) for own in rows_of(number, common.dataset, common.epochs).values()]

    plan.__doc__ = f"Noel (2017), section 7.3, question {number}: {QUESTIONS[number]}"
    return Grid(plan, _fields(rows_of(number).values()))


def _fields(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for own in rows for name in own))


GRIDS = {f"question-{number}": _grid(number) for number in QUESTIONS}
