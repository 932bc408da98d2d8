"""One page on all runs of a log directory: tables, figures, claims, run times, faults, environment.

The file holds everything; it needs no network.

Example:
  python -m analysis.report --log_dir=runs --out=report.html
"""

import json
import os
import sys
import time
from collections.abc import Sequence

import pandas as pd
from absl import flags

from analysis import (
    claims,
    contents,
    figures,
    frame,
    html_page,
    live_progress,
    methods,
    mistakes_figure,
    provenance,
    tables,
)
from analysis.commands import training_commands
from analysis.contents import Entry
from analysis.live_progress import Progress
from analysis.recorded_run import Run
from collab_ensembles import files
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, DataError
from collab_ensembles.runs import naming
from experiments import command_line, path_flags

_RELOAD_SECONDS = 60
_NICE = 10
"""With 19 the page would not be done before the next run has ended, where all cores compute."""

_VERDICT_CLASSES = dict.fromkeys(claims.VERDICTS, "undecided") | {claims.HOLDS: "holds", claims.FAILS: "not"}


def report(log_dir: str, live: Progress | None = None) -> str:
    """The page, as HTML.

    Args:
      log_dir: the log directory.
      live: the progress of a sweep that is running there: then the page may have no run yet, and loads itself again.

    Raises:
      DataError: the directory holds no run at all, or a damaged one.
    """
    entries = contents.entries(log_dir)
    if not entries and live is None:
        raise DataError(f"{log_dir}: no runs there; give the --log_dir of a sweep")
    finished = [entry for entry in entries if entry.status.state == "done"]
    parts = [_overview(log_dir, entries), *(live_progress.parts(live) if live else _faults(entries))]
    for dataset in sorted({entry.config.dataset for entry in finished}):
        label = catalogue.label(dataset)
        groups = frame.by_setting(frame.read_runs(log_dir, dataset))
        for setting, runs in groups.items():
            # Of a sweep that is running tables do: the figures would take a core some seconds after each run.
            shown = tables.html_tables(runs) if live else _group(runs, label, log_dir)
            parts += [html_page.heading(f"{label}: {setting}"), *shown]
    parts += [html_page.heading("Environment"), *_environment(finished)]
    return html_page.page("Collab Ensembles: report", parts, _RELOAD_SECONDS if live else None)


def _overview(log_dir: str, entries: Sequence[Entry]) -> str:
    states = pd.Series([entry.status.state for entry in entries]).value_counts()
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    written = time.strftime("%Y-%m-%d %H:%M")
    return html_page.paragraph(f"{len(entries)} runs in {os.path.abspath(log_dir)}: {counted}. Written {written}.")


def _faults(entries: Sequence[Entry]) -> list[str]:
    """Runs that are not finished, shown and not hidden, and those that were resumed."""
    parts = [html_page.heading("Faults")]
    unfinished = [entry for entry in entries if entry.status.state != "done"]
    for entry in unfinished:
        parts.append(
            html_page.paragraph(
                f"{catalogue.label(entry.config.dataset)} {naming.describe(entry.config)}: {entry.status.state} "
                f"after {entry.status.epochs_done} of {entry.config.epochs} epochs. {entry.status.reason} "
                f"({entry.directory})",
                "fault",
            )
        )
    if not unfinished:
        parts.append(html_page.paragraph("All runs are finished."))
    resumed = [entry for entry in entries if entry.status.resumed]
    if resumed:
        names = [
            f"{catalogue.label(entry.config.dataset)} {naming.describe(entry.config)} (after epoch "
            f"{', '.join(map(str, entry.status.resumed))})"
            for entry in resumed
        ]
        parts.append(html_page.paragraph(f"Stopped or interrupted, and taken up again: {'; '.join(names)}.", "note"))
    return parts


def _group(runs: Sequence[Run], label: str, log_dir: str) -> list[str]:
    """All about the runs of one data set in one setting."""
    seeds = sorted({run.config.seed for run in runs})
    analysis = methods.of(runs[0].config)
    rows = analysis.rows_of(runs)
    runs = [run for row in rows.values() for run in row]
    drawn = [html_page.picture(figure, caption) for figure, caption in figures.all_figures(runs)]
    parts = [
        html_page.paragraph(
            f"{len(rows)} {analysis.rows}, {len(seeds)} "
            f"seed{'s' if len(seeds) > 1 else ''} ({', '.join(map(str, seeds))}), {methods.epochs(runs)} epochs."
        ),
        *([] if runs[0].origin else [html_page.preformatted(training_commands(runs, log_dir))]),
        html_page.heading("Final results", 3),
        *tables.html_tables(runs),
        *_claims(runs, label),
        *([html_page.heading("Figures", 3), *drawn] if drawn else []),
        *_mistakes(runs),
        *(analysis.report_parts(runs, log_dir) if analysis.report_parts else []),
        html_page.heading("Times", 3),
        html_page.paragraph("Minutes of training of a run by the clock."),
        html_page.table(provenance.times(runs)),
    ]
    return parts


def _claims(runs: Sequence[Run], label: str) -> list[str]:
    claim_set = claims.set_of(runs)
    if not claim_set:
        return []
    rows = claims.table_beside_paper(claims.findings_of(runs, claim_set), label, claim_set)
    classes = rows.map(lambda value: _VERDICT_CLASSES.get(value, ""))
    table, note = html_page.table(rows, classes), html_page.paragraph(claims.rule(claim_set), "note")
    return [html_page.heading("Claims", 3), table, note]


def _mistakes(runs: Sequence[Run]) -> list[str]:
    run = mistakes_figure.best(runs)
    if run is None:
        return []
    caption = (
        f"{naming.describe(run.config)}, the run with the lowest final test error (test images chose it): confusions, "
        "reliability, the error when the least certain images are left out, and the images whose label it finds least "
        "likely."
    )
    return [html_page.heading("Where the best run errs", 3), html_page.picture(mistakes_figure.figure(run), caption)]


def _environment(finished: Sequence[Entry]) -> list[str]:
    """Every fact that the runs recorded; several values where they differ."""
    values: dict[str, list[str]] = {}
    for entry in finished:
        environments = [entry.status.environment, *entry.status.earlier_environments]
        for key, value in (pair for each in environments for pair in each.items()):
            text = json.dumps(value) if isinstance(value, list | dict) else str(value)
            if text not in values.setdefault(key, []):
                values[key].append(text)
    rows = pd.DataFrame({"fact": list(values), "value": [" | ".join(texts) for texts in values.values()]})
    several = [key for key, texts in values.items() if len(texts) > 1]
    parts = [html_page.table(rows)]
    if several:
        parts.append(html_page.paragraph(f"Not the same in all runs: {', '.join(several)}.", "fault"))
    return parts


def main(arguments: list[str]) -> None:
    """Writes the page and prints where it is."""
    command_line.no_arguments(arguments)
    if not flags.FLAGS.out.endswith(".html"):
        raise ConfigError(f"--out={flags.FLAGS.out}: the name of the page must end in .html")
    live = None
    if flags.FLAGS.live:
        # The runs of the sweep come first.
        os.nice(_NICE)
        live = live_progress.read(sys.stdin)
    text = report(flags.FLAGS.log_dir, live)
    files.make_directory(os.path.dirname(os.path.abspath(flags.FLAGS.out)))
    files.write_bytes(flags.FLAGS.out, text.encode())
    print(f"report: {os.path.abspath(flags.FLAGS.out)}")


if __name__ == "__main__":
    path_flags.log_dir()
    path_flags.define("out", "report.html", "the file of the page")
    flags.DEFINE_bool("live", False, "show the progress of a sweep, which gives it on standard input")
    command_line.launch(main)
