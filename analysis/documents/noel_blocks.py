"""What the documents say of the 13 ensembles of Noel (2017) on digits and MNIST."""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from statistics import fmean

from analysis.documents.committed import markdown_rows, paragraph, row, rows, search, table, verdict_counts

MODELS = ("ST", "M", "Ens")
_WEIGHTS = ("1", "0.1", "0.01", "0.0001")
SETTINGS = (("Single", "1"), *((method, weight) for method in ("CE", "L1", "L2") for weight in _WEIGHTS))
"""Method and weight of each ensemble as the tables have them, the plain one first."""
_MEMBERS = [(*setting, model) for setting in SETTINGS[1:] for model in ("ST", "M")]

ERROR, _COST = "test_error_percent", "test_cost"
_MNIST, AUTHORS_ORDER = "results/mnist", "results/mnist-author"
_DIGITS_CLAIMS = "results/digits/claims.md"

Curves = Mapping[tuple[str, str, str], list[float]]


def name(method: str, weight: str) -> str:
    """What a reader calls an ensemble."""
    return "plain" if method == "Single" else f"{method}, weight {weight}"


def errors_of_seeds(results: str) -> str:
    """Errors, means over the seeds with their intervals, or with their ranges where seeds are few."""
    lines = [
        [name(*setting), *(_with_interval(f"{results}/tables.csv", *setting, model) for model in MODELS)]
        for setting in SETTINGS
    ]
    return table(["ensemble", "ST", "M", "both together"], lines)


def _with_interval(path: str, method: str, weight: str, model: str) -> str:
    found = row(path, method=method, weight=weight, model=model)
    mean, low, high = (float(found[ERROR + end]) for end in ("", "_low", "_high"))
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def digits_claims() -> str:
    """The verdict on each observation of the paper."""
    lines = [[claim, verdict, p] for claim, verdict, _, p, _ in markdown_rows(_DIGITS_CLAIMS, "claim")]
    return table(["observation of the paper", "on digits", "p (Holm)"], lines, words=3)


def digits_verdicts() -> str:
    """How many observations have which verdict, where seeds decide."""
    counts, firm = verdict_counts(_DIGITS_CLAIMS)
    seeds = max(int(seeds) for *_, seeds in markdown_rows(_DIGITS_CLAIMS, "claim"))
    return (
        f"On digits ({seeds} seeds) {counts['holds']} of {counts.total()} observations hold, {firm} also after "
        f"Holm's correction, {counts['does not hold']} do not, and {counts['inconclusive']} are inconclusive."
    )


def digits_members() -> str:
    """How many members gain."""
    better, worse = (
        float(search(_DIGITS_CLAIMS, rf"of 24 collaborating members.*?{word} ([\d.]+)")) for word in ("better", "worse")
    )
    return paragraph(
        f"In each seed 24 members collaborate. On average {better:.0f} of them end with a lower error than the same "
        f"member of the plain ensemble, and {worse:.0f} with a higher one."
    )


def digits_calibration() -> str:
    """What collaboration does to calibration."""
    errors = calibration_errors("results/digits")
    with_l2 = [f"{errors[f'L2 {weight}']:.1f} % with {weight}" for weight in reversed(_WEIGHTS)]
    return paragraph(
        f"The expected calibration error of both together (15 bins of equally many examples, means over the seeds) is "
        f"{errors['plain']:.1f} % in the plain ensemble, and {errors['CE 1']:.1f} % in that with CE and the weight 1. "
        f"With L2 it rises with the weight: {', '.join(with_l2)}."
    )


def calibration_errors(results: str) -> dict[str, float]:
    """Of both together in percent, means over the seeds, by the name of the ensemble; bins of equally many examples."""
    found: dict[str, list[float]] = {}
    for one in rows(f"{results}/uncertainty.csv"):
        if one["output"] == "ensemble":
            found.setdefault(one["run"].partition(", seed")[0], []).append(100 * float(one["ece_mass"]))
    return {each: fmean(values) for each, values in found.items()}


def mnist_errors(results: str = _MNIST) -> str:
    """Errors on MNIST beside those of the paper."""
    return beside_the_paper(results, ERROR, 2)


def mnist_costs() -> str:
    """Costs on MNIST beside those of the paper."""
    return beside_the_paper(_MNIST, _COST, 4)


def beside_the_paper(results: str, column: str, digits: int) -> str:
    """A column of the tables in a directory beside that of the paper, a line for each ensemble."""
    lines = []
    for method, weight in SETTINGS:
        found = [row(f"{results}/tables.csv", method=method, weight=weight, model=model) for model in MODELS]
        numbers = [float(one[key]) for key in (column, f"paper_{column}") for one in found]
        lines.append([name(method, weight), *(f"{number:.{digits}f}" for number in numbers)])
    return table(["ensemble", "ST", "M", "both together", "paper: ST", "M", "both together"], lines)


def error_gaps(results: str = _MNIST) -> list[float]:
    """Our errors on MNIST less the paper's, in points."""
    return [round(float(one[f"{ERROR}_minus_paper"]), 2) for one in rows(f"{results}/tables.csv")]


def cost_gaps(results: str = _MNIST) -> list[float]:
    """How far our costs on MNIST lie from the paper's, as shares of the paper's."""
    return [abs(float(one[_COST]) / float(one[f"paper_{_COST}"]) - 1) for one in rows(f"{results}/tables.csv")]


def mnist_nearness() -> str:
    """How far errors and costs on MNIST lie from the paper's, for the first page."""
    return (
        f"costs lie within {math.ceil(100 * max(cost_gaps()))} % of the paper's, and errors within "
        f"{max(map(abs, error_gaps())):.2f} percentage points"
    )


def mnist_gaps() -> str:
    """The same with the direction of the gaps, and what may explain them."""
    gaps, anew = error_gaps(), _gains()
    weak, plain = ("CE", "0.0001"), ("Single", "1")
    ends = {key: curve[-1] for key, curve in _curves(ERROR).items()}
    apart = ", ".join(f"{abs(ends[(*weak, model)] - ends[(*plain, model)]):.2f}" for model in MODELS)
    return paragraph(
        f"The {mnist_nearness()}.",
        f"{sum(gap > 0 for gap in gaps)} of {len(gaps)} errors are above the paper's. On average errors are "
        f"{fmean(gaps):.2f} points higher. Statistics of batch normalisation taken anew (see below) would take off "
        f"{fmean(anew['all']):.2f} of these points.",
        f"CE with weight 0.0001 begins with the weights of the plain ensemble, sees the same batches, and has nearly "
        f"the same cost. Yet the two end {apart} points apart (ST, M, both together). So much is chance.",
    )


def mnist_claims() -> str:
    """The verdict on each observation of the paper, by our runs and by the paper's own numbers."""
    both = (markdown_rows(f"{results}/claims.md", "claim") for results in (_MNIST, AUTHORS_ORDER))
    lines = [[*ours[:2], in_order[1], ours[2]] for ours, in_order in zip(*both, strict=True)]
    header = ["observation of the paper", "our runs", "in the author's order", "the author's curves"]
    return table(header, lines, words=4)


def mnist_members() -> str:
    """How many members gain, and what another last epoch would change."""
    errors = _curves(ERROR)
    jumped = {("Single", "1"), ("CE", "0.1"), ("CE", "0.01"), ("CE", "0.0001")}
    rises: dict[bool, list[float]] = {True: [], False: []}
    for key, curve in errors.items():
        rises[key[:2] in jumped].append(curve[-1] - curve[-3])
    last, earlier = _gain(errors, -1), _gain(errors, -3)
    return paragraph(
        f"{last[0]} of the 24 collaborating members have a lower error than the same member of the plain ensemble, and "
        f"{last[1]} a higher one.",
        "Most of this is chance: even the choice of the last epoch changes the count. Four runs, the plain one and CE "
        "with weights below 1, end just after a jump of M's training cost.",
        f"Two epochs earlier their errors are {fmean(rises[True]):.2f} points lower, and those of the other runs "
        f"{-fmean(rises[False]):.2f} higher. Then {earlier[0]} members are better and {earlier[1]} are worse.",
    )


def _gain(errors: Curves, epoch: int) -> tuple[int, int]:
    """How many collaborating members have a lower and how many a higher error than their plain counterpart."""
    gaps = [
        round(errors[method, weight, model][epoch] - errors["Single", "1", model][epoch], 5)
        for method, weight, model in _MEMBERS
    ]
    return sum(gap < 0 for gap in gaps), sum(gap > 0 for gap in gaps)


def mnist_distances() -> str:
    """What the statistics of every epoch show and the tables do not."""
    distances = {key[:2]: curve[-1] for key, curve in _curves("logit_distance").items()}
    return paragraph(
        f"L1 and L2 hold the members' logits together even with a weight of 0.0001: their mean distance is "
        f"{distances['L1', '0.0001']:.1f} and {distances['L2', '0.0001']:.1f} at the end. In the plain ensemble it is "
        f"{distances['Single', '1']:.1f}, and with CE at that weight {distances['CE', '0.0001']:.1f}."
    )


def mnist_time() -> str:
    """How long the runs took."""
    runs, mean, least, most, _ = minutes()
    return paragraph(
        f"A run took {least:.0f} to {most:.0f} minutes on one core. Two cores train two runs at a time, so that an "
        f"ensemble took {mean / 2:.0f} minutes and all {runs:.0f} took {mnist_hours()} hours. "
        "The author's files show 36 to 38 minutes an ensemble on MNIST and CIFAR-10, on a K80 GPU."
    )


def mnist_hours() -> str:
    """Hours of the whole grid on two cores."""
    return f"{minutes()[-1] / 2 / 60:.1f}"


def minutes(results: str = _MNIST) -> list[float]:
    """How many runs a grid has, and the minutes that they took: mean, least, most, and in all."""
    (found,) = [cells for cells in markdown_rows(f"{results}/environment.md", "ensemble") if cells[0] == "all"]
    return [float(cell) for cell in found[1:]]


def batch_statistics() -> str:
    """What statistics of batch normalisation taken anew change at the end of training."""
    gains = _gains()["ST"]
    return paragraph(
        f"At the end of training the lag costs little. Of {len(gains)} MNIST runs, statistics taken anew have "
        f"{fmean(gains):.2f} points less error on average for ST, and at most {max(gains):.2f}."
    )


def _gains() -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"all": []}
    for one in rows("benchmarks/results/batch_statistics.csv"):
        gain = float(one["moving_averages_percent"]) - float(one["taken_anew_percent"])
        found["all"].append(gain)
        found.setdefault(one["output"], []).append(gain)
    return found


def _curves(column: str) -> Curves:
    """A statistic of the MNIST runs after each epoch, by method, weight and model."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for key, value in _values(column):
        found.setdefault(key, []).append(value)
    return found


def _values(column: str) -> Iterator[tuple[tuple[str, str, str], float]]:
    for one in rows(f"{_MNIST}/statistics.csv"):
        if one[column]:
            yield (one["method"], one["weight"], one["model"]), float(one[column])


BLOCKS: dict[str, Callable[[], str]] = {
    "digits errors": functools.partial(errors_of_seeds, "results/digits"),
    "digits claims": digits_claims,
    "digits members": digits_members,
    "digits calibration": digits_calibration,
    "MNIST errors": mnist_errors,
    "MNIST costs": mnist_costs,
    "MNIST gaps": mnist_gaps,
    "MNIST claims": mnist_claims,
    "MNIST members": mnist_members,
    "MNIST distances": mnist_distances,
    "MNIST time": mnist_time,
    "batch statistics": batch_statistics,
}
