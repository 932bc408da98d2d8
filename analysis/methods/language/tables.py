"""Table 4.1 of Lacaille (2018) with the published numbers beside ours, and measures of the languages."""

import math
from collections.abc import Callable, Sequence

import pandas as pd

from analysis import comparison, methods, recorded_run, table_text
from analysis.methods.language.outcomes import accuracy, best_epoch, published_accuracy, series
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue

_NAMES = {
    "baseline": "baseline",
    "receive": "receive (student-receiving-only)",
    "feedback": "feedback (student-feedback-to-teacher)",
    "both": "both (both-feedback)",
}
"""The levels; in brackets what table 4.1 calls them."""

_ACCURACY_NOTE = (
    "The accuracy of the linear classifier on the student's last hidden layer, after the epoch with its lowest "
    "validation error, which is the best epoch. Where another output is shown, it is that of the same epoch."
)
_MEASURES_NOTE = (
    "After the last epoch, on the validation part. Information: the discriminator's bound on I(X; S), with messages as "
    "in training. The rest is of the most probable messages. Entropy: of the message, at most log2 of the number of "
    "images; such a message has no chance in it, so that this is its I(X; S). Topographic similarity: rank correlation "
    "of the distances of images and of messages. Agreement: share of the places where both agents have one symbol. "
    "Surprise: the bits that the student needs for the teacher's message, -log2 p(s_A | x_B)."
)


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """Table 4.1, the measures of the languages, then the comparison of all arrangements.

    Arguments and errors are those of `analysis.tables.text_tables`.
    """
    return [accuracy_table(runs), measures_table(runs), *comparison.text_tables(runs, unfinished)]


def accuracy_table(runs: Sequence[Run]) -> Table:
    """Test accuracies at the best validation epoch, of runs of one data set in one setting."""
    columns: dict[str, Callable[[Run], float]] = {
        "student": accuracy,
        "teacher": lambda run: accuracy(run, "teacher"),
        "ensemble": lambda run: accuracy(run, "Ens"),
        "student, last epoch": lambda run: 100 - comparison.error(run, "student"),
        "best epoch": best_epoch,
    }
    rows = _rows(runs)
    paper = [_published(row[0]) for row in rows.values()]
    cells = {
        name: [comparison.mean_with_interval([of(run) for run in row], ".1f") for row in rows.values()]
        for name, of in columns.items()
    }
    if not all(map(math.isnan, paper)):
        student = cells.pop("student")
        published = [Cell(table_text.number(value, ".1f")) for value in paper]
        cells = {"student": student, "paper student": published, **cells}
    heading = f"{_label(runs)}, table 4.1 of Lacaille (2018): test accuracy in % ({_setting(runs)})"
    return comparison.row_table(heading, "level", rows, cells, [_ACCURACY_NOTE])


def measures_table(runs: Sequence[Run]) -> Table:
    """What the languages are like after the last epoch."""
    rows = _rows(runs)
    columns = {
        "information, teacher": ("TeacherInformation", ".1f"),
        "student": ("StudentInformation", ".1f"),
        "entropy, student": ("StudentMessageEntropy", ".1f"),
        "messages": ("StudentDistinctMessages", ".0f"),
        "topographic similarity": ("StudentTopographicSimilarity", ".2f"),
        "agreement": ("Agreement", ".2f"),
        "surprise": ("Surprise", ".1f"),
    }
    cells = {
        name: [
            comparison.mean_with_interval([float(series(run, data)[-1]) for run in row], form) for row in rows.values()
        ]
        for name, (data, form) in columns.items()
    }
    heading = f"{_label(runs)}, the languages: information, entropy and surprise in bits ({_setting(runs)})"
    return comparison.row_table(heading, "language", rows, cells, [_MEASURES_NOTE])


def long_table(runs: Sequence[Run]) -> pd.DataFrame:
    """`comparison.long_table` with accuracies at the best validation epoch.

    Three more columns: the test accuracy in percent, its standard deviation over seeds, and what the thesis has.
    """
    table = comparison.long_table(runs)
    rows = comparison.rows_of(runs)
    values = [
        (
            *comparison.mean_and_deviation([accuracy(run, model) for run in rows[name]]),
            _published(rows[name][0]) if model == "student" else math.nan,
        )
        for name, model in zip(table["arrangement"], table["model"], strict=True)
    ]
    columns = [
        "validated_test_accuracy_percent",
        "validated_test_accuracy_percent_sd",
        "paper_validated_test_accuracy_percent",
    ]
    return table.assign(**dict(zip(columns, zip(*values, strict=True), strict=True)))


def _rows(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs by arrangement, with the thesis' name where it has one."""
    names = {}
    for name, row in comparison.rows_of(runs).items():
        level = methods.of(row[0].config).paper_row(row[0].config)
        names[_NAMES[level] if level else name] = row
    return names


def _published(run: Run) -> float:
    level = methods.of(run.config).paper_row(run.config)
    return published_accuracy(_label([run])).get(level or "", math.nan)


def _label(runs: Sequence[Run]) -> str:
    return catalogue.label(runs[0].config.dataset)


def _setting(runs: Sequence[Run]) -> str:
    return recorded_run.setting(runs[0].config)
