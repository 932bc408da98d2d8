"""Checks the published results of two agents against themselves, with nothing of `analysis`.

Both tables of levels are computed again from statistics.csv, in plain Python.
"""

import csv
import pathlib
from collections.abc import Callable

from committed_results import check_files, check_intervals, runs_of

# Of one run: by output and column, a value an epoch.
Curves = dict[str, dict[str, list[float]]]
_NUMBERS: dict[str, dict[str, tuple[Callable[[Curves], float], str]]] = {
    "level": {
        "student": (lambda run: 100 - run["student"]["test_error_percent"][_best(run)], ".1f"),
        "teacher": (lambda run: 100 - run["teacher"]["test_error_percent"][_best(run)], ".1f"),
        "ensemble": (lambda run: 100 - run["Ens"]["test_error_percent"][_best(run)], ".1f"),
        "student, last epoch": (lambda run: 100 - run["student"]["test_error_percent"][-1], ".1f"),
        "best epoch": (lambda run: _best(run) + 1, ".1f"),
    },
    "language": {
        "information, teacher": (lambda run: run["Ens"]["teacher_information_bits"][-1], ".1f"),
        "student": (lambda run: run["Ens"]["student_information_bits"][-1], ".1f"),
        "entropy, student": (lambda run: run["Ens"]["student_message_entropy_bits"][-1], ".1f"),
        "messages": (lambda run: run["Ens"]["student_distinct_messages"][-1], ".0f"),
        "topographic similarity": (lambda run: run["Ens"]["student_topographic_similarity"][-1], ".2f"),
        "agreement": (lambda run: run["Ens"]["agreement"][-1], ".2f"),
        "surprise": (lambda run: run["Ens"]["surprise_bits"][-1], ".1f"),
    },
}
"""By table and column: the number of a run, and how it is shown."""


def is_of_languages(directory: pathlib.Path) -> bool:
    """Whether the results are of two agents and their messages."""
    with (directory / "statistics.csv").open(encoding="utf-8") as file:
        return "surprise_bits" in next(csv.reader(file))


def check(directory: pathlib.Path) -> None:
    """Raises AssertionError, which says what is wrong, if files are missing or do not agree with each other."""
    readme = (directory / "README.md").read_text(encoding="utf-8")
    check_files(directory, readme)
    by_arrangement = runs_of(directory / "statistics.csv")
    runs = {name.split(", ")[1]: own for name, own in by_arrangement.items()}
    assert f"{sum(map(len, runs.values()))} runs (" in readme
    text = (directory / "tables.md").read_text(encoding="utf-8")
    for corner, columns in _NUMBERS.items():
        numbers = {name: [[of(run) for run in own] for own in runs.values()] for name, (of, _) in columns.items()}
        _, names = check_intervals(
            text, corner, numbers, list(runs), {name: form for name, (_, form) in columns.items()}
        )
        assert [name.split()[0] for name in names] == list(runs)


def _best(run: Curves) -> int:
    errors = run["Ens"]["student_validation_error_percent"]
    return errors.index(min(errors))
