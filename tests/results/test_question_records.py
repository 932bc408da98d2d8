"""The published answers to the open questions follow from the records of their runs."""

import itertools
import json
import pickle
import re

import numpy as np
import pytest
from scipy import stats

from analysis import results
from analysis.methods.ensemble import questions
from collab_ensembles.data import catalogue
from collab_ensembles.methods.ensemble import question_grids
from collab_ensembles.runs import run_directory
from committed_questions import DATASETS, NUMBERS, PUBLISHED, RECORDS, changes_of, errors_of, of_question

_COSTS = ("CE 1", "L2 0.1", "L2 0.01")
_MISSING = {("fashion-mnist", 3): {f"{cost}, M learns ten times as much" for cost in _COSTS}}
"""Rows without runs, as docs/QUESTIONS.md says."""
_EACH = [(name, number) for name, numbers in NUMBERS.items() for number in numbers]


@pytest.mark.parametrize("name", DATASETS)
def test_they_are_what_the_command_writes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "png", lambda figure: b"")
    expected = questions.contents(str(RECORDS), DATASETS[name])
    assert {path.name for path in (PUBLISHED / name).iterdir()} == set(expected)
    for file, content in expected.items():
        if not file.endswith(".png"):
            assert (PUBLISHED / name / file).read_bytes() == content, file


def test_all_records_are_of_a_data_set_that_is_published() -> None:
    labels = {catalogue.label(dataset) for dataset in DATASETS.values()}
    assert {path.name for path in RECORDS.glob("*/*")} == labels


@pytest.mark.parametrize(("name", "number"), _EACH)
def test_each_row_of_a_grid_has_every_seed_once(name: str, number: int) -> None:
    dataset = DATASETS[name]
    directories = list((RECORDS / f"question-{number}" / catalogue.label(dataset)).iterdir())
    assert all(run_directory.is_done(str(directory)) for directory in directories)
    lines = [line for line in errors_of(name) if line["question"] == str(number)]
    runs = {(line["row"], line["seed"]) for line in lines}
    assert len(runs) == len(directories)
    seeds = {seed for _, seed in runs}
    assert len(seeds) >= 8
    rows = [*question_grids.rows_of(number, dataset), *([_ALL_LABELS] if number == 7 else [])]
    assert runs == set(itertools.product(set(rows) - _MISSING.get((name, number), set()), seeds))


@pytest.mark.parametrize("name", DATASETS)
def test_errors_are_those_of_the_last_epochs(name: str) -> None:
    """By value, read from the pickles of all runs; how rows are told apart, tests/analysis/test_questions.py tests."""
    recorded = []
    for path in RECORDS.glob(f"*/{catalogue.label(DATASETS[name])}/*/*.pkl"):
        content = pickle.loads(path.read_bytes())
        (seed,) = re.findall(r"-seed(\d+)-", path.parent.name)
        recorded.append((path.parents[2].name[-1], seed, round(100 * float(content["test_errors"][-1]), 4)))
    stated = [(line["question"], line["seed"], round(float(line["test_error_percent"]), 4)) for line in errors_of(name)]
    assert sorted(stated) == sorted(recorded)


_ALL_LABELS = "plain, all labels"

# Of each claim the row that should be better, the other one, and the output whose errors are compared.
_COMPARED: dict[int, list[tuple[str, str, str]]] = {
    1: [
        ("plain, report, 120 epochs", "plain, report, 30 epochs", "Ens"),
        ("plain, report, 120 epochs, augmented", "plain, report, 120 epochs", "Ens"),
        *(
            (f"L2 0.01, {block}, 120 epochs{also}", f"plain, {block}, 120 epochs{also}", "Ens")
            for block in ("report", "post2018")
            for also in ("", ", augmented")
        ),
    ],
    2: [
        (f"{cost}, {shape}", f"{cost}, constant", "Ens")
        for cost in ("L2 0.1", "L2 0.01")
        for shape in ("rising", "falling", "warm-up", "first half only", "second half only")
    ],
    3: [
        claim
        for cost in _COSTS
        for claim in (
            (f"{cost}, ST learns from M", "plain", "ST"),
            (f"{cost}, M learns from ST", "plain", "M"),
            (f"{cost}, both", f"{cost}, ST learns from M", "Ens"),
            (f"{cost}, ST learns ten times as much", f"{cost}, both", "Ens"),
        )
    ]
    + [(f"{cost}, ST learns ten times as much", f"{cost}, M learns ten times as much", "Ens") for cost in _COSTS],
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


@pytest.mark.parametrize("name", DATASETS)
def test_gains_and_p_values_follow_from_the_errors(name: str) -> None:
    """Mean gains, and Holm's correction of one-sided t-tests over all questions, by SciPy alone."""
    rows = {number: of_question(name, number) for number in NUMBERS[name]}
    stated = re.findall(
        r"^\| \d \(\w\) .*?\| ([+-]\S+) \[.*?\] +\| (?:< )?(\S+) ", (PUBLISHED / name / "README.md").read_text(), re.M
    )
    gains = [
        np.array([rows[number][reference, output][seed] - own for seed, own in rows[number][treated, output].items()])
        for number in NUMBERS[name]
        for treated, reference, output in _COMPARED[number]
        if not {treated, reference} & _MISSING.get((name, number), set())
    ]
    # The test is not defined where no seed has a gain.
    raw = np.array([stats.ttest_1samp(each, 0, alternative="greater").pvalue if each.any() else 1.0 for each in gains])
    order = np.argsort(raw)
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
    # Three digits are stated. A mean at half of the last one is rounded up or down, by digits that the errors lack.
    assert len(stated) == len(gains)
    for (gain, _), each in zip(stated, gains, strict=True):
        rounded = [float(f"{each.mean() + least:.3g}") for least in (0.0, 1e-6, -1e-6)]
        assert any(float(gain) == pytest.approx(value, abs=1e-6) for value in rounded)
    assert [float(p) for _, p in stated] == pytest.approx(corrected.tolist(), abs=1e-3)


_OF_COLLABORATION = ("method", "weight", "pairing", "target_gradient", "links", "weight_schedule", "schedule_start")
_OF_COLLABORATION += ("schedule_end", "unlabelled", "unlabelled_every", "unlabelled_batch", "unlabelled_cost")


@pytest.mark.parametrize("name", DATASETS)
def test_changes_by_collaboration_are_those_of_the_pickles(name: str) -> None:
    """Against the run whose settings are the same but for those of collaboration, by the names of JSON fields."""
    measured: dict[str, dict[int, tuple[float, ...]]] = {}
    plain_of: dict[str, str] = {}
    for path in RECORDS.glob(f"*/{catalogue.label(DATASETS[name])}/*/*_Ensemble.pkl"):
        settings = json.loads((path.parent / "config.json").read_text())["config"]
        seed = settings.pop("seed")
        # Records before this setting lack it.
        settings.setdefault("test_every", 1)
        shared = {key: value for key, value in settings.items() if key not in _OF_COLLABORATION}
        row, plain = json.dumps(settings, sort_keys=True), f"plain {json.dumps(shared, sort_keys=True)}"
        if settings["method"] == "plain":
            row = plain if settings["unlabelled"] == "none" else row
        else:
            plain_of[row] = plain
        last = [pickle.loads(each.read_bytes()) for each in path.parent.glob("*.pkl")]
        errors = [each["test_errors"][-1] for each in last if "disagreement" not in each]
        (ensemble,) = [each for each in last if "disagreement" in each]
        of_run = np.mean(errors), ensemble["test_errors"][-1], ensemble["disagreement"][-1]
        measured.setdefault(row, {})[seed] = tuple(100 * float(value) for value in of_run)
    expected = [
        np.mean([np.subtract(own, measured[plain][seed]) for seed, own in measured[row].items()], axis=0)
        for row, plain in plain_of.items()
        if plain in measured
    ]
    stated = [[float(line[key]) for key in ("members", "ensemble", "disagreement")] for line in changes_of(name)]
    assert len(stated) == len(expected) > 1
    # Each of them is near one of the others.
    apart = np.abs(np.array(stated)[:, None] - np.array(expected)[None]).max(axis=2)
    assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < 1e-4
