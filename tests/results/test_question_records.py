"""The published answers to the open questions follow from the records of their runs."""

import csv
import itertools
import json
import pathlib
import pickle
import re

import numpy as np
import pytest
from scipy import stats

from analysis import intervals, results
from analysis.methods.ensemble import questions
from collab_ensembles.data import catalogue
from collab_ensembles.methods.ensemble import question_grids
from collab_ensembles.runs import run_directory
from committed_results import REPOSITORY

_RECORDS = REPOSITORY / "results" / "records" / "questions"
_PUBLISHED = REPOSITORY / "results" / "questions"
_DATASETS = {path.name: path.name.replace("-", "_") for path in sorted(_PUBLISHED.iterdir())}
"""By the name of their directory."""
_NUMBERS = {
    name: sorted(int(path.parent.name[-1]) for path in _RECORDS.glob(f"*/{catalogue.label(dataset)}"))
    for name, dataset in _DATASETS.items()
}
"""The questions that have records, by directory."""
_EACH = [(name, number) for name, numbers in _NUMBERS.items() for number in numbers]


@pytest.mark.parametrize("name", _DATASETS)
def test_they_are_what_the_command_writes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "png", lambda figure: b"")
    expected = questions.contents(str(_RECORDS), _DATASETS[name])
    assert {path.name for path in (_PUBLISHED / name).iterdir()} == set(expected)
    for file, content in expected.items():
        if not file.endswith(".png"):
            assert (_PUBLISHED / name / file).read_bytes() == content, file


def test_all_records_are_of_a_data_set_that_is_published() -> None:
    labels = {catalogue.label(dataset) for dataset in _DATASETS.values()}
    assert {path.name for path in _RECORDS.glob("*/*")} == labels


@pytest.mark.parametrize(("name", "number"), _EACH)
def test_each_row_of_a_grid_has_every_seed_once(name: str, number: int) -> None:
    dataset = _DATASETS[name]
    directories = list((_RECORDS / f"question-{number}" / catalogue.label(dataset)).iterdir())
    assert all(run_directory.is_done(str(directory)) for directory in directories)
    lines = [line for line in _errors(name) if line["question"] == str(number)]
    runs = {(line["row"], line["seed"]) for line in lines}
    assert len(runs) == len(directories)
    seeds = {seed for _, seed in runs}
    assert len(seeds) >= 8
    rows = [*question_grids.rows_of(number, dataset), *([_ALL_LABELS] if number == 7 else [])]
    assert runs == set(itertools.product(rows, seeds))


@pytest.mark.parametrize("name", _DATASETS)
def test_errors_are_those_of_the_last_epochs(name: str) -> None:
    """By value, read from the pickles of all runs; how rows are told apart, tests/analysis/test_questions.py tests."""
    recorded = []
    for path in _RECORDS.glob(f"*/{catalogue.label(_DATASETS[name])}/*/*.pkl"):
        content = pickle.loads(path.read_bytes())
        (seed,) = re.findall(r"-seed(\d+)-", path.parent.name)
        recorded.append((path.parents[2].name[-1], seed, round(100 * float(content["test_errors"][-1]), 4)))
    stated = [(line["question"], line["seed"], round(float(line["test_error_percent"]), 4)) for line in _errors(name)]
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


@pytest.mark.parametrize("name", _DATASETS)
def test_gains_and_p_values_follow_from_the_errors(name: str) -> None:
    """Mean gains, and Holm's correction of one-sided t-tests over all questions, by SciPy alone."""
    rows: dict[tuple[int, str, str], dict[str, float]] = {}
    for line in _errors(name):
        key = int(line["question"]), line["row"], line["output"]
        rows.setdefault(key, {})[line["seed"]] = float(line["test_error_percent"])
    stated = re.findall(
        r"^\| \d \(\w\) .*?\| ([+-]\S+) \[.*?\] +\| (?:< )?(\S+) ", (_PUBLISHED / name / "README.md").read_text(), re.M
    )
    gains = [
        np.array([rows[number, reference, output][seed] - own for seed, own in rows[number, treated, output].items()])
        for number in _NUMBERS[name]
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


_OF_COLLABORATION = ("method", "weight", "pairing", "target_gradient", "links", "weight_schedule", "schedule_start")
_OF_COLLABORATION += ("schedule_end", "unlabelled", "unlabelled_every", "unlabelled_batch", "unlabelled_cost")


@pytest.mark.parametrize("name", _DATASETS)
def test_changes_by_collaboration_are_those_of_the_pickles(name: str) -> None:
    """Against the run whose settings are the same but for those of collaboration, by the names of JSON fields."""
    measured: dict[str, dict[int, tuple[float, ...]]] = {}
    plain_of: dict[str, str] = {}
    for path in _RECORDS.glob(f"*/{catalogue.label(_DATASETS[name])}/*/*_Ensemble.pkl"):
        settings = json.loads((path.parent / "config.json").read_text())["config"]
        seed = settings.pop("seed")
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
    stated = [[float(line[key]) for key in ("members", "ensemble", "disagreement")] for line in _changes(name)]
    assert len(stated) == len(expected) > 1
    # Each of them is near one of the others.
    apart = np.abs(np.array(stated)[:, None] - np.array(expected)[None]).max(axis=2)
    assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < 1e-4


@pytest.mark.parametrize("name", _DATASETS)
def test_collaboration_makes_answers_more_alike_and_averaging_gain_less(name: str) -> None:
    """As docs/QUESTIONS.md says in its last section, and of question 7."""
    lines = _changes(name)
    changes = {key: np.array([float(line[key]) for line in lines]) for key in ("members", "ensemble", "disagreement")}
    gained = changes["members"] - changes["ensemble"]
    assert (changes["disagreement"] < 0).mean() > 0.9
    assert (gained < 0).mean() > 0.85
    assert (changes["ensemble"] < 0).sum() < (changes["members"] < 0).sum()
    is_seven = np.array([line["question"] == "7" for line in lines])
    correlation = stats.spearmanr(changes["disagreement"][~is_seven], gained[~is_seven]).statistic
    stated = re.findall(r"of what averaging gains: ([+-]\S+) ", (_PUBLISHED / name / "README.md").read_text())
    assert stated == [f"{correlation:+.2f}"]
    assert (changes["members"] < 0).mean() > 0.55
    assert 0.3 < (changes["ensemble"] < 0).mean() < 0.36
    if name == "fashion-mnist":
        assert correlation > 0.9
        (line,) = [each for each in lines if each["row"] == "L2 0.1, ST learns from M"]
        assert float(line["disagreement"]) > 2
        assert float(line["ensemble"]) > 1
    else:
        assert 0 < correlation < 0.7
        assert changes["disagreement"].min() == pytest.approx(-9, abs=0.5)


def test_members_that_learn_alone_do_what_the_document_says() -> None:
    """As docs/QUESTIONS.md says of question 3 on Fashion-MNIST."""
    errors = _of_question("fashion-mnist", 3)
    mean = {key: float(np.mean(list(values.values()))) for key, values in errors.items()}
    assert mean["plain", "M"] - mean["L2 0.01, M learns from ST", "M"] == pytest.approx(1, abs=0.05)
    assert mean["plain", "Ens"] == pytest.approx(22.6, abs=0.05)
    assert mean["L2 0.01, M learns from ST", "Ens"] == pytest.approx(22.6, abs=0.05)
    assert mean["L2 0.1, ST learns from M", "ST"] - mean["plain", "ST"] == pytest.approx(3.7, abs=0.05)
    assert mean["plain", "M"] - mean["L2 0.01, both", "M"] == pytest.approx(1, abs=0.1)
    assert mean["plain", "ST"] - mean["L2 0.01, both", "ST"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [("digits", [], 1), ("fashion-mnist", ["L2 0.01, ST learns ten times as much"], 9)],
)
def test_rows_of_question_3_against_the_plain_ensemble(name: str, better: list[str], worse: int) -> None:
    """By the intervals of their gains, as docs/QUESTIONS.md says of question 3."""
    errors = {row: own for (row, output), own in _of_question(name, 3).items() if output == "Ens"}
    plain = errors.pop("plain")
    ends = {row: intervals.interval([plain[seed] - own[seed] for seed in plain]) for row, own in errors.items()}
    assert len(ends) == 12
    assert [row for row, end in ends.items() if end and end[0] > 0] == better
    assert sum(bool(end and end[1] < 0) for end in ends.values()) == worse
    assert max(errors, key=lambda row: np.mean(list(errors[row].values()))) == "L2 0.1, both"


def test_a_rising_weight_helps_members_and_not_the_ensemble() -> None:
    """As docs/QUESTIONS.md says of question 2 on Fashion-MNIST; by intervals of the gains, of no schedule."""
    errors = _of_question("fashion-mnist", 2)
    mean = {key: float(np.mean(list(values.values()))) for key, values in errors.items()}
    for output, plain, rising in (("ST", 25.3, 24.0), ("M", 23.6, 22.7), ("Ens", 22.6, 22.7)):
        assert mean["plain", output] == pytest.approx(plain, abs=0.05)
        assert mean["L2 0.1, rising", output] == pytest.approx(rising, abs=0.05)
    for name in _DATASETS:
        errors = _of_question(name, 2)
        plain = errors["plain", "Ens"]
        for (row, output), own in errors.items():
            if (row, output) != ("plain", "Ens") and output == "Ens":
                ends = intervals.interval([plain[seed] - own[seed] for seed in plain])
                assert ends is not None
                assert ends[0] <= 0


@pytest.mark.parametrize("name", [name for name in _DATASETS if 3 in _NUMBERS[name]])
def test_a_member_that_only_teaches_has_the_errors_of_the_plain_ensemble(name: str) -> None:
    """As docs/QUESTIONS.md says of question 3: links in one direction leave their source as it was, to the bit."""
    errors = _of_question(name, 3)
    for cost in ("CE 1", "L2 0.1", "L2 0.01"):
        for learner, teacher in (("ST", "M"), ("M", "ST")):
            assert errors[f"{cost}, {learner} learns from {teacher}", teacher] == errors["plain", teacher]


def test_the_document_names_no_question_without_runs_and_shows_those_with() -> None:
    text = (REPOSITORY / "docs" / "QUESTIONS.md").read_text()
    sections = dict(re.findall(r"^## (\d)\. .*?\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    assert len(sections) == 7
    for number, section in sections.items():
        published = [name for name, numbers in _NUMBERS.items() if int(number) in numbers]
        assert ("No runs are published yet" in section) == (not published)
        assert re.findall(r"\]\(\.\./results/questions/(.*?)/question_\d\.png\)", section) == published
        for picture in re.findall(r"\]\((\S+\.png)\)", section):
            assert (pathlib.Path(REPOSITORY, "docs") / picture).is_file()


def test_longer_training_and_augmentation_do_to_mean_errors_what_the_document_says() -> None:
    """As docs/QUESTIONS.md says of question 1."""
    errors: dict[str, list[float]] = {}
    for line in _errors("digits"):
        if (line["question"], line["output"]) == ("1", "Ens"):
            errors.setdefault(line["row"], []).append(float(line["test_error_percent"]))
    mean = {
        (name, block, epochs, augmented): np.mean(
            errors[f"{name}, {block}, {epochs} epochs{', augmented' if augmented else ''}"]
        )
        for name, block, epochs, augmented in itertools.product(
            ("plain", "L2 0.01"), ("report", "post2018"), (30, 60, 120), (False, True)
        )
    }
    for name, block, augmented in itertools.product(("plain", "L2 0.01"), ("report", "post2018"), (False, True)):
        assert mean[name, block, 30, augmented] > mean[name, block, 60, augmented] > mean[name, block, 120, augmented]
    pairs = list(itertools.product(("plain", "L2 0.01"), ("report", "post2018")))
    raised = {
        epochs: sum(mean[*pair, epochs, True] > mean[*pair, epochs, False] for pair in pairs) for epochs in (30, 120)
    }
    assert raised == {30: 2, 120: 0}
    for block in ("report", "post2018"):
        gains = [mean["plain", block, 120, augmented] - mean["L2 0.01", block, 120, augmented] for augmented in (0, 1)]
        assert 0 < gains[0] <= 100 / 360 + 1e-3
        assert -100 / 360 - 1e-3 <= gains[1] < 0
    worse = [
        mean[name, "post2018", *rest] > mean[name, "report", *rest] for name, block, *rest in mean if block == "report"
    ]
    assert (sum(worse), len(worse)) == (11, 12)


@pytest.mark.parametrize("members", ["2 ST", "2 M", "4 M"])
def test_members_that_begin_equal_stay_equal(members: str) -> None:
    """As docs/QUESTIONS.md says of question 5."""
    by_seed: dict[str, set[str]] = {}
    for line in _errors("digits"):
        if (line["question"], line["row"]) == ("5", f"{members}, L2 0.01, begun equal"):
            by_seed.setdefault(line["seed"], set()).add(line["test_error_percent"])
    first = {
        line["seed"]: {line["test_error_percent"]}
        for line in _errors("digits")
        if (line["question"], line["row"], line["output"]) == ("5", f"{members}, plain", members.split()[1])
    }
    assert len(first) == 8
    assert by_seed == first


def _of_question(name: str, number: int) -> dict[tuple[str, str], dict[str, float]]:
    """The errors of each row and output by seed."""
    errors: dict[tuple[str, str], dict[str, float]] = {}
    for line in _errors(name):
        if line["question"] == str(number):
            of_seeds = errors.setdefault((line["row"], line["output"]), {})
            of_seeds[line["seed"]] = float(line["test_error_percent"])
    return errors


def _changes(name: str) -> list[dict[str, str]]:
    with open(_PUBLISHED / name / "changes.csv", newline="") as file:
        return list(csv.DictReader(file))


def _errors(name: str) -> list[dict[str, str]]:
    with open(_PUBLISHED / name / "errors.csv", newline="") as file:
        return list(csv.DictReader(file))
