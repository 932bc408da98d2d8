"""Table 3.1 of Lacaille (2018), with the published numbers beside ours."""

import dataclasses
import importlib.resources
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis import comparison, intervals, recorded_run, table_notes, table_text
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue
from collab_ensembles.methods.teaching.options import SCORED, TeachingConfig
from collab_ensembles.settings.config import RunConfig

MARK = 96.0
"""The validation accuracy in percent that the thesis compares speeds by: "the 96%-97% mark"."""

_WORDS = {"cross_entropy": "cross-entropy", "euclidean": "Euclidean distance", "random": "random"}
_NUMBERS_NOTE = (
    "The test accuracy is that of the epoch with the highest validation accuracy; updates, passes and epochs are those "
    "until then. Behind the means: their intervals over the seeds."
)
_PASSES_NOTE = (
    "Passes: minibatches that the student passes forward and backward. A choice passes the whole stack forward; a "
    "random one needs no answers. Passed forward again to train on them, which an implementation could spare and the "
    "thesis does not count, are the chosen examples."
)
_MARK_NOTE = f"To {MARK:g} %: until the first epoch with this validation accuracy."
_RIGHT_NOTE = (
    "Right: of the examples that the student was trained on in that epoch the share that it answered rightly before."
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run gave; accuracies in percent.

    Attributes:
      accuracy: on the test examples, of the epoch with the highest validation accuracy.
      validation: that accuracy.
      updates: until that epoch.
      passes: of minibatches, forward and backward, until then.
      epochs: until then.
      trained: all epochs until training ended.
      right: the share in percent of the examples that training saw in that epoch, and were answered rightly.
      updates_to_mark: until the first epoch with a validation accuracy of at least MARK; NaN if there is none.
      passes_to_mark: likewise.
    """

    accuracy: float
    validation: float
    updates: float
    passes: float
    epochs: float
    trained: float
    right: float
    updates_to_mark: float
    passes_to_mark: float


def published() -> pd.DataFrame:
    """Table 3.1: columns stack, difficulty and targets as settings have them, accuracy_percent and updates."""
    path = importlib.resources.files("analysis").joinpath("reference/lacaille_2018_teaching.csv")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def row_name(stack: int, difficulty: str, targets: str) -> str:
    """The name of a row: `stack 2, cross-entropy, soft labels`."""
    labels = f"{targets} labels"
    if stack == 1:
        return "baseline" if targets == "true" else f"no stack, {labels}"
    return f"stack {stack}, {_WORDS[difficulty]}, {labels}"


def published_rows(label: str) -> dict[str, tuple[float, float]]:
    """Accuracy in percent and updates by the name of the row; empty for other data than the thesis'."""
    if label != "MNIST":
        return {}
    return {
        row_name(int(row["stack"]), row["difficulty"], row["targets"]): (row["accuracy_percent"], row["updates"])
        for row in published().to_dict("records")
    }


def row_of(config: RunConfig) -> str | None:
    """The row that a student of the usual teacher stands in; None for teachers, and for students that differ otherwise.

    As in the thesis, all students of a table have one teacher.
    """
    assert isinstance(config, TeachingConfig)
    arrangement = {"stack": config.stack, "difficulty": config.difficulty, "targets": config.targets}
    is_student = config.members == config.default("members")
    is_plain = is_student and comparison.has_settings(config, **arrangement)
    return row_name(config.stack, config.difficulty, config.targets) if is_plain else None


def published_error(config: RunConfig, output: str) -> tuple[float, float, float]:
    """What the thesis has for such a run, see `methods.Published`."""
    found = published_rows(catalogue.label(config.dataset)).get(row_of(config) or "")
    return (100 - found[0] if found else math.nan), math.nan, math.nan


def place(config: TeachingConfig) -> tuple[bool, int, int, bool]:
    """Where a run stands: teachers first, then in the order of table 3.1."""
    return (not config.is_teacher, config.stack, (*SCORED, "random").index(config.difficulty), config.targets == "true")


def sources(config: TeachingConfig) -> tuple[str, ...]:
    """The files of a student's own teacher."""
    return config.teacher


def curve(run: Run, data: str) -> np.ndarray:
    """A statistic of the student after each epoch until training ended."""
    return run.statistics["student"][data].to_numpy()[: trained_epochs(run)]


def trained_epochs(run: Run) -> int:
    """The epochs until training ended; behind it the statistics repeat the last ones."""
    return len(set(run.statistics["student"]["Updates"]))


def passes(run: Run) -> np.ndarray:
    """The minibatches that passed forward and backward until the end of each epoch."""
    return curve(run, "ForwardPasses") + curve(run, "Updates")


def outcome(run: Run) -> Outcome:
    """What a run gave."""
    statistics = run.statistics["student"]
    best = int(statistics["BestEpoch"].iloc[-1]) - 1
    accuracy, updates = 100 - curve(run, "ValidationErrors"), curve(run, "Updates")
    reached = np.flatnonzero(accuracy >= MARK)
    first = [float(values[reached[0]]) if len(reached) else math.nan for values in (updates, passes(run))]
    return Outcome(
        100 - float(statistics["TestError"].iloc[-1]),
        float(accuracy[best]),
        float(updates[best]),
        float(passes(run)[best]),
        best + 1,
        trained_epochs(run),
        100 - float(curve(run, "TrainErrorMean")[best]),
        *first,
    )


def by_row(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The students of table 3.1 and others like them by row, in its order; each row by seed."""
    rows: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (_order(run.config), run.config.seed)):
        name = row_of(run.config)
        if name:
            rows.setdefault(name, []).append(run)
    return rows


def _order(config: RunConfig) -> tuple[bool, int, int, bool]:
    assert isinstance(config, TeachingConfig)
    return place(config)


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """Table 3.1, what it costs, and the comparison of all arrangements."""
    own = [table(runs), cost_table(runs)] if by_row(runs) else []
    return [*own, *comparison.text_tables(runs, unfinished)]


def table(runs: Sequence[Run]) -> Table:
    """Table 3.1: test accuracy and updates beside the published ones."""
    rows = by_row(runs)
    label = catalogue.label(runs[0].config.dataset)
    paper = published_rows(label)
    outcomes = {name: [outcome(run) for run in own] for name, own in rows.items()}
    columns: dict[str, list[Cell]] = {
        "accuracy %": [_cell(own, "accuracy", ".2f") for own in outcomes.values()],
        "paper accuracy": [Cell(table_text.number(paper.get(name, (math.nan,) * 2)[0], ".1f")) for name in rows],
        "updates": [_cell(own, "updates", ",.0f") for own in outcomes.values()],
        "paper updates": [Cell(table_text.number(paper.get(name, (math.nan,) * 2)[1], ",.0f")) for name in rows],
        "epochs": [_cell(own, "epochs", ".0f") for own in outcomes.values()],
        "validation %": [_cell(own, "validation", ".2f") for own in outcomes.values()],
    }
    if not paper:
        columns = {name: cells for name, cells in columns.items() if not name.startswith("paper")}
    heading = f"{label}, students as in table 3.1 of Lacaille (2018) ({recorded_run.setting(runs[0].config)})"
    return _table(heading, "student", rows, columns, [_NUMBERS_NOTE])


def cost_table(runs: Sequence[Run]) -> Table:
    """What the choice costs, and what the teacher chooses."""
    rows = by_row(runs)
    outcomes = {name: [outcome(run) for run in own] for name, own in rows.items()}
    forms = {
        "updates to mark": ("updates_to_mark", ",.0f"),
        "passes to mark": ("passes_to_mark", ",.0f"),
        "passes to best": ("passes", ",.0f"),
        "right %": ("right", ".1f"),
        "epochs in all": ("trained", ".0f"),
    }
    titles = {name: name.replace("mark", f"{MARK:g} %") for name in forms}
    columns = {
        titles[name]: [_cell(own, field, form) for own in outcomes.values()] for name, (field, form) in forms.items()
    }
    heading = f"{catalogue.label(runs[0].config.dataset)}, what students cost ({recorded_run.setting(runs[0].config)})"
    return _table(heading, "cost of", rows, columns, [_NUMBERS_NOTE, _PASSES_NOTE, _MARK_NOTE, _RIGHT_NOTE])


def _table(
    heading: str,
    corner: str,
    rows: Mapping[str, Sequence[Run]],
    columns: Mapping[str, Sequence[Cell]],
    notes: Sequence[str],
) -> Table:
    cells = [[Cell(name), *row] for name, *row in zip(rows, *columns.values(), strict=True)]
    seeds = table_notes.seeds({name: [run.config.seed for run in own] for name, own in rows.items()})
    number = intervals.describe([len(own) for own in rows.values()])
    return Table(heading, [corner, *columns], cells, [*notes, *([f"Intervals: {number}."] if number else []), *seeds])


def _cell(outcomes: Sequence[Outcome], field: str, form: str) -> Cell:
    """A mean and its interval; empty if a run has no such value."""
    return comparison.mean_with_interval([getattr(each, field) for each in outcomes], form)


def outcomes(runs: Sequence[Run]) -> dict[int, dict[str, Outcome]]:
    """What runs gave by seed and row."""
    result: dict[int, dict[str, Outcome]] = {}
    for name, own in by_row(runs).items():
        for run in own:
            result.setdefault(run.config.seed, {})[name] = outcome(run)
    return dict(sorted(result.items()))
