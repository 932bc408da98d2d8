"""Tables of runs: test errors and costs at the end of training, and what the papers of their systems have.

Example:
  python -m analysis.tables --log_dir=runs --dataset=mnist --format=markdown
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from absl import flags, logging

from analysis import comparison, frame, methods, table_notes, table_text, uncertainty_table
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue
from experiments import command_line, path_flags

FORMATS = ("markdown", "latex", "csv")
_ONE_MEMBER_NOTE = "One member: the first of the row's networks, of snapshots the last, of two agents the student."


def report(runs: Sequence[Run], style: str, unfinished: Iterable[Run] = ()) -> str:
    """The results of runs of one data set, apart for each setting they were trained in, and then together in short.

    Args:
      runs: finished runs of one data set.
      style: `markdown` or `latex` for the tables of `text_tables` and, of several settings, `overview`; `csv` for
        `long_table`.
      unfinished: the runs that are left out; how many is said under the tables (not in CSV).

    Raises:
      DataError: a run is there twice.
    """
    if style == "csv":
        return long_table(runs).to_csv(index=False, lineterminator="\n", float_format="%.8g").rstrip()
    groups = frame.by_setting(runs)
    left_out = Counter(run.setting for run in unfinished)
    texts = [
        table_text.write(table, style)
        for setting, group in groups.items()
        for table in text_tables(group, left_out[setting])
    ]
    start = "% " if style == "latex" else ""
    texts += [
        f"{start}{setting}: {table_notes.left_out(count)}"
        for setting, count in left_out.items()
        if setting not in groups
    ]
    # At the end, where it is seen on a terminal.
    texts += [table_text.write(overview(groups), style)] if len(groups) > 1 else []
    return "\n\n".join(texts)


def html_tables(runs: Sequence[Run]) -> list[str]:
    """One HTML fragment for each of `text_tables`; arguments and errors are those of it."""
    return [table_text.write(table, "html") for table in text_tables(runs)]


def text_tables(runs: Sequence[Run], unfinished: int = 0) -> list[Table]:
    """The tables of the runs' system, and those of calibration where it was measured, in any style.

    Args:
      runs: finished runs of one data set in one setting.
      unfinished: how many more of that setting are left out, which is said under the tables.

    Raises:
      DataError: the runs differ in data set or setting, or a run is there twice.
    """
    frame.check_comparable(runs)
    return [*methods.of(runs[0].config).text_tables(runs, unfinished), *uncertainty_table.tables(runs)]


def overview(groups: Mapping[str, Sequence[Run]]) -> Table:
    """The final test errors of all rows of several settings: of one member, and of the ensemble.

    Args:
      groups: finished runs of one data set by their setting.
    """
    parts = {setting: setting.split(", ") for setting in groups}
    common = [part for part in next(iter(parts.values())) if all(part in own for own in parts.values())]
    rows: dict[str, list[Run]] = {}
    for setting, runs in groups.items():
        apart = ", ".join(part for part in parts[setting] if part not in common)
        for name, row in methods.rows_by_name(runs).items():
            rows[f"{name} ({apart})" if apart else name] = row
    columns = {
        heading: [
            comparison.mean_with_interval([comparison.error(run, comparison.output(run, name)) for run in row], ".2f")
            for row in rows.values()
        ]
        for heading, name in (("one member", comparison.MEMBER), ("ensemble", comparison.ENSEMBLE))
    }
    columns["seeds"] = [Cell(str(len(row))) for row in rows.values()]
    label = catalogue.label(next(iter(rows.values()))[0].config.dataset)
    heading = f"{label}, final test error in %, rows of all {len(groups)} settings"
    heading += f" ({', '.join(common)})" if common else ""
    return comparison.row_table(heading, "row", rows, columns, [_ONE_MEMBER_NOTE])


def long_table(runs: Sequence[Run]) -> pd.DataFrame:
    """The results of runs of one data set as one table: a row for each setting, row of a table and output.

    The columns are those of the systems' tables, such as `analysis.comparison.long_table`; those of the same name are
    shared, others stay empty.

    Raises:
      DataError: the runs are of several data sets, or a run is there twice.
    """
    groups = frame.by_setting(runs).values()
    return pd.concat([methods.of(group[0].config).long_table(group) for group in groups], ignore_index=True)


def _main(arguments: list[str]) -> None:
    command_line.no_arguments(arguments)
    catalogue.check_name(flags.FLAGS.dataset)
    runs, unfinished = frame.read_all(flags.FLAGS.log_dir, flags.FLAGS.dataset)
    if flags.FLAGS.format == "csv" and unfinished:
        logging.warning("%s", table_notes.left_out(len(unfinished)))
    print(report(runs, flags.FLAGS.format, unfinished))


if __name__ == "__main__":
    path_flags.log_dir()
    flags.DEFINE_string("dataset", "digits", "the data set of the runs to show")
    flags.DEFINE_enum("format", "markdown", list(FORMATS), "the format of the tables")
    command_line.launch(_main)
