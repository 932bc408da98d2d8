"""Checks the published results of students against themselves, with nothing of `analysis`.

Both tables of students are computed again from statistics.csv, in plain Python.
"""

import csv
import pathlib
import re
from collections.abc import Callable

from committed_results import check_files, check_intervals

_MARK = 4.0
_ARRANGEMENT = re.compile(r"mlp32-32, (?:baseline|stack (\d), (\w+), (\w+))")
_WORDS = {"cross_entropy": "cross-entropy", "euclidean": "Euclidean distance", "random": "random"}

# By column, a value an epoch until training ended.
Curves = dict[str, list[float]]
_NUMBERS: dict[str, dict[str, tuple[Callable[[Curves, float], float], str]]] = {
    "student": {
        "accuracy %": (lambda run, each: 100 - run["test_error_percent"][-1], ".2f"),
        "updates": (lambda run, each: run["updates"][_best(run)], ",.0f"),
        "epochs": (lambda run, each: _best(run) + 1, ".0f"),
        "validation %": (lambda run, each: 100 - run["validation_error_percent"][_best(run)], ".2f"),
    },
    "cost of": {
        "updates to 96 %": (lambda run, each: run["updates"][_first(run)], ",.0f"),
        "passes to 96 %": (lambda run, each: run["updates"][_first(run)] * each, ",.0f"),
        "passes to best": (lambda run, each: run["updates"][_best(run)] * each, ",.0f"),
        "right %": (lambda run, each: 100 - run["train_error_mean_percent"][_best(run)], ".1f"),
        "epochs in all": (lambda run, each: len(run["updates"]), ".0f"),
    },
}
"""By table and column: the number of a run, given the passes of each of its updates, and how it is shown."""


def is_of_students(directory: pathlib.Path) -> bool:
    """Whether the results are of students and their teacher."""
    with (directory / "statistics.csv").open(encoding="utf-8") as file:
        return "forward_passes" in next(csv.reader(file))


def check(directory: pathlib.Path) -> None:
    """Raises AssertionError, which says what is wrong, if files are missing or do not agree with each other."""
    readme = (directory / "README.md").read_text(encoding="utf-8")
    check_files(directory, readme)
    runs = _runs(directory / "statistics.csv")
    # The teacher is another one.
    assert f"{sum(map(len, runs.values())) + 1} runs (" in readme
    text = (directory / "tables.md").read_text(encoding="utf-8")
    for corner, columns in _NUMBERS.items():
        numbers = {
            name: [[of(run, _passes(row)) for run in own] for row, own in runs.items()]
            for name, (of, _) in columns.items()
        }
        forms = {name: form for name, (_, form) in columns.items()}
        table, names = check_intervals(text, corner, numbers, list(runs), forms)
        assert names == list(runs)
        assert (table in readme) == (corner == "student")


def _runs(path: pathlib.Path) -> dict[str, list[Curves]]:
    """The students of each row by seed, as far as they were trained."""
    found: dict[str, dict[str, Curves]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            match = _ARRANGEMENT.fullmatch(row["arrangement"])
            if match:
                stack, difficulty, targets = match.groups()
                name = f"stack {stack}, {_WORDS[difficulty]}, {targets} labels" if stack else "baseline"
                curves = found.setdefault(name, {}).setdefault(row["seed"], {})
                # After the end statistics repeat.
                if float(row["updates"]) not in curves.get("updates", []):
                    for column, text in row.items():
                        if column not in ("arrangement", "seed", "model", "epoch") and text:
                            curves.setdefault(column, []).append(float(text))
    return {name: list(own.values()) for name, own in found.items()}


def _best(run: Curves) -> int:
    return run["validation_error_percent"].index(min(run["validation_error_percent"]))


def _first(run: Curves) -> int:
    return next(epoch for epoch, error in enumerate(run["validation_error_percent"]) if error <= _MARK)


def _passes(name: str) -> float:
    """The minibatches that an update passes in both directions."""
    if name == "baseline" or "random" in name:
        return 2
    return 1 + float(name.split(",")[0].removeprefix("stack "))
