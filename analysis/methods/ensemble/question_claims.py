"""The open questions of Noel (2017), section 7.3, as claims on the rows of their grids, and what runs say of them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

from analysis import claims
from analysis.claim import NOISE, Claim, Numbers
from analysis.claims import Finding
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError
from collab_ensembles.methods.ensemble import question_grids
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text

Rows = Mapping[str, Mapping[str, float]]
"""What one seed gave: final test errors in percent, by row and output."""

ALL_LABELS = "plain, all labels"
"""The row of question 7 that no grid has: it has no train limit."""
_OF_ALL_LABELS = ("train_limit", "batch_size")
"""Settings in which its runs may differ from those of the other rows."""
LEAST_SEEDS = 8
_POWER = 0.8
_DEEP = "B3R9F16"
JUDGED = {6: _DEEP}
"""The output that all claims of a question are on, where that is a member."""


def _beats(treated: str, reference: str, output: str = "Ens") -> Callable[[Rows], tuple[Numbers, Numbers]]:
    """The margin is by how much the first row's error is lower than the second's."""

    def margins(rows: Rows) -> tuple[Numbers, Numbers]:
        own, other = rows[treated][output], rows[reference][output]
        return {"gain": other - own}, {f"{output}, {treated}": own, f"{output}, {reference}": other}

    return margins


def _claim(text: str, treated: str, reference: str, output: str = "Ens") -> Claim:
    statement = f"the test error of {output} is lower with “{treated}” than with “{reference}”"
    return Claim("", text, statement, _beats(treated, reference, output))


def _length() -> list[Claim]:
    favourite = "L2 0.01, {}, {} epochs{}"
    found = [
        _claim("120 epochs beat 30", "plain, report, 120 epochs", "plain, report, 30 epochs"),
        _claim("augmentation helps in 120 epochs", "plain, report, 120 epochs, augmented", "plain, report, 120 epochs"),
    ]
    for resnet in ("report", "post2018"):
        for ending in ("", ", augmented"):
            own = favourite.format(resnet, 120, ending)
            text = f"collaboration (L2, 0.01) helps after 120 epochs{ending}, block {resnet}"
            found.append(_claim(text, own, own.replace("L2 0.01", "plain")))
    return found


def _schedules() -> list[Claim]:
    shapes = ("rising", "falling", "warm-up", "first half only", "second half only")
    return [
        _claim(f"{cost}: {shape} beats constant", f"{cost}, {shape}", f"{cost}, constant")
        for cost in ("L2 0.1", "L2 0.01")
        for shape in shapes
    ]


def _directions() -> list[Claim]:
    costs = ("CE 1", "L2 0.1", "L2 0.01")
    more = "{}, {} learns ten times as much"
    found = []
    for cost in costs:
        st, m = (f"{cost}, {each}" for each in ("ST learns from M", "M learns from ST"))
        found += [
            _claim(f"{cost}: ST gains if it alone learns", st, "plain", "ST"),
            _claim(f"{cost}: M gains if it alone learns", m, "plain", "M"),
            _claim(f"{cost}: both directions beat ST's alone", f"{cost}, both", st),
            _claim(f"{cost}: a tenth of the weight for M beats equal ones", more.format(cost, "ST"), f"{cost}, both"),
        ]
    # Only these compare equal sums of weights. They were added when the others had been answered.
    return [
        *found,
        *(
            _claim(
                f"{cost}: a tenth of the weight for M beats a tenth for ST",
                more.format(cost, "ST"),
                more.format(cost, "M"),
            )
            for cost in costs
        ),
    ]


def _sizes() -> list[Claim]:
    found = []
    for count in (2, 3, 4, 8):
        for pairing in ("chain", "all")[: 1 if count == 2 else 2]:
            own = f"{count} ST, {pairing}, weight kept in total"
            found.append(_claim(f"{count} members gain by collaboration ({pairing})", own, f"{count} ST, plain"))
    found.append(_claim("eight plain members beat two", "8 ST, plain", "2 ST, plain"))
    each = "8 ST, all, weight kept for each pair"
    return [
        *found,
        _claim("of eight, weight for each pair beats weight in total", each, "8 ST, all, weight kept in total"),
    ]


def _equals() -> list[Claim]:
    names = ("2 ST", "2 M", "4 M")
    gains = [_claim(f"{name} gain by collaboration", f"{name}, L2 0.01", f"{name}, plain") for name in names]
    return [
        *gains,
        *(
            _claim(f"{name}: different beginnings beat equal ones", f"{name}, L2 0.01", f"{name}, L2 0.01, begun equal")
            for name in names
        ),
    ]


def _depth() -> list[Claim]:
    return [
        _claim(f"{partner} helps {_DEEP} ({cost})", f"{_DEEP} with {partner}, {cost}", f"{_DEEP} alone", output=_DEEP)
        for partner in ("ST", "M")
        for cost in ("CE 1", "L2 0.01")
    ]


def _without_labels() -> list[Claim]:
    found = [
        _claim("pseudo-labels help", "pseudo-labels", "plain"),
        _claim("all labels beat the limited ones", ALL_LABELS, "plain"),
    ]
    for cost in ("CE 1", "L2 0.01"):
        alone = f"{cost}, labelled images alone"
        sources = {"rest": "the rest", "uniform": "uniform noise", "gaussian": "noise with the data's moments"}
        found += [_claim(f"{cost}: {name} helps", f"{cost}, {source}", alone) for source, name in sources.items()]
        found.append(_claim(f"{cost}: the rest beats pseudo-labels", f"{cost}, rest", "pseudo-labels"))
    return found


_CLAIMS: Mapping[int, Callable[[], list[Claim]]] = {
    1: _length,
    2: _schedules,
    3: _directions,
    4: _sizes,
    5: _equals,
    6: _depth,
    7: _without_labels,
}


def claims_of(number: int) -> list[Claim]:
    """The claims of a question, named `1 (a)`, `1 (b)` and so on."""
    return [
        dataclasses.replace(claim, name=f"{number} ({chr(ord('a') + place)})")
        for place, claim in enumerate(_CLAIMS[number]())
    ]


@dataclasses.dataclass(frozen=True)
class Answered:
    """The runs of a question.

    Attributes:
      runs: those that stand in a row, with its name.
      setting: what they have in common besides data set and epochs, and is no default, as flags.
    """

    runs: Sequence[tuple[str, Run]]
    setting: str

    def by_seed(self) -> dict[int, dict[str, dict[str, float]]]:
        """The final test errors in percent by seed, row and output."""
        found: dict[int, dict[str, dict[str, float]]] = {}
        for name, run in sorted(self.runs, key=lambda row: row[1].config.seed):
            errors = {output: float(curve["TestError"].iloc[-1]) for output, curve in run.statistics.items()}
            found.setdefault(run.config.seed, {})[name] = errors
        return found


def answered(number: int, runs: Sequence[Run]) -> Answered:
    """Tells which runs stand in the rows of a question; the others are left out.

    Args:
      number: of the question.
      runs: finished runs of one data set.

    Raises:
      DataError: runs differ in other settings than their rows do.
    """
    config = runs[0].config
    lengths = [run.config.epochs for run in runs]
    usual = max(set(lengths), key=lengths.count)
    rows = question_grids.rows_of(number, config.dataset, usual)
    fields = list(dict.fromkeys(name for own in rows.values() for name in own))

    def signature(config: RunConfig) -> tuple[object, ...]:
        return tuple(getattr(config, name) for name in fields)

    common = {"dataset": config.dataset, "train_limit": config.train_limit or 1, "epochs": usual}
    names = {signature(RunConfig(**{**common, **own})): name for name, own in rows.items()}
    found = []
    for run in runs:
        name = names.get(signature(run.config))
        if number == 7 and run.config.train_limit is None:
            name = ALL_LABELS if name == "plain" else None
        if name is not None:
            found.append((name, run))
    for apart in ((), _OF_ALL_LABELS):
        settings = {_setting(run.config, (*fields, *apart)): run for name, run in found if apart or name != ALL_LABELS}
        if len(settings) > 1:
            (first, one), (second, other) = list(settings.items())[:2]
            raise DataError(
                f"{one.directory} ({first or 'defaults'}) and {other.directory} ({second or 'defaults'}): runs of one "
                "question in two settings; keep each in a log directory of its own"
            )
    shared = [_setting(run.config, (*fields, "epochs")) for name, run in found if name != ALL_LABELS]
    return Answered(found, shared[0] if shared else "")


def _setting(config: RunConfig, without: Sequence[str]) -> str:
    """The settings that have not their default, as flags, without some, and without data set and seed."""
    left_out = (*without, "dataset", "seed")
    return " ".join(f"--{name}={as_text(value)}" for name, value in config.changed().items() if name not in left_out)


def judge(found: Mapping[int, Mapping[int, Rows]]) -> dict[int, list[Finding]]:
    """The findings of all questions, by number; p-values are corrected for all claims that seeds decide.

    Args:
      found: of each question the rows by seed, see `Answered.by_seed`.
    """
    numbers = [number for number in found for _ in claims_of(number)]
    judged = [
        claims.judge(claim, list(found[number].values()), LEAST_SEEDS)
        for number in found
        for claim in claims_of(number)
    ]
    by_question: dict[int, list[Finding]] = {}
    for number, finding in zip(numbers, claims.corrected(judged), strict=True):
        by_question.setdefault(number, []).append(finding)
    return by_question


def smallest_visible(claim: Claim, rows: Sequence[Rows]) -> float | None:
    """The smallest true gain that so many seeds would have shown in four of five cases.

    For a two-sided t-test at 5 %, with the scatter between the seeds: (t(0.975) + t(0.8)) s / sqrt(n), with n - 1
    degrees of freedom. None for fewer than three seeds, and where all have the same gain: such errors, of few test
    images, tell nothing of the scatter.
    """
    values = []
    for each in rows:
        try:
            margins, _ = claim.margins(each)
        except KeyError:
            continue
        values.append(margins["gain"])
    if len(values) < 3 or np.ptp(values) < NOISE:
        return None
    freedom = len(values) - 1
    quantiles = stats.t.ppf(0.975, freedom) + stats.t.ppf(_POWER, freedom)
    return float(quantiles * np.std(values, ddof=1) / np.sqrt(len(values)))
