"""Table 3.1 of Lacaille (2018), with the published numbers beside ours, and what students cost."""

import math
from collections.abc import Sequence

from analysis import comparison, recorded_run, table_text
from analysis.methods.teaching import outcomes
from analysis.methods.teaching.outcomes import Outcome
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue

_NUMBERS_NOTE = (
    "The test accuracy is that of the epoch with the highest validation accuracy; updates, passes and epochs are those "
    "until then. Behind the means: their intervals over the seeds."
)
_PASSES_NOTE = (
    "Passes: minibatches that the student passes forward and backward. A choice passes the whole stack forward; a "
    "random one needs no answers. Passed forward again to train on them, which an implementation could spare and the "
    "thesis does not count, are the chosen examples."
)
_MARK_NOTE = f"To {outcomes.MARK:g} %: until the first epoch with this validation accuracy."
_RIGHT_NOTE = (
    "Right: of the examples that the student was trained on in that epoch the share that it answered rightly before."
)


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """Table 3.1, what it costs, and the comparison of all arrangements."""
    own = [table(runs), cost_table(runs)] if outcomes.by_row(runs) else []
    return [*own, *comparison.text_tables(runs, unfinished)]


def table(runs: Sequence[Run]) -> Table:
    """Table 3.1: test accuracy and updates beside the published ones."""
    rows = outcomes.by_row(runs)
    label = catalogue.label(runs[0].config.dataset)
    paper = outcomes.published_rows(label)
    found = {name: [outcomes.outcome(run) for run in own] for name, own in rows.items()}
    columns: dict[str, list[Cell]] = {
        "accuracy %": [_cell(own, "accuracy", ".2f") for own in found.values()],
        "paper accuracy": [Cell(table_text.number(paper.get(name, (math.nan,) * 2)[0], ".1f")) for name in rows],
        "updates": [_cell(own, "updates", ",.0f") for own in found.values()],
        "paper updates": [Cell(table_text.number(paper.get(name, (math.nan,) * 2)[1], ",.0f")) for name in rows],
        "epochs": [_cell(own, "epochs", ".0f") for own in found.values()],
        "validation %": [_cell(own, "validation", ".2f") for own in found.values()],
    }
    if not paper:
        columns = {name: cells for name, cells in columns.items() if not name.startswith("paper")}
    heading = f"{label}, students as in table 3.1 of Lacaille (2018) ({recorded_run.setting(runs[0].config)})"
    return comparison.row_table(heading, "student", rows, columns, [_NUMBERS_NOTE], means="Intervals:")


def cost_table(runs: Sequence[Run]) -> Table:
    """What the choice costs, and what the teacher chooses."""
    rows = outcomes.by_row(runs)
    found = {name: [outcomes.outcome(run) for run in own] for name, own in rows.items()}
    forms = {
        "updates to mark": ("updates_to_mark", ",.0f"),
        "passes to mark": ("passes_to_mark", ",.0f"),
        "passes to best": ("passes", ",.0f"),
        "right %": ("right", ".1f"),
        "epochs in all": ("trained", ".0f"),
    }
    titles = {name: name.replace("mark", f"{outcomes.MARK:g} %") for name in forms}
    columns = {
        titles[name]: [_cell(own, field, form) for own in found.values()] for name, (field, form) in forms.items()
    }
    heading = f"{catalogue.label(runs[0].config.dataset)}, what students cost ({recorded_run.setting(runs[0].config)})"
    notes = [_NUMBERS_NOTE, _PASSES_NOTE, _MARK_NOTE, _RIGHT_NOTE]
    return comparison.row_table(heading, "cost of", rows, columns, notes, means="Intervals:")


def _cell(own: Sequence[Outcome], field: str, form: str) -> Cell:
    """A mean and its interval; empty if a run has no such value."""
    return comparison.mean_with_interval([getattr(each, field) for each in own], form)
