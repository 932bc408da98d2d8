"""Checks a directory of published results against itself, with nothing of `analysis`.

The tables are computed again from statistics.csv, in plain Python, and compared cell by cell.
"""

import csv
import functools
import math
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist

import numpy as np
from scipy import stats

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

_WEIGHTS = ("1", "0.1", "0.01", "0.0001")
SETTINGS = [*((method, weight) for method in ("CE", "L1", "L2") for weight in _WEIGHTS), ("Single", "1")]
MODELS = ("ST", "M", "Ens")
# In the order of tables.md, by the column of tables.csv: that of statistics.csv, a curve's number, decimals.
_TABLES: dict[str, tuple[str, Callable[[list[float]], float], int]] = {
    "test_error_percent": ("test_error_percent", lambda curve: curve[-1], 2),
    "best_test_error_percent": ("test_error_percent", min, 2),
    "test_cost": ("test_cost", lambda curve: curve[-1], 6),
}
_FURTHER = ("train_error_percent", "train_cost", "train_error_mean_percent", "train_cost_mean")
_OF_ENSEMBLE = ("disagreement_percent", "logit_distance")
_LARGEST = 2_200_000

# By (method, weight), model and seed: the values of one column, epoch after epoch.
Curves = Mapping[tuple[str, str, str, int], list[float]]
# By (method, weight, model): one number a seed.
Finals = Mapping[tuple[str, str, str], list[float]]


def check(directory: pathlib.Path) -> None:
    """Raises AssertionError, which says what is wrong, if files are missing or do not agree with each other."""
    readme = (directory / "README.md").read_text(encoding="utf-8")
    rows = _read(directory / "statistics.csv")
    runs, seeds, epochs = _check_complete(rows)
    for count, name in ((runs, "runs"), (seeds, "seeds?"), (epochs, "epochs each")):
        assert re.search(rf"(?<!\d){count} {name}\b", readme), f"README.md does not say {count} {name}"
    assert (directory / "statistics.csv").stat().st_size < _LARGEST
    check_files(directory, readme)
    text = (directory / "tables.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^(.*)\n\n((?:\|.*\n)+)", text, re.MULTILINE)
    headings = [heading.partition(", ")[2].partition(" (")[0] for heading, _ in blocks]
    assert headings[:3] == [
        f"final test error in % after {epochs} epochs",
        f"best test error over {epochs} epochs in %",
        f"final test cost after {epochs} epochs",
    ]
    # Older results have none of these; one is of several seeds only.
    robust, calibration = (
        f"final test error after {epochs} epochs, robust summaries",
        "calibration on the test examples",
    )
    assert headings[3:] in ([], [robust], [calibration], [robust, calibration])
    further = dict(zip(headings[3:], (shown for _, shown in blocks[3:]), strict=True))
    assert (calibration in further) == (directory / "uncertainty.csv").exists()
    assert blocks[0][1] in readme, "README.md shows another table than tables.md"
    table = _read(directory / "tables.csv")
    paper = _published(readme, table)
    for (_, shown), (name, (column, number, digits)) in zip(blocks[:3], _TABLES.items(), strict=True):
        finals = {key: [number(curve) for curve in own] for key, own in _by_seed(_curves(rows, column)).items()}
        reference = paper.get(name, {})
        _check_csv(table, name, finals, reference)
        _check_markdown(shown, finals, reference, digits)
        if name == "test_error_percent":
            if robust in further:
                _check_robust(further[robust], finals)
            if calibration in further:
                _check_calibration(further[calibration], _read(directory / "uncertainty.csv"), finals)
            _check_claim((directory / "claims.md").read_text(encoding="utf-8"), finals)


def cells(document: str, first: str, columns: int) -> list[list[str]]:
    """The cells of the table rows of a document that begin so and have so many columns, without marks."""
    text = (REPOSITORY / document).read_text(encoding="utf-8").replace("**", "")
    rows = [line.strip("|").split("|") for line in text.splitlines() if re.match(rf"\| *{first} *\|", line)]
    return [[" ".join(cell.split()) for cell in row] for row in rows if len(row) == columns]


def _read(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def runs_of(path: pathlib.Path) -> dict[str, list[dict[str, dict[str, list[float]]]]]:
    """The runs of each arrangement in a statistics.csv: by output and column, a value an epoch."""
    found: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = {}
    for row in _read(path):
        run = found.setdefault(row["arrangement"], {}).setdefault(row["seed"], {})
        curves = run.setdefault(row["model"], {})
        for column, text in list(row.items())[4:]:
            if text:
                curves.setdefault(column, []).append(float(text))
    return {name: list(own.values()) for name, own in found.items()}


def _check_complete(rows: Sequence[Mapping[str, str]]) -> tuple[int, int, int]:
    """That there are all epochs of all outputs of 13 ensembles for each seed, once; how many runs, seeds and epochs."""
    keys = [(row["method"], row["weight"], int(row["seed"]), row["model"], int(row["epoch"])) for row in rows]
    seeds, epochs = sorted({key[2] for key in keys}), max(key[4] for key in keys)
    expected = [
        (*setting, seed, model, epoch)
        for setting in SETTINGS
        for seed in seeds
        for model in MODELS
        for epoch in range(1, epochs + 1)
    ]
    assert keys == expected, f"epochs are missing, there twice or out of order: {set(keys) ^ set(expected)}"
    for row in rows:
        filled = [*_FURTHER, *(_OF_ENSEMBLE if row["model"] == "Ens" else ())]
        assert all(row[name] and math.isfinite(float(row[name])) for name in filled), row
    return len(SETTINGS) * len(seeds), len(seeds), epochs


def check_files(directory: pathlib.Path, readme: str, pictures: int = 3) -> None:
    """That README.md lists all files of the directory and no others, among them so many pictures or more."""
    present = {path.name for path in directory.iterdir()}
    listed = set(re.findall(r"\]\(([\w.=-]+)\)", readme))
    assert present == listed | {"README.md"}, f"listed and present differ in {present ^ (listed | {'README.md'})}"
    found = [path for path in directory.iterdir() if path.suffix == ".png"]
    assert len(found) >= pictures
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found)


def _curves(rows: Sequence[Mapping[str, str]], column: str) -> Curves:
    curves: dict[tuple[str, str, str, int], list[float]] = {}
    for row in rows:
        key = (row["method"], row["weight"], row["model"], int(row["seed"]))
        curves.setdefault(key, []).append(float(row[column]))
    return curves


def _by_seed(curves: Curves) -> dict[tuple[str, str, str], list[list[float]]]:
    found: dict[tuple[str, str, str], list[list[float]]] = {}
    for (method, weight, model, _), curve in curves.items():
        found.setdefault((method, weight, model), []).append(curve)
    return found


def _check_calibration(shown: str, rows: Sequence[Mapping[str, str]], finals: Finals) -> None:
    """That the measures have the errors of the last epoch, and the table their means over seeds and their ranges."""
    found: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        name = row["run"].partition(", seed")[0]
        method, weight = ("Single", "1") if name == "plain" else name.split()
        found.setdefault((method, weight, "Ens" if row["output"] == "ensemble" else row["output"]), []).append(row)
    for key, errors in finals.items():
        measured = [100 * float(row["error"]) for row in found[key]]
        assert all(math.isclose(*pair, abs_tol=1e-5) for pair in zip(measured, errors, strict=True)), key
    columns = (("error", 100, 2), ("nll", 1, 4), ("brier", 1, 4), ("ece_mass", 100, 2), ("ece_width", 100, 2))
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines()[2:]]
    assert len(lines) == 2 * len(SETTINGS)
    for name, *cells in lines:
        setting, _, output = name.partition(": ")
        method, weight = setting.split()
        measured = found[method, weight, "Ens" if output == "Ens" else "ensemble, mean of probabilities"]
        for cell, (column, scale, digits) in zip(cells, columns, strict=False):
            values = [scale * float(row[column]) for row in measured]
            expected = [_mean(values), *(interval_of(values) if len(values) > 1 else ())]
            assert re.findall(r"[\d.]+", cell) == [f"{value:.{digits}f}" for value in expected], (name, column)


def _published(readme: str, table: Sequence[Mapping[str, str]]) -> dict[str, dict[tuple[str, str, str], float]]:
    """The paper's numbers by column, setting and model, where the runs can be compared with them."""
    (setting,) = {row["setting"] for row in table}
    if not {*setting.split(", ")} <= {"default settings", "split=author", "precision=mixed_bfloat16", "backend=jax"}:
        return {}
    return published(readme.removeprefix("# ").partition(":")[0])


def published(label: str) -> dict[str, dict[tuple[str, str, str], float]]:
    """The paper's numbers on a data set by column, and by method, weight and model; empty where it has none."""
    found: dict[str, dict[tuple[str, str, str], float]] = {"test_error_percent": {}, "test_cost": {}}
    for row in _read(REPOSITORY / "analysis" / "reference" / "noel_2017.csv"):
        if row["dataset"] == label:
            for name, values in found.items():
                values[row["method"], f"{float(row['weight']):g}", row["model"]] = float(row[name])
    return found


def _check_csv(
    table: Sequence[Mapping[str, str]],
    name: str,
    finals: Finals,
    published: Mapping[tuple[str, str, str], float],
) -> None:
    assert [(row["method"], row["weight"], row["model"]) for row in table] == list(finals)
    for row, (key, values) in zip(table, finals.items(), strict=True):
        mean = _mean(values)
        expected = {"seeds": str(len(values)), name: f"{mean:.8g}"}
        if not name.startswith("best"):
            paper = published.get(key)
            expected[f"paper_{name}"] = "" if paper is None else f"{paper:.8g}"
            expected[f"{name}_minus_paper"] = "" if paper is None else f"{mean - paper:.8g}"
        received = {column: row[column] for column in expected}
        assert received == expected, f"tables.csv, {key}: {received}; from statistics.csv: {expected}"
        _check_interval((row[f"{name}_low"], row[f"{name}_high"]), values, f"tables.csv, {name} of {key}")


def _check_interval(cells: Sequence[str], values: Sequence[float], place: str) -> None:
    if len(values) == 1:
        assert tuple(cells) == ("", ""), place
        return
    for cell, end in zip(cells, interval_of(values), strict=True):
        assert math.isclose(float(cell), end, rel_tol=1e-7), f"{place}: {cell}; from statistics.csv: {end:.8g}"


def interval_of(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean, expanded as analysis/intervals.py says."""
    count = len(values)
    tail = NormalDist().cdf(-math.sqrt(count / (count - 1)) * stats.t.isf(0.025, count - 1))
    means = np.asarray(values)[_resamples(count)].mean(axis=1)
    low, high = np.quantile(means, (tail, 1 - tail))
    return float(low), float(high)


def check_intervals(
    text: str,
    corner: str,
    columns: Mapping[str, Sequence[Sequence[float]]],
    rows: Sequence[str],
    forms: Mapping[str, str],
) -> tuple[str, list[str]]:
    """That a Markdown table has the means of runs with their intervals.

    Args:
      text: with the table.
      corner: the header of its first column.
      columns: by header, for each row the numbers of its runs.
      rows: the names of the rows, for messages.
      forms: by header, how numbers are shown.

    Returns:
      The table, and its first cells.
    """
    table = re.search(rf"^\| {corner} +\|.*\n(?:\|.*\n)+", text, re.MULTILINE)
    assert table, corner
    header, _, *lines = [[" ".join(cell.split()) for cell in line.split("|")[1:-1]] for line in table[0].splitlines()]
    for place, (line, row) in enumerate(zip(lines, rows, strict=True)):
        for column, numbers in columns.items():
            low, high = interval_of(numbers[place])
            form = forms[column]
            expected = f"{_mean(numbers[place]):{form}} [{low:{form}}, {high:{form}}]"
            assert line[header.index(column)] == expected, f"{row}, {column}"
    return table[0], [line[0] for line in lines]


@functools.cache
def _resamples(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, count, (10_000, count))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _check_markdown(text: str, finals: Finals, published: Mapping[tuple[str, str, str], float], digits: int) -> None:
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    several = len(next(iter(finals.values()))) > 1
    names = [*MODELS, *(["Seeds"] if several else [])]
    if published:
        names += [*(f"paper {model}" for model in MODELS), *(f"{model} - paper" for model in MODELS)]
    assert header == ["method", "weight", *names]
    assert [(row[0], row[1]) for row in rows] == SETTINGS
    for place, name in enumerate(names, start=2):
        expected = [_shown(name, setting, finals, published, digits) for setting in SETTINGS]
        received = [row[place] for row in rows]
        if name in MODELS or name.startswith("paper"):
            best = min((text.split()[0] for text in expected), key=float)
            expected = [_with_mark(text, best) for text in expected]
        assert [" ".join(cell.split()) for cell in received] == expected, f"tables.md, {name}: {received} {expected}"


def _shown(
    name: str,
    setting: tuple[str, str],
    finals: Finals,
    published: Mapping[tuple[str, str, str], float],
    digits: int,
) -> str:
    """A cell of tables.md without its mark."""
    if name == "Seeds":
        return str(len(finals[(*setting, "ST")]))
    key = (*setting, name.removeprefix("paper ").removesuffix(" - paper"))
    if name.startswith("paper "):
        return f"{published[key]:.{digits}f}"
    values = finals[key]
    if name.endswith(" - paper"):
        text = f"{_mean(values) - published[key]:+.{digits}f}"
        return text if float(text) else text[1:]
    text = f"{_mean(values):.{digits}f}"
    if len(values) > 1:
        low, high = interval_of(values)
        text += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return text


def _with_mark(text: str, best: str) -> str:
    mean, gap, rest = text.partition(" ")
    return f"**{mean}**{gap}{rest}" if mean == best else text


def _check_robust(shown: str, finals: Finals) -> None:
    """That the interquartile means are those of the sorted seeds without a quarter at either end."""
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in shown.splitlines()[2:]]
    for method, weight, *numbers in lines:
        for model, text in zip(MODELS, numbers, strict=False):
            seeds = sorted(finals[method, weight, model])
            middle = seeds[len(seeds) // 4 : len(seeds) - len(seeds) // 4]
            assert f"{np.mean(middle):.2f}" == text.partition(" ")[0], f"IQM of {method} {weight} {model}: {text}"


def _check_claim(text: str, finals: Finals) -> None:
    """That claims.md is of the same runs: the margins of one claim that is simple to compute."""
    *members, ensemble = (finals["Single", "1", model] for model in MODELS)
    parts = []
    for name, errors in zip(MODELS, members, strict=False):
        margins = [error - own for error, own in zip(errors, ensemble, strict=True)]
        interval = " [{:+.3g}, {:+.3g}]".format(*interval_of(margins)) if len(margins) > 1 else ""
        parts.append(f"{name} less Ens {np.mean(margins):+.3g}{interval}")
    expected = "; ".join(parts)
    (line,) = re.findall(r"^\| 6\.1 \(3a\).*", text, re.MULTILINE)
    assert expected in [cell.strip() for cell in line.split("|")], f"claims.md: {line}; from statistics.csv: {expected}"
