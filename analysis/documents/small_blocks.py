"""What the documents say of grids that were trained in full on the digits: heads, and the table of the poster."""

import functools
import re
from collections.abc import Callable

from analysis.documents.committed import markdown_rows, paragraph, rows, table, verdict_counts

_HEADS, _DAS = "results/heads-digits", "results/das-digits"
_ARRANGEMENTS = ("single", "2 instances", "2 heads simple", "4 heads hierarchical")
_ROWS = {"single": "single", "x RIE": "RIE (2x)", "snapshots": "SSE", "FGE snapshots": "FGE", "x FDL": "FDL (2x)"}
"""The poster's names, by how arrangements end behind their numbers."""


def heads() -> str:
    """Test errors of head 1, and of all heads, by arrangement and label noise."""
    found = _of_heads()
    levels = _levels()
    lines = []
    for arrangement in _ARRANGEMENTS:
        outputs = {"head1": arrangement, "Ens": f"{arrangement}, all together"}
        for model, name in outputs.items():
            if (arrangement, levels[0], model) in found:
                lines.append([name, *(_with_deviation(found[arrangement, level, model]) for level in levels)])
    return table(["heads", *(f"{level:g} % noisy labels" for level in levels)], lines)


def heads_in_short() -> str:
    """For the first page."""
    levels = _levels()
    one, four = (
        [_error(_of_heads()[name, level, "head1"]) for level in (levels[0], levels[-1])]
        for name in ("single", "4 heads hierarchical")
    )
    return f"digits: {four[0]} (one network {one[0]}); with {levels[-1]:g} % noisy labels {four[1]} ({one[1]})"


def heads_summary() -> str:
    """In a sentence."""
    levels = _levels()
    found = [
        f"{_error(_of_heads()['single', level, 'head1'])} % test error, and the first of four heads "
        f"{_error(_of_heads()['4 heads hierarchical', level, 'head1'])} %"
        for level in (levels[0], levels[-1])
    ]
    seeds = next(iter(_of_heads().values()))["seeds"]
    return paragraph(
        f"On digits (ResNet-8, {seeds} seeds) a single network has {found[0]}. With {levels[-1]:g} % noisy labels it "
        f"has {found[1]}."
    )


def heads_costs() -> str:
    """Time and memory of training, in multiples of the single network's, without label noise."""
    lines = []
    for arrangement in _ARRANGEMENTS:
        one, own = (_of_heads()[name, 0.0, "head1"] for name in ("single", arrangement))
        ratios = [float(own[name]) / float(one[name]) for name in ("training_seconds", "training_memory_bytes")]
        lines.append([arrangement, *(f"{ratio:.2f}" for ratio in ratios)])
    return table(["heads", "time / single", "memory / single"], lines)


def _levels() -> list[float]:
    """The levels of label noise in percent."""
    return sorted({level for _, level, _ in _of_heads()})


@functools.cache
def _of_heads() -> dict[tuple[str, float, str], dict[str, str]]:
    """The rows of the table by arrangement, level of label noise in percent, and output."""
    found = {}
    for one in rows(f"{_HEADS}/tables.csv"):
        _, arrangement, *noise = one["arrangement"].split(", ")
        level = float(noise[0].removeprefix("label_noise ")) if noise else 0.0
        found[arrangement, round(100 * level, 9), one["model"]] = one
    return found


def poster() -> str:
    """Test errors of the rows of the poster's table."""
    return table(
        ["training", "networks", "after the last epoch", "in the best epoch"],
        [
            [
                name,
                _networks(one["arrangement"]),
                *(_with_deviation(one, f"{prefix}test_error_percent") for prefix in ("", "best_")),
            ]
            for name, one in _of_poster().items()
        ],
        words=2,
    )


def snapshots_in_short() -> str:
    """For the first page."""
    errors = {name: _error(one, "best_test_error_percent") for name, one in _of_poster().items()}
    return f"digits, best epochs: {errors['SSE']}, {errors['FGE']} (one network {errors['single']})"


def _networks(arrangement: str) -> str:
    """How many networks vote: `5 snapshots of one`."""
    _, end = arrangement.split(", ")
    count = "1" if end == "single" else end.partition(" ")[0]
    return f"{count} snapshots of one" if end.endswith("snapshots") else count


def _of_poster() -> dict[str, dict[str, str]]:
    """The row of all networks together, by the poster's name."""
    found = {}
    for one in rows(f"{_DAS}/tables.csv"):
        _, end = one["arrangement"].split(", ")
        # The rows of an arrangement end with that of all networks together.
        found[_ROWS[end.lstrip("0123456789 ")]] = one
    return {name: found[name] for name in _ROWS.values()}


def verdicts(path: str, paper: str) -> str:
    """The claims that the runs decide."""
    lines = [cells for cells in markdown_rows(f"{path}/claims.md", "claim") if cells[3]]
    shown = [[_without_data_sets(claim), verdict, p] for claim, verdict, _, p, _ in lines]
    return table([paper, "on digits", "p (Holm)"], shown, words=3)


def tally(path: str) -> str:
    """How many of the claims that the runs decide have which verdict."""
    counts, firm = verdict_counts(f"{path}/claims.md")
    return paragraph(
        f"Verdicts of these runs on {counts.total()} claims: holds {counts['holds']} (after the correction too: "
        f"{firm}), does not hold {counts['does not hold']}, inconclusive {counts['inconclusive']}."
    )


def _without_data_sets(claim: str) -> str:
    return re.sub(r" \(the paper says so of .*\)$", "", claim)


def _error(one: dict[str, str], column: str = "test_error_percent") -> str:
    return f"{float(one[column]):.2f}"


def _with_deviation(one: dict[str, str], column: str = "test_error_percent") -> str:
    return f"{float(one[column]):.2f} ± {float(one[f'{column}_sd']):.2f}"


BLOCKS: dict[str, Callable[[], str]] = {
    "heads on digits": heads,
    "costs of heads on digits": heads_costs,
    "heads on digits in short": heads_summary,
    "claims on heads": lambda: verdicts(_HEADS, "statement of the paper"),
    "claims on heads in short": lambda: tally(_HEADS),
    "poster on digits": poster,
    "claims on the poster on digits": lambda: verdicts(_DAS, "statement of the poster"),
    "claims on the poster on digits in short": lambda: tally(_DAS),
}
