"""What the documents say of students whose minibatches a teacher chooses."""

import dataclasses
import re
from collections.abc import Callable
from statistics import median

from analysis.claim import LEVEL
from analysis.documents import committed
from analysis.documents.committed import bulleted, is_firm, markdown_rows, paragraph, row, rows, table

_CSV = "results/teaching/tables.csv"
_TABLES, _CLAIMS = "results/teaching/tables.md", "results/teaching/claims.md"
_HEADER = ("student", "accuracy %", "paper", "updates", "paper", "epochs", "validation %")
_STATISTICS = "results/teaching/statistics.csv"
_MARK = 96.0
"""The validation accuracy in percent that speeds are compared by."""
_STUDENT, _BASELINE = "mlp32-32, ", "baseline"
_COSTS = ("student", "updates to 96 %", "passes to 96 %", "passes to best", "right %", "epochs in all")
_BY_SEED = ("passes to 96 % by seed", "median", "more than the baseline", "between validations", "median with n + 1")


@dataclasses.dataclass(frozen=True)
class _Training:
    """A training of a student. Passes are minibatches, forward and backward.

    Attributes:
      seed: of it.
      best: the updates until the epoch with the highest validation accuracy.
      passes: until the first epoch with a validation accuracy of at least _MARK.
      repeated: the same, with the second forward pass of the chosen examples.
      between: passes of one epoch.
    """

    seed: int
    best: int
    passes: int
    repeated: int
    between: int


def _trainings() -> dict[str, list[_Training]]:
    """All trainings by student, as tables call it; by seed."""
    epochs: dict[tuple[str, int], list[dict[str, str]]] = {}
    for line in rows(_STATISTICS):
        if line["arrangement"].startswith(_STUDENT):
            epochs.setdefault((line["arrangement"], int(line["seed"])), []).append(line)
    result: dict[str, list[_Training]] = {}
    for (arrangement, seed), lines in sorted(epochs.items(), key=lambda item: item[0][1]):
        mark = next(line for line in lines if 100 - float(line["validation_error_percent"]) >= _MARK)
        best = int(lines[int(lines[-1]["best_epoch"]) - 1]["updates"])
        second = int(mark["updates"]) if _chooses(lines[0]) else 0
        own = _Training(seed, best, _passes(mark), _passes(mark) + second, _passes(lines[0]))
        result.setdefault(_name(arrangement), []).append(own)
    return {name: result[name] for name, *_ in markdown_rows(_TABLES, "student")}


def _passes(epoch: dict[str, str]) -> int:
    return int(epoch["updates"]) + int(epoch["forward_passes"])


def _chooses(epoch: dict[str, str]) -> bool:
    return int(epoch["forward_passes"]) > int(epoch["updates"])


def _name(arrangement: str) -> str:
    """What tables call `mlp32-32, stack 2, cross_entropy, soft`."""
    name = arrangement.removeprefix(_STUDENT)
    words = name.replace("cross_entropy", "cross-entropy").replace("euclidean", "Euclidean distance")
    return words if name == _BASELINE else f"{words} labels"


def students() -> str:
    """Table 3.1 of Lacaille (2018), with intervals over the seeds."""
    return table(_HEADER, markdown_rows(_TABLES, "student"))


def published_within() -> str:
    """How many of the thesis' numbers lie within the intervals of ours, and which accuracies do not."""
    lines = [(cells[0], [_numbers(cell) for cell in cells[1:]]) for cells in markdown_rows(_TABLES, "student")]
    # Published accuracies have one decimal.
    outside = [
        (name, low, high, paper)
        for name, ((_, low, high), (paper,), *_) in lines
        if not low - 0.05 <= paper <= high + 0.05
    ]
    updates = [low <= paper <= high for _, (_, _, (_, low, high), (paper,), *_) in lines]
    listed = [f"{name} ({low:.2f} to {high:.2f} here, {paper} there)" for name, low, high, paper in outside]
    return paragraph(
        f"Within the intervals lie {sum(updates)} of the thesis' {len(updates)} numbers of updates, and "
        f"{len(lines) - len(outside)} of its {len(lines)} accuracies, as it rounds them. "
        f"The other{'s' if len(listed) > 1 else ''}, in %: {'; '.join(listed)}."
    )


def range_of_updates() -> str:
    """How far seeds of one row lie apart."""
    bests = {name: [each.best for each in own] for name, own in _trainings().items()}
    name, widest = max(bests.items(), key=lambda pair: max(pair[1]) / min(pair[1]))
    return paragraph(
        "The epoch of the highest validation accuracy, whose updates the thesis prints, is largely chance: the curves",
        "are flat there, and seeds of one row differ by factors of up to",
        f"{max(widest) / min(widest):.1f} ({name}: {min(widest):,} to {max(widest):,} updates).",
    )


def passes_by_seed() -> str:
    """All passes until the mark, of each seed."""
    trainings = _trainings()
    baseline = {each.seed: each.passes for each in trainings[_BASELINE]}
    lines = []
    for name, own in trainings.items():
        more = [str(each.seed) for each in own if each.passes > baseline[each.seed]]
        which = f": {', '.join(more)}" if more else ""
        lines.append(
            [
                name,
                "; ".join(f"{each.passes:,}" for each in own),
                f"{median(each.passes for each in own):,}",
                "" if name == _BASELINE else f"{len(more)} of {len(own)}{which}",
                f"{own[0].between:,}",
                f"{median(each.repeated for each in own):,}",
            ]
        )
    return table(("student", *_BY_SEED), lines)


def bias_of_passes() -> str:
    """How far off the comparison of passes may be."""
    trainings = _trainings()
    baseline = trainings[_BASELINE]
    choosing = {name: own for name, own in trainings.items() if own[0].repeated > own[0].passes}
    middle = median(each.passes for each in baseline)
    gains = {name: middle - median(each.passes for each in own) for name, own in choosing.items()}
    small = [name for name, gain in gains.items() if gain <= baseline[0].between]
    repeated = [name for name, own in choosing.items() if median(each.repeated for each in own) < middle]
    return paragraph(
        f"The medians of the {len(choosing)} students whose teacher compares answers lie {min(gains.values()):,} to "
        f"{max(gains.values()):,} passes below that of the baseline, {middle:,}. The baseline is validated only every "
        f"{baseline[0].between:,} passes, so that its mark may be found late by almost as many; the others' by "
        f"{min(own[0].between for own in choosing.values()):,} to "
        f"{max(own[0].between for own in choosing.values()):,}. This favours the claim of a speedup, and for "
        f"{len(small)} of the {len(choosing)} the difference is no larger than that step. With the second forward pass "
        f"of the chosen examples, which runs here make and the count leaves out, {len(repeated) or 'none'} of the "
        f"{len(choosing)} medians {'lies' if len(repeated) < 2 else 'lie'} below the baseline's.",
    )


def _numbers(cell: str) -> list[float]:
    return [float(text.replace(",", "")) for text in re.findall(r"\d[\d,]*(?:\.\d+)?(?<!,)", cell)]


def teacher() -> str:
    """The error of the teacher that all students share."""
    error = float(row(_CSV, arrangement="mlp1200-1200, teacher")["test_error_percent"])
    return paragraph(f"The teacher that all of them share has a test accuracy of {100 - error:.2f} %.")


def costs() -> str:
    """What the students cost."""
    return table(_COSTS, markdown_rows(_TABLES, "cost of"))


def verdicts() -> str:
    """Which statements of the chapter hold."""
    return committed.verdicts(_CLAIMS)


def corrected_verdicts() -> str:
    """Which of those that hold do so after the correction for their number, too."""
    names = bulleted(_CLAIMS, " holds if ")
    found = {next(name for name in names if cells[0].startswith(f"{name} ")): cells for cells in _claims()}
    held = {name: cells[4] for name, cells in found.items() if cells[1] == "holds"}
    refuted = sum(cells[1] == "does not hold" for cells in found.values())
    firm, lost = ([name for name, p in held.items() if is_firm(p) == small] for small in (True, False))
    return paragraph(
        f"By the intervals {len(held)} of {len(found)} statements hold, and {refuted or 'none'} "
        f"{'is' if refuted < 2 else 'are'} refuted. But {len(found)} are judged at once. After Holm's correction for "
        f"that, p is at most {LEVEL:g} for {len(firm)} of the {len(held)}: {'; '.join(firm)}.",
        *([f"It is not for {'; '.join(f'{name} ({held[name]})' for name in lost)}."] if lost else []),
    )


def _claims() -> list[list[str]]:
    """Name and text, verdict, that on the paper's numbers, margin, p-value, seeds."""
    return markdown_rows(_CLAIMS, "claim")


BLOCKS: dict[str, Callable[[], str]] = {
    "students": students,
    "published students": published_within,
    "teacher of students": teacher,
    "range of updates": range_of_updates,
    "costs of students": costs,
    "passes by seed": passes_by_seed,
    "bias of passes": bias_of_passes,
    "claims on students": verdicts,
    "corrected claims on students": corrected_verdicts,
}
