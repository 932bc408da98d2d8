"""Checks which observations of a publication hold in given runs.

The claims are those of the runs' system (`methods.Analysis.claim_set`). With one seed a claim is seen in it, or not, by
the signs of its margins. Several seeds decide if they are as many as the claim set asks for; fewer are not enough data.
A claim holds if the 95 % bootstrap interval of each mean margin lies above 0. It does not hold if one lies below, or is
0 for all seeds. Otherwise the runs are inconclusive. Since many claims are judged at once, each has a p-value besides,
corrected by Holm's method (`holm`).

Example:
  python -m analysis.claims --log_dir=runs
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from absl import flags
from scipy import stats

from analysis import contents, frame, intervals, methods
from analysis.claim import LEVEL, NOISE, Claim, ClaimSet, Numbers
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.errors import DataError
from experiments import command_line, path_flags

HOLDS, FAILS, INCONCLUSIVE = "holds", "does not hold", "inconclusive"
TOO_FEW = "not enough data"
SEEN, UNSEEN = "seen in one seed", "not seen in one seed"
_MOST_SHOWN = 3
"""margins in one cell of a table."""
VERDICTS = (HOLDS, FAILS, INCONCLUSIVE, SEEN, UNSEEN, TOO_FEW)

_WIDE_ENOUGH = 8
"""From so many seeds on the interval misses a mean of 0 in about 5 % of cases; of 6 normal margins in 6 %, of 4 in
13 %."""
AFTER_CORRECTION = (
    f"If it is at most {LEVEL:g}, as much as a 95 % interval leaves on either side, the claim holds after this "
    "correction too."
)


@dataclasses.dataclass(frozen=True)
class Margin:
    """A margin as a mean over seeds.

    Attributes:
      mean: over the seeds.
      interval: the interval of the mean, see `intervals.interval`; None for fewer than two seeds.
    """

    mean: float
    interval: tuple[float, float] | None

    def __str__(self) -> str:
        interval = " [{:+.3g}, {:+.3g}]".format(*self.interval) if self.interval else ""
        return f"{self.mean:+.3g}{interval}"


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of checking a claim with data.

    Attributes:
      verdict: one of VERDICTS.
      margins: the margins by name; empty without data.
      numbers: means over the seeds, of ratios geometric ones, of the numbers that the margins come from.
      seeds: the number of seeds that decide: those with all needed runs, without those that only chose a setting.
      p: where seeds decide, the largest of the margins' one-sided p-values (`p_above_zero`): a claim holds only if all
        its margins are above 0.
      corrected: the same, corrected for all claims that are judged at once (`holm`).
    """

    claim: Claim
    verdict: str
    margins: Mapping[str, Margin]
    numbers: Numbers
    seeds: int
    p: float | None = None
    corrected: float | None = None


def p_above_zero(values: Sequence[float]) -> float:
    """The one-sided p-value of Student's t-test: how likely is such a mean or a higher one if the true one is 0.

    Equal values have no variance to test with. Then it is that of the sign test: 0.5**n if all are above 0.
    """
    if np.ptp(values) < NOISE:
        return 0.5 ** len(values) if _mean(values) > 0 else 1.0
    return float(stats.ttest_1samp(values, 0, alternative="greater").pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """P-values corrected for their number by Holm's method (Scandinavian Journal of Statistics 6, 1979).

    Among those of true null hypotheses, of whatever dependence, any is at most p in at most a share p of cases.
    """
    corrected, floor = [0.0] * len(ps), 0.0
    for place, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        floor = max(floor, min(1.0, (len(ps) - place) * ps[index]))
        corrected[index] = floor
    return corrected


def rule(claim_set: ClaimSet) -> str:
    """The rule for verdicts, as text for people."""
    least = claim_set.least_seeds
    choice = (
        "The best of several settings is chosen on every other seed and judged on the rest, so that it takes "
        f"{2 * least}; with one seed, on that one. "
        if any(claim.chooses for claim in claim_set.claims)
        else ""
    )
    alike = [claim.name for claim in claim_set.claims if claim.once]
    facts = f"{' and '.join(alike)} are the same for all seeds, and judged once. " if alike else ""
    if least >= _WIDE_ENOUGH:
        level = ""
    elif least >= intervals.FEWEST:
        level = f"Intervals of {least} seeds are a little narrow: they miss a mean of 0 in about 8 % of cases. "
    else:
        level = (
            f"Of fewer than {intervals.FEWEST} seeds an interval is their range, which misses a mean of 0 more often, "
            f"of {least} seeds in {2.0 ** (1 - least):.0%} of cases: look at the p-value too. "
        )
    return (
        "One seed decides nothing: a claim is seen in it if all its margins are positive there. With at least "
        f"{least} seeds a claim holds if the 95 % bootstrap interval of each mean margin lies above 0. It does not "
        "hold if one lies below, or is 0 for all seeds. Otherwise the runs are inconclusive. Fewer seeds are not "
        "enough data. "
        f"{choice}{facts}{level}Seeds differ in initial values and share their images: what another draw of test "
        f"images would change lies in no interval. {len(claim_set.claims)} claims are judged at once, each margin at "
        "this level. So where seeds decide, each claim has a p-value besides: the largest one-sided one of its margins "
        f"(t-test), corrected by Holm's method for the claims with enough seeds. {AFTER_CORRECTION} Nothing corrects "
        "for this where a claim does not hold: of many margins one can lie below 0 by chance."
        f"{f' {claim_set.units}' if claim_set.units else ''}"
    )


def set_of(runs: Sequence[Run]) -> ClaimSet | None:
    """The claims on runs of one data set in one setting; None if there are none, or not on such networks."""
    claim_set = methods.of(runs[0].config).claim_set
    return claim_set if claim_set and claim_set.grids_of(runs) else None


def judge(claim: Claim, grids: Sequence[Any], least_seeds: int) -> Finding:
    """Checks a claim with the seeds that have all needed runs; see `ClaimSet.grids_of`."""
    complete = [grid for grid in grids if _has_all(claim, grid)][: 1 if claim.once else None]
    if not complete:
        return Finding(claim, TOO_FEW, {}, {}, 0)
    alone = len(complete) == 1
    if claim.chooses and not alone:
        choosing = tuple(complete[::2])
        complete = [dataclasses.replace(grid, choosing=choosing) for grid in complete[1::2]]
    outcomes = [claim.margins(grid) for grid in complete]
    margins = {name: _margin([margins[name] for margins, _ in outcomes]) for name in outcomes[0][0]}
    mean = stats.gmean if claim.ratios else np.mean
    numbers = {name: _without_noise(float(mean([each[name] for _, each in outcomes]))) for name in outcomes[0][1]}
    verdict, p = TOO_FEW, None
    if alone:
        verdict = SEEN if all(margin.mean > 0 for margin in margins.values()) else UNSEEN
    elif len(outcomes) >= least_seeds:
        verdict = _verdict([margin.interval for margin in margins.values() if margin.interval])
        p = max(p_above_zero([each[name] for each, _ in outcomes]) for name in margins)
    return Finding(claim, verdict, margins, numbers, len(outcomes), p)


def _has_all(claim: Claim, grid: Any) -> bool:
    try:
        margins, _ = claim.margins(grid)
    except (KeyError, DataError):
        return False
    return bool(margins)


def _verdict(ends: Sequence[tuple[float, float]]) -> str:
    if all(low > 0 for low, _ in ends):
        return HOLDS
    # If all seeds agree, the interval has no width.
    return FAILS if any(high < 0 or low == high <= 0 for low, high in ends) else INCONCLUSIVE


def _margin(values: Sequence[float]) -> Margin:
    ends = intervals.interval(values)
    return Margin(_mean(values), (_without_noise(ends[0]), _without_noise(ends[1])) if ends else None)


def _mean(values: Sequence[float]) -> float:
    return _without_noise(float(np.mean(values)))


def _without_noise(value: float) -> float:
    return 0.0 if abs(value) < NOISE else value


def findings(grids: Sequence[Any], claim_set: ClaimSet) -> list[Finding]:
    """Checks all claims with the same grids."""
    return corrected([judge(claim, grids, claim_set.least_seeds) for claim in claim_set.claims])


def corrected(found: Sequence[Finding]) -> list[Finding]:
    """Findings with p-values corrected for all of them that seeds decide (`holm`)."""
    values = iter(holm([finding.p for finding in found if finding.p is not None]))
    return [each if each.p is None else dataclasses.replace(each, corrected=next(values)) for each in found]


def findings_of(runs: Sequence[Run], claim_set: ClaimSet) -> list[Finding]:
    """Checks all claims with runs of one data set in one setting."""
    return findings(claim_set.grids_of(runs), claim_set)


def table(results: Sequence[Finding], label: str) -> pd.DataFrame:
    """Findings as texts for people: claim, verdict, statement, margin, seeds and numbers; p-values if there are any."""
    rows = []
    for finding in results:
        claim = finding.claim
        of_others = claim.datasets and label not in claim.datasets
        elsewhere = f" (the paper says so of {' and '.join(claim.datasets)})" if of_others else ""
        rows.append(
            {
                "claim": f"{claim.name} {claim.text}{elsewhere}",
                "verdict": finding.verdict,
                "holds if": claim.statement,
                "margin": margins_in_full(finding)
                if len(finding.margins) <= _MOST_SHOWN
                else _margins_counted(finding),
                "seeds": finding.seeds,
                "numbers": "; ".join(f"{name} {value:.3g}" for name, value in finding.numbers.items()),
            }
        )
    result = pd.DataFrame(rows)
    if any(finding.corrected is not None for finding in results):
        result.insert(4, "p (Holm)", [p_text(finding.corrected) for finding in results])
    return result


def p_text(p: float | None) -> str:
    """A p-value for people; nothing for None."""
    return "" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def margins_in_full(finding: Finding) -> str:
    """Every margin with its interval, and with its name if there are several."""
    names = [f"{name} " if len(finding.margins) > 1 else "" for name in finding.margins]
    return "; ".join(f"{name}{value}" for name, value in zip(names, finding.margins.values(), strict=True))


def _margins_counted(finding: Finding) -> str:
    """A summary of the margins if there are too many for a cell."""
    ends = [margin.interval or (margin.mean, margin.mean) for margin in finding.margins.values()]
    above, below = sum(low > 0 for low, _ in ends), sum(high < 0 for _, high in ends)
    lowest, highest = (choose(finding.margins.items(), key=lambda pair: pair[1].mean) for choose in (min, max))
    return (
        f"{len(ends)} margins, {above} above 0, {below} below; lowest {lowest[0]} {lowest[1]}; "
        f"highest {highest[0]} {highest[1]}"
    )


def table_beside_paper(results: Sequence[Finding], label: str, claim_set: ClaimSet) -> pd.DataFrame:
    """Findings as in `table`; for data sets of the paper also with the verdicts on the paper's own numbers."""
    rows = table(results, label)
    if label in claim_set.datasets:
        published = findings([claim_set.published(label)], claim_set)
        rows.insert(2, "paper's own numbers", [finding.verdict for finding in published])
    return rows


def text(results: Sequence[Finding], heading: str, label: str) -> str:
    """Findings as lines for a terminal."""
    lines = [heading, ""]
    for row in table(results, label).to_dict("records"):
        lines += [f"{row['verdict'].upper()}: {row['claim']}", f"    holds if {row['holds if']}"]
        if row["seeds"]:
            p = f", p (Holm) {row['p (Holm)']}" if row.get("p (Holm)") else ""
            lines.append(f"    margin {row['margin']}, {row['seeds']} seed(s){p}: {row['numbers']}")
    return "\n".join(lines)


def _all_sets() -> list[ClaimSet]:
    """Each claim set once, also if systems share it."""
    return list(dict.fromkeys(analysis.claim_set for analysis in methods.every() if analysis.claim_set))


def main(arguments: list[str]) -> None:
    """Prints the verdicts on the runs of a log directory, or on the paper's own numbers."""
    command_line.no_arguments(arguments)
    if flags.FLAGS.paper:
        texts = [
            text(findings([each.published(label)], each), f"{label}: the published numbers of {each.source}", label)
            for each in _all_sets()
            for label in each.datasets
        ]
    else:
        texts = []
        for dataset in [flags.FLAGS.dataset] if flags.FLAGS.dataset else contents.datasets(flags.FLAGS.log_dir):
            label = catalogue.label(dataset)
            for setting, runs in frame.by_setting(frame.read_runs(flags.FLAGS.log_dir, dataset)).items():
                if claim_set := set_of(runs):
                    texts.append(text(findings_of(runs, claim_set), f"{label} ({setting})", label))
    if not texts:
        raise DataError(
            f"{flags.FLAGS.log_dir}: no finished run for which there are claims (there are claims of "
            f"{' and '.join(each.source for each in _all_sets())}); give the --log_dir of a sweep"
        )
    print("\n\n".join(texts))


if __name__ == "__main__":
    path_flags.log_dir()
    flags.DEFINE_string("dataset", None, "the data set of the runs to judge; default: all data sets in --log_dir")
    flags.DEFINE_bool("paper", False, "judge the published numbers of the papers instead")
    command_line.launch(main)
