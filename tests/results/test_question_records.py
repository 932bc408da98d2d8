"""The published answers to the open questions follow from the records of their runs."""

import csv
import itertools
import pathlib
import pickle
import re

import numpy as np
import pytest
from scipy import stats

from analysis import results
from analysis.methods.ensemble import questions
from collab_ensembles.methods.ensemble import question_grids
from collab_ensembles.runs import run_directory
from committed_results import REPOSITORY

_RECORDS = REPOSITORY / "results" / "records" / "questions"
_PUBLISHED = REPOSITORY / "results" / "questions" / "digits"
_NUMBERS = sorted(int(path.name.removeprefix("question-")) for path in _RECORDS.iterdir())


def test_they_are_what_the_command_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "png", lambda figure: b"")
    expected = questions.contents(str(_RECORDS), "digits")
    assert {path.name for path in _PUBLISHED.iterdir()} == set(expected)
    for name, content in expected.items():
        if not name.endswith(".png"):
            assert (_PUBLISHED / name).read_bytes() == content, name


@pytest.mark.parametrize("number", _NUMBERS)
def test_each_row_of_a_grid_has_every_seed_once(number: int) -> None:
    directories = list((_RECORDS / f"question-{number}").glob("*/*/"))
    assert all(run_directory.is_done(str(directory)) for directory in directories)
    lines = [line for line in _errors() if line["question"] == str(number)]
    runs = {(line["row"], line["seed"]) for line in lines}
    assert len(runs) == len(directories)
    seeds = {seed for _, seed in runs}
    assert len(seeds) >= 8
    names = [*question_grids.rows_of(number), *([_ALL_LABELS] if number == 7 else [])]
    assert runs == set(itertools.product(names, seeds))


def test_errors_are_those_of_the_last_epochs() -> None:
    """By value, read from the pickles of all runs; how rows are told apart, tests/analysis/test_questions.py tests."""
    recorded = []
    for path in _RECORDS.glob("*/*/*/*.pkl"):
        content = pickle.loads(path.read_bytes())
        (seed,) = re.findall(r"-seed(\d+)-", path.parent.name)
        recorded.append((path.parents[2].name[-1], seed, round(100 * float(content["test_errors"][-1]), 4)))
    stated = [(line["question"], line["seed"], round(float(line["test_error_percent"]), 4)) for line in _errors()]
    assert sorted(stated) == sorted(recorded)


_ALL_LABELS = "plain, all labels"

# Of each claim the row that should be better, the other one, and the output whose errors are compared.
_COMPARED: dict[int, list[tuple[str, str, str]]] = {
    2: [
        (f"{cost}, {shape}", f"{cost}, constant", "Ens")
        for cost in ("L2 0.1", "L2 0.01")
        for shape in ("rising", "falling", "warm-up", "first half only", "second half only")
    ],
    3: [
        claim
        for cost in ("CE 1", "L2 0.1", "L2 0.01")
        for claim in (
            (f"{cost}, ST learns from M", "plain", "ST"),
            (f"{cost}, M learns from ST", "plain", "M"),
            (f"{cost}, both", f"{cost}, ST learns from M", "Ens"),
            (f"{cost}, ST learns ten times as much", f"{cost}, both", "Ens"),
        )
    ],
    4: [
        ("2 ST, chain, weight kept in total", "2 ST, plain", "Ens"),
        *(
            (f"{count} ST, {pairing}, weight kept in total", f"{count} ST, plain", "Ens")
            for count in (3, 4, 8)
            for pairing in ("chain", "all")
        ),
        ("8 ST, plain", "2 ST, plain", "Ens"),
        ("8 ST, all, weight kept for each pair", "8 ST, all, weight kept in total", "Ens"),
    ],
    5: [
        (f"{members}, L2 0.01", f"{members}, {other}", "Ens")
        for other in ("plain", "L2 0.01, begun equal")
        for members in ("2 ST", "2 M", "4 M")
    ],
    6: [
        (f"B3R9F16 with {partner}, {cost}", "B3R9F16 alone", "B3R9F16")
        for partner in ("ST", "M")
        for cost in ("CE 1", "L2 0.01")
    ],
    7: [
        ("pseudo-labels", "plain", "Ens"),
        (_ALL_LABELS, "plain", "Ens"),
        *(
            claim
            for cost in ("CE 1", "L2 0.01")
            for claim in (
                *((f"{cost}, {it}", f"{cost}, labelled images alone", "Ens") for it in ("rest", "uniform", "gaussian")),
                (f"{cost}, rest", "pseudo-labels", "Ens"),
            )
        ),
    ],
}


def test_gains_and_p_values_follow_from_the_errors() -> None:
    """Mean gains, and Holm's correction of one-sided t-tests over all questions, by SciPy alone."""
    rows: dict[tuple[int, str, str], dict[str, float]] = {}
    for line in _errors():
        key = int(line["question"]), line["row"], line["output"]
        rows.setdefault(key, {})[line["seed"]] = float(line["test_error_percent"])
    stated = re.findall(
        r"^\| \d \(\w\) .*?\| ([+-]\S+) \[.*?\] +\| (?:< )?(\S+) ", (_PUBLISHED / "README.md").read_text(), re.M
    )
    gains = [
        np.array([rows[number, reference, output][seed] - own for seed, own in rows[number, treated, output].items()])
        for number in _NUMBERS
        for treated, reference, output in _COMPARED[number]
    ]
    # The test is not defined where no seed has a gain.
    raw = np.array([stats.ttest_1samp(each, 0, alternative="greater").pvalue if each.any() else 1.0 for each in gains])
    order = np.argsort(raw)
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
    assert [float(gain) for gain, _ in stated] == pytest.approx(
        [float(f"{each.mean():.3g}") for each in gains], abs=1e-6
    )
    assert [float(p) for _, p in stated] == pytest.approx(corrected.tolist(), abs=1e-3)


def test_the_document_names_no_question_without_runs_and_shows_those_with() -> None:
    text = (REPOSITORY / "docs" / "QUESTIONS.md").read_text()
    sections = dict(re.findall(r"^## (\d)\. .*?\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    assert len(sections) == 7
    for number, section in sections.items():
        assert ("No runs are published yet" in section) == (int(number) not in _NUMBERS)
        for picture in re.findall(r"\]\((\S+\.png)\)", section):
            assert (pathlib.Path(REPOSITORY, "docs") / picture).is_file()


@pytest.mark.parametrize("members", ["2 ST", "2 M", "4 M"])
def test_members_that_begin_equal_stay_equal(members: str) -> None:
    """As docs/QUESTIONS.md says of question 5."""
    by_seed: dict[str, set[str]] = {}
    for line in _errors():
        if (line["question"], line["row"]) == ("5", f"{members}, L2 0.01, begun equal"):
            by_seed.setdefault(line["seed"], set()).add(line["test_error_percent"])
    first = {
        line["seed"]: {line["test_error_percent"]}
        for line in _errors()
        if (line["question"], line["row"], line["output"]) == ("5", f"{members}, plain", members.split()[1])
    }
    assert len(first) == 8
    assert by_seed == first


def _errors() -> list[dict[str, str]]:
    with open(_PUBLISHED / "errors.csv", newline="") as file:
        return list(csv.DictReader(file))
