"""Which observations of Noel (2017), section 6.1, hold in the runs of a log directory.

The claims are defined in analysis/claim_definitions.py. With one seed the sign of a claim's margin decides.
With several it holds if the 95 % bootstrap interval of the mean margin lies above 0, does not hold if it
lies below, and otherwise the data are not enough.

Example:
  python -m analysis.claims --log_dir=runs
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from absl import flags

from analysis import contents, frame, intervals, tables
from analysis.claim_definitions import CLAIMS, Claim, Grid, Numbers, Setting
from analysis.frame import Run
from collab_ensembles.datasets import catalogue
from collab_ensembles.errors import DataError
from experiments import command_line

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "not enough data"

PAPER_DATASETS = ("MNIST", "notMNIST", "CIFAR10")
RULE = (
    "With one seed the sign of the margin decides. With several a claim holds if the 95 % bootstrap interval of "
    "its mean margin lies above 0, does not hold if it lies below, and else the data are not enough."
)

_NOISE = 1e-5
"""What counts as 0: errors are counts in single precision, so that what is equal differs by up to a millionth point."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """A claim, held against data.

    Attributes:
      verdict: HOLDS, FAILS or UNDECIDED.
      margin: the mean over the seeds, or None without data.
      interval: its 95 % bootstrap interval, or None for fewer than two seeds.
      numbers: means over the seeds of what is behind it.
      seeds: how many seeds have all that the claim needs.
    """

    claim: Claim
    verdict: str
    margin: float | None
    interval: tuple[float, float] | None
    numbers: Numbers
    seeds: int


def grids_of(runs: Sequence[Run]) -> list[Grid]:
    """One grid a seed, from runs of one data set in one setting."""
    seeds = sorted({run.config.seed for run in runs})
    grids = []
    for seed in seeds:
        chosen = {(run.method, run.config.weight): run.statistics for run in runs if run.config.seed == seed}
        errors = {
            setting: {model: float(curve["TestError"].iloc[-1]) for model, curve in statistics.items()}
            for setting, statistics in chosen.items()
        }
        grids.append(Grid(errors, chosen))
    return grids


def paper_grid(label: str) -> Grid:
    """The published final numbers of a data set: MNIST, notMNIST or CIFAR10."""
    results = tables.paper_results()
    errors: dict[Setting, dict[str, float]] = {}
    for row in results[results["dataset"] == label].to_dict("records"):
        errors.setdefault((row["method"], row["weight"]), {})[row["model"]] = row["test_error_percent"]
    return Grid(errors)


def judge(claim: Claim, grids: Sequence[Grid]) -> Finding:
    """Holds a claim against the seeds that have all the runs it needs."""
    outcomes = []
    for grid in grids:
        try:
            outcomes.append(claim.margin(grid))
        except KeyError:
            continue
    if not outcomes:
        return Finding(claim, UNDECIDED, None, None, {}, 0)
    margins = [margin for margin, _ in outcomes]
    numbers = {name: _mean([each[name] for _, each in outcomes]) for name in outcomes[0][1]}
    mean = _mean(margins)
    ends = intervals.interval(margins)
    low, high = (_without_noise(ends[0]), _without_noise(ends[1])) if ends else (mean, mean)
    interval = (low, high) if ends else None
    if low > 0:
        verdict = HOLDS
    elif high < 0 or interval is None or low == high:
        verdict = FAILS
    else:
        verdict = UNDECIDED
    return Finding(claim, verdict, mean, interval, numbers, len(outcomes))


def _mean(values: Sequence[float]) -> float:
    return _without_noise(float(np.mean(values)))


def _without_noise(value: float) -> float:
    return 0.0 if abs(value) < _NOISE else value


def findings(grids: Sequence[Grid]) -> list[Finding]:
    """All claims, held against the same grids."""
    return [judge(claim, grids) for claim in CLAIMS]


def table(results: Sequence[Finding], label: str) -> pd.DataFrame:
    """Findings as texts, for people: claim, verdict, what is computed, margin, seeds and numbers."""
    rows = []
    for finding in results:
        claim = finding.claim
        elsewhere = f" (the paper says so of {claim.dataset})" if claim.dataset not in (None, label) else ""
        margin = "" if finding.margin is None else f"{finding.margin:+.3g}"
        if finding.interval:
            margin += f" [{finding.interval[0]:+.3g}, {finding.interval[1]:+.3g}]"
        rows.append(
            {
                "claim": f"{claim.name} {claim.text}{elsewhere}",
                "verdict": finding.verdict,
                "holds if": claim.statement,
                "margin": margin,
                "seeds": finding.seeds,
                "numbers": "; ".join(f"{name} {value:.3g}" for name, value in finding.numbers.items()),
            }
        )
    return pd.DataFrame(rows)


def table_beside_paper(results: Sequence[Finding], label: str) -> pd.DataFrame:
    """Findings as `table` has them; for data sets of the paper with the verdicts on its own final numbers."""
    rows = table(results, label)
    if label in PAPER_DATASETS:
        published = findings([paper_grid(label)])
        rows.insert(2, "paper's final numbers", [finding.verdict for finding in published])
    return rows


def text(results: Sequence[Finding], heading: str, label: str) -> str:
    """Findings as lines for a terminal."""
    lines = [heading, ""]
    for row in table(results, label).to_dict("records"):
        lines += [f"{row['verdict'].upper()}: {row['claim']}", f"    holds if {row['holds if']}"]
        if row["seeds"]:
            lines.append(f"    margin {row['margin']}, {row['seeds']} seed(s): {row['numbers']}")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Prints the verdicts on the runs of a log directory, or on the paper's own numbers."""
    command_line.no_arguments(arguments)
    if flags.FLAGS.paper:
        texts = [
            text(findings([paper_grid(label)]), f"{label}: the paper's own final numbers", label)
            for label in PAPER_DATASETS
        ]
    else:
        texts = []
        for dataset in [flags.FLAGS.dataset] if flags.FLAGS.dataset else contents.datasets(flags.FLAGS.log_dir):
            label = catalogue.label(dataset)
            runs_of = frame.read_runs(flags.FLAGS.log_dir, dataset)
            # The claims are Noel's; other systems have none.
            ensembles = [run for run in runs_of if run.config.system == "ensemble"]
            for setting, runs in frame.by_setting(ensembles).items():
                texts.append(text(findings(grids_of(runs)), f"{label} ({setting})", label))
    if not texts:
        raise DataError(
            f"{flags.FLAGS.log_dir}: holds no finished run of collaborative ensembles; give the --log_dir of a sweep"
        )
    print("\n\n".join(texts))


if __name__ == "__main__":
    flags.DEFINE_string("log_dir", "runs", "where run directories are kept", allow_override=True)
    flags.DEFINE_string("dataset", None, "the data set whose runs are judged; default: all that are there")
    flags.DEFINE_bool("paper", False, "judge the paper's own final numbers instead")
    command_line.launch(main)
