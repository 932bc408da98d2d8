"""Tables 2.1 to 2.3 of Lacaille (2018) with the published numbers beside ours, and what became of messages."""

import math
from collections.abc import Callable, Mapping, Sequence

from analysis import comparison, recorded_run
from analysis.methods.nodes.outcomes import (
    AVERAGE,
    COLLECTIVE,
    Place,
    by_row,
    final,
    is_of_thesis,
    mark_of,
    name,
    published_cell,
    queues,
    settings,
    steps_to,
)
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue

_ACCURACY_NOTE = (
    "Test accuracy after the last step: of the mean node, and of all nodes together by each of the three decisions; "
    "the collective one weighs by confidence."
)
_CODES_NOTE = (
    "Test accuracy of linear classifiers on the codes, after the epoch with the lowest validation error: of the mean "
    "node, and of all nodes together by each of the three decisions; the collective one weighs by confidence."
)
_PAPER_NOTE = (
    "The thesis' numbers are of 10 or 20 nodes with all 50,000 images and 5,000 steps of each node; beside other "
    "numbers of nodes stand those of 10."
)
_STEPS_NOTE = (
    "Steps of each node until the first test with this accuracy. Where it was not reached in some seeds, the table "
    "says in how many it was."
)
_QUEUES_NOTE = (
    "Consumed: share of the steps that learned from a received minibatch. Empty: share of the steps that wanted one "
    "and found none. Dropped: messages that full queues lost, of all nodes in all steps. Length: mean over the steps."
)


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """Tables 2.1 and 2.2, or 2.3, the queues, then the comparison of all arrangements.

    Arguments and errors are those of `analysis.tables.text_tables`.
    """
    rows = by_row(runs)
    own = [accuracy_table(runs)] if rows else []
    if rows and settings(runs[0]).supervised:
        own.append(steps_table(runs))
    if any(settings(run).communicates for each in rows.values() for run in each):
        own.append(queue_table(runs))
    return [*own, *comparison.text_tables(runs, unfinished)]


def accuracy_table(runs: Sequence[Run]) -> Table:
    """Table 2.1, or 2.3 of nodes that learn without labels."""
    rows = by_row(runs)
    columns = {
        kind: [comparison.mean_with_interval([final(run, kind) for run in row], ".1f") for row in rows.values()]
        for kind in (AVERAGE, COLLECTIVE, "as_printed", "mean")
    }
    columns["as printed"], columns["plain mean"] = columns.pop("as_printed"), columns.pop("mean")
    if settings(runs[0]).supervised:
        title = "table 2.1 of Lacaille (2018): test accuracy in %"
        return _table(runs, "accuracy of", title, "2.1", rows, columns, _ACCURACY_NOTE)
    title = "table 2.3 of Lacaille (2018): test accuracy of linear classifiers in %"
    return _table(runs, "codes of", title, "2.3", rows, columns, _CODES_NOTE)


def steps_table(runs: Sequence[Run]) -> Table:
    """Table 2.2: steps until an accuracy."""
    rows = by_row(runs)
    mark = mark_of([run for row in rows.values() for run in row])
    columns = {
        kind: [_steps([steps_to(run, kind, mark) for run in row], settings(row[0]).steps) for row in rows.values()]
        for kind in (AVERAGE, COLLECTIVE)
    }
    title = f"table 2.2 of Lacaille (2018): steps to {mark:g} % (there 85 %)"
    return _table(runs, "steps of", title, "2.2", rows, columns, _STEPS_NOTE)


def _steps(values: Sequence[float], steps: int) -> Cell:
    reached = [value for value in values if value < math.inf]
    if len(reached) < len(values) and not math.isnan(sum(values)):
        return Cell(f"> {steps:,}", f"({len(reached)} of {len(values)})" if reached else "")
    return comparison.mean_with_interval(values, ",.0f")


def queue_table(runs: Sequence[Run]) -> Table:
    """What became of messages."""
    rows = {of: row for of, row in by_row(runs).items() if of[1] != "none"}
    columns = {
        "consumed %": [
            _cell(row, lambda run: 100 * float(queues(run, "Consumed").mean()), ".1f") for row in rows.values()
        ],
        "empty %": [_cell(row, _empty, ".1f") for row in rows.values()],
        "dropped": [_cell(row, lambda run: float(queues(run, "Dropped").sum()), ",.0f") for row in rows.values()],
        "length": [_cell(row, lambda run: float(queues(run, "QueueLength").mean()), ".1f") for row in rows.values()],
    }
    return _table(runs, "queues of", "the queues", "", rows, columns, _QUEUES_NOTE)


def _empty(run: Run) -> float:
    config = settings(run)
    return 100 * float(queues(run, "Empty").sum()) / (config.steps * config.nodes)


def _cell(row: Sequence[Run], of: Callable[[Run], float], form: str) -> Cell:
    return comparison.mean_with_interval([of(run) for run in row], form)


def _table(
    runs: Sequence[Run],
    corner: str,
    title: str,
    published: str,
    rows: Mapping[Place, Sequence[Run]],
    columns: Mapping[str, Sequence[Cell]],
    note: str,
) -> Table:
    """A table of rows; behind each column that the thesis' table has, there stands that one's."""
    notes, shown = [note], {}
    for heading, cells in columns.items():
        shown[heading] = cells
        if published and is_of_thesis(runs) and heading in (AVERAGE, COLLECTIVE):
            paper = [published_cell(published, of, heading, settings(runs[0]).learning) for of in rows]
            shown[f"paper {heading}"] = [Cell(_with_comma(each)) for each in paper]
    if len(shown) > len(columns):
        notes.append(_PAPER_NOTE)
    label, setting = catalogue.label(runs[0].config.dataset), recorded_run.setting(runs[0].config)
    named = {name(of): row for of, row in rows.items()}
    return comparison.row_table(f"{label}, {title} ({setting})", corner, named, shown, notes)


def _with_comma(text: str) -> str:
    """`>13000` as `> 13,000`; accuracies as they are."""
    digits = text.lstrip(">")
    return f"{'> ' if text.startswith('>') else ''}{int(digits):,}" if digits.isdigit() else text
