"""Answers to the open questions of Noel (2017), section 7.3, from the runs of their grids.

The runs of question 3 are those in LOG_DIR/question-3, and so on; questions without runs are left out. Prints the
verdicts; writes a page with them, a figure for each question, and the errors of every run.

Example:
  python -m experiments.sweep --grid=question-3 --seeds=0,1,2,3,4,5,6,7 --log_dir=runs/questions/question-3
  python -m analysis.methods.ensemble.questions --log_dir=runs/questions --out=results/questions/digits
"""

import functools
import os
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from absl import flags
from matplotlib.axes import Axes

from analysis import claims, drawing, frame, intervals, markdown_page, provenance, results
from analysis.claims import Finding
from analysis.methods.ensemble import question_claims, question_members
from analysis.methods.ensemble.question_claims import ALL_LABELS, Answered, Rows
from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError
from collab_ensembles.methods.ensemble import question_grids
from collab_ensembles.methods.ensemble.question_grids import QUESTIONS
from collab_ensembles.runs import run_directory
from experiments import command_line, path_flags

BySeed = Mapping[int, Rows]
"""The errors of a question's rows, by seed."""

RULE = (
    "A gain is the first row's error less the second's, of the same seed, in points of per cent of the test examples. "
    f"With at least {question_claims.LEAST_SEEDS} seeds a claim holds if the 95 % bootstrap interval of the mean gain "
    "lies above 0. It does not hold if it lies below, or if the gain is 0 for all seeds; otherwise it is inconclusive. "
    "All claims on a data set are judged at once, so each has a p-value besides (one-sided t-test, corrected by Holm's "
    f"method for all of them). {claims.AFTER_CORRECTION} Losses are not corrected. The test takes gains as normal; "
    "gains of one or two of a few hundred test images are not. *Visible from* is the true gain that the interval of "
    "so many seeds, without the correction, would have shown in four of five cases; empty if all seeds gain the same, "
    "and too small where hardly any seed gains or loses."
)


def contents(log_dir: str, dataset: str) -> dict[str, bytes]:
    """The files of the directory of answers by name, README.md last.

    Args:
      log_dir: the directory with a log directory for each question.
      dataset: the name of the data set, as `--dataset` takes it.

    Raises:
      DataError: there is no finished run of any question.
    """
    answered: dict[int, Answered] = {}
    for number in QUESTIONS:
        directory = os.path.join(log_dir, f"question-{number}")
        known = run_directory.find_known(directory)
        if any(catalogue.is_same(config.dataset, dataset) and run_directory.finished(run) for run, config in known):
            answered[number] = question_claims.answered(number, frame.read_runs(directory, dataset))
    found = {number: own.by_seed() for number, own in answered.items()}
    if not any(found.values()):
        raise DataError(
            f"{log_dir}: no finished run of a question; needed: runs of --grid=question-1 in {log_dir}/question-1, and "
            "so on"
        )
    findings = question_claims.judge(found)
    files = {
        f"question_{number}.png": results.png(
            drawing.figure(
                functools.partial(draw, number, dataset, by_seed),
                1,
                (8, 1.6 + 0.32 * len(_names(number, dataset, by_seed))),
            )
        )
        for number, by_seed in found.items()
    }
    every = [run for own in answered.values() for _, run in own.runs]
    parts = [
        f"# {catalogue.label(dataset)}: the paper's open questions",
        f"{len(every)} runs; computed {provenance.when(every)} (UTC) with revision "
        f"{', '.join(provenance.revisions(every))}. Written by a command: not to be edited.",
        RULE,
    ]
    for number, by_seed in found.items():
        parts += _section(number, by_seed, findings[number], answered[number])
    changes = question_members.changes(answered)
    # One row has no correlation.
    if len(changes) > 1:
        parts += [
            f"## {question_members.HEADING}",
            question_members.summary(changes),
            f"![{question_members.CAPTION}](members.png)",
            "[changes.csv](changes.csv) has the numbers of each row.",
        ]
        panels = len(question_members.panels(changes))
        drawn = drawing.figure(functools.partial(question_members.draw, changes), panels, (4 + 4 * panels, 4.5))
        files |= {"members.png": results.png(drawn), "changes.csv": _csv(changes)}
    return {**files, "errors.csv": _errors(found), "README.md": markdown_page.page(parts).encode()}


def _section(number: int, by_seed: BySeed, findings: Sequence[Finding], answered: Answered) -> list[str]:
    runs = [run for _, run in answered.runs]
    epochs = sorted({run.config.epochs for run in runs})
    hours = sum(run.status.seconds for run in runs) / 3600
    seeds = intervals.describe([len(by_seed)])
    size = f"{len(by_seed)} seeds, {' to '.join(map(str, dict.fromkeys((epochs[0], epochs[-1]))))} epochs"
    size += f", `{answered.setting}`" * bool(answered.setting)
    whose = question_claims.JUDGED.get(number, "the ensemble, or of the only network")
    caption = f"Test error of {whose}; means{f' with {seeds}' if seeds else ''}."
    return [
        f"## {number}. {QUESTIONS[number]}",
        f"{size}. {len(runs)} runs, {hours:.1f} hours of training in all.",
        f"![{caption}](question_{number}.png)",
        markdown_page.table(verdicts(findings, list(by_seed.values()))),
    ]


def verdicts(findings: Sequence[Finding], rows: Sequence[Rows]) -> pd.DataFrame:
    """A table of claims with verdict, gain, corrected p-value, seeds, and the smallest gain that they could show."""
    lines = []
    for finding in findings:
        visible = question_claims.smallest_visible(finding.claim, rows)
        lines.append(
            {
                "claim": f"{finding.claim.name} {finding.claim.text}",
                "verdict": finding.verdict,
                "gain": claims.margins_in_full(finding),
                "p (Holm)": claims.p_text(finding.corrected),
                "seeds": finding.seeds,
                "visible from": "" if visible is None else f"{visible:.2g}",
            }
        )
    return pd.DataFrame(lines)


def draw(number: int, dataset: str, by_seed: BySeed, axes: Sequence[Axes]) -> None:
    """The error of each row of a question, a point for the mean and a bar for its interval.

    Args:
      number: of the question.
      dataset: the name of the data set.
      by_seed: the errors of its rows.
      axes: one panel.
    """
    (panel,) = axes
    names = _names(number, dataset, by_seed)
    for place, name in enumerate(names):
        values = np.array([_judged(number, rows[name]) for rows in by_seed.values() if name in rows])
        ends = intervals.interval(values.tolist())
        colour = "black" if any(word in name for word in ("plain", "pseudo", "alone")) else "tab:blue"
        if ends is not None:
            panel.plot(ends, [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
        panel.plot(values, np.full(len(values), place), "|", color=colour, alpha=0.35)
        panel.plot([values.mean()], [place], "o", color=colour)
    panel.set_yticks(range(len(names)), names, fontsize=8.5)
    panel.invert_yaxis()
    member = question_claims.JUDGED.get(number)
    panel.set_xlabel(f"test error of {member} in %" if member else "test error in %")
    panel.grid(axis="x", alpha=0.3)
    panel.set_title(f"{number}. {QUESTIONS[number]}", fontsize=10)


def _judged(number: int, errors: Mapping[str, float]) -> float:
    """The error that the claims of a question are on, of the ensemble or of a member; that of the only network."""
    output = question_claims.JUDGED.get(number, "Ens")
    return errors.get(output, next(iter(errors.values())))


def _names(number: int, dataset: str, by_seed: BySeed) -> list[str]:
    """The rows that have runs, in the order of the grid."""
    present = {name for rows in by_seed.values() for name in rows}
    order = [*question_grids.rows_of(number, dataset), ALL_LABELS]
    return [*(name for name in order if name in present), *sorted(present - set(order))]


def _errors(found: Mapping[int, BySeed]) -> bytes:
    """A line for each run and output, with all digits."""
    lines = [
        {"question": number, "row": name, "seed": seed, "output": output, "test_error_percent": error}
        for number, by_seed in found.items()
        for seed, rows in by_seed.items()
        for name, errors in rows.items()
        for output, error in errors.items()
    ]
    return _csv(pd.DataFrame(lines))


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n", float_format="%.8g").encode()


def _without_figures(page: str) -> str:
    return markdown_page.page([part for part in page.rstrip().split("\n\n") if not part.startswith("![")])


def _main(arguments: list[str]) -> None:
    command_line.no_arguments(arguments)
    catalogue.check_name(flags.FLAGS.dataset)
    content = contents(flags.FLAGS.log_dir, flags.FLAGS.dataset)
    results.write(flags.FLAGS.out, content)
    print(_without_figures(content["README.md"].decode()))
    print(f"answers: {len(content)} files in {os.path.abspath(flags.FLAGS.out)}")


if __name__ == "__main__":
    path_flags.define("log_dir", "runs/questions", "the directory with question-1 and so on", allow_override=True)
    flags.DEFINE_string("dataset", "digits", "the data set of the runs")
    path_flags.define("out", "questions", "the directory for the answers")
    command_line.launch(_main)
