"""What docs/QUESTIONS.md says besides generated blocks follows from the published answers."""

import itertools
import pathlib
import re

import numpy as np
import pytest
from scipy import stats

from analysis import intervals
from collab_ensembles.runs import run_directory
from collab_ensembles.settings import grid
from committed_questions import DATASETS, NUMBERS, PUBLISHED, changes_of, of_question
from committed_results import REPOSITORY


@pytest.mark.parametrize("name", DATASETS)
def test_collaboration_makes_answers_more_alike_and_averaging_gain_less(name: str) -> None:
    """As docs/QUESTIONS.md says in its last section, and of question 7."""
    lines = changes_of(name)
    changes = {key: np.array([float(line[key]) for line in lines]) for key in ("members", "ensemble", "disagreement")}
    gained = changes["members"] - changes["ensemble"]
    assert (changes["disagreement"] < 0).mean() > 0.9
    assert (gained < 0).mean() > 0.85
    assert (changes["ensemble"] < 0).sum() < (changes["members"] < 0).sum()
    is_seven = np.array([line["question"] == "7" for line in lines])
    correlation = stats.spearmanr(changes["disagreement"][~is_seven], gained[~is_seven]).statistic
    stated = re.findall(r"of what averaging gains: ([+-]\S+) ", (PUBLISHED / name / "README.md").read_text())
    assert stated == [f"{correlation:+.2f}"]
    assert (changes["members"] < 0).mean() > 2 / 3
    assert (changes["ensemble"] < 0).mean() == pytest.approx(1 / 3, abs=0.03)
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
    errors = of_question("fashion-mnist", 3)
    mean = {key: float(np.mean(list(values.values()))) for key, values in errors.items()}
    assert mean["plain", "M"] - mean["L2 0.01, M learns from ST", "M"] == pytest.approx(1, abs=0.05)
    assert mean["plain", "Ens"] == pytest.approx(22.6, abs=0.05)
    assert mean["L2 0.01, M learns from ST", "Ens"] == pytest.approx(22.6, abs=0.05)
    assert mean["L2 0.1, ST learns from M", "ST"] - mean["plain", "ST"] == pytest.approx(3.7, abs=0.05)
    assert mean["plain", "M"] - mean["L2 0.01, both", "M"] == pytest.approx(1, abs=0.1)
    assert mean["plain", "ST"] - mean["L2 0.01, both", "ST"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("name", "rows", "better", "worse"),
    [("digits", 15, [], 1), ("fashion-mnist", 12, ["L2 0.01, ST learns ten times as much"], 9)],
)
def test_rows_of_question_3_against_the_plain_ensemble(name: str, rows: int, better: list[str], worse: int) -> None:
    """By the intervals of their gains, as docs/QUESTIONS.md says of question 3."""
    errors = {row: own for (row, output), own in of_question(name, 3).items() if output == "Ens"}
    plain = errors.pop("plain")
    ends = {row: intervals.interval([plain[seed] - own[seed] for seed in plain]) for row, own in errors.items()}
    assert len(ends) == rows
    assert [row for row, end in ends.items() if end and end[0] > 0] == better
    assert sum(bool(end and end[1] < 0) for end in ends.values()) == worse
    assert max(errors, key=lambda row: np.mean(list(errors[row].values()))) == "L2 0.1, both"


def test_the_runs_of_question_6_that_are_there_are_counted() -> None:
    """As docs/QUESTIONS.md says of question 6 on Fashion-MNIST."""
    directories = [path.parent for path in (REPOSITORY / "results/records/unfinished").glob("*/*/*/config.json")]
    planned = grid.plan("question-6", {"dataset": "fashion_mnist", "train_limit": 1000, "test_every": 30}, range(8))
    for directory in directories:
        assert run_directory.is_done(str(directory))
        assert run_directory.read_config(str(directory)) in planned
    text = " ".join((REPOSITORY / "docs" / "QUESTIONS.md").read_text().split())
    assert f"On Fashion-MNIST {len(directories)} of the {len(planned)} runs have been trained, in float32" in text


def test_whose_weight_is_lower_makes_no_difference_that_is_seen() -> None:
    """As docs/QUESTIONS.md says of question 3 on the digits."""
    errors = of_question("digits", 3)
    for cost in ("CE 1", "L2 0.1", "L2 0.01"):
        of_m, of_st = (errors[f"{cost}, {member} learns ten times as much", "Ens"] for member in ("ST", "M"))
        ends = intervals.interval([error - of_m[seed] for seed, error in of_st.items()])
        assert ends is not None
        assert ends[0] <= 0 <= ends[1]


def test_a_rising_weight_helps_members_and_not_the_ensemble() -> None:
    """As docs/QUESTIONS.md says of question 2 on Fashion-MNIST; by intervals of the gains, of no schedule."""
    errors = of_question("fashion-mnist", 2)
    mean = {key: float(np.mean(list(values.values()))) for key, values in errors.items()}
    for output, plain, rising in (("ST", 25.3, 24.0), ("M", 23.6, 22.7), ("Ens", 22.6, 22.7)):
        assert mean["plain", output] == pytest.approx(plain, abs=0.05)
        assert mean["L2 0.1, rising", output] == pytest.approx(rising, abs=0.05)
    for name in DATASETS:
        errors = of_question(name, 2)
        plain = errors["plain", "Ens"]
        for (row, output), own in errors.items():
            if (row, output) != ("plain", "Ens") and output == "Ens":
                ends = intervals.interval([plain[seed] - own[seed] for seed in plain])
                assert ends is not None
                assert ends[0] <= 0


@pytest.mark.parametrize("name", [name for name in DATASETS if 3 in NUMBERS[name]])
def test_a_member_that_only_teaches_has_the_errors_of_the_plain_ensemble(name: str) -> None:
    """As docs/QUESTIONS.md says of question 3: links in one direction leave their source as it was, to the bit."""
    errors = of_question(name, 3)
    for cost in ("CE 1", "L2 0.1", "L2 0.01"):
        for learner, teacher in (("ST", "M"), ("M", "ST")):
            assert errors[f"{cost}, {learner} learns from {teacher}", teacher] == errors["plain", teacher]


def test_the_document_names_no_question_without_runs_and_shows_those_with() -> None:
    text = (REPOSITORY / "docs" / "QUESTIONS.md").read_text()
    sections = dict(re.findall(r"^## (\d)\. .*?\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    assert len(sections) == 7
    for number, section in sections.items():
        published = [name for name, numbers in NUMBERS.items() if int(number) in numbers]
        assert ("No runs are published yet" in section) == (not published)
        assert re.findall(r"\]\(\.\./results/questions/(.*?)/question_\d\.png\)", section) == published
        for picture in re.findall(r"\]\((\S+\.png)\)", section):
            assert (pathlib.Path(REPOSITORY, "docs") / picture).is_file()


def test_longer_training_and_augmentation_do_to_mean_errors_what_the_document_says() -> None:
    """As docs/QUESTIONS.md says of question 1."""
    errors = of_question("digits", 1)
    mean = {
        (name, block, epochs, augmented): np.mean(
            list(errors[f"{name}, {block}, {epochs} epochs{', augmented' if augmented else ''}", "Ens"].values())
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


def test_larger_ensembles_gain_less_and_their_members_do_gain() -> None:
    """As docs/QUESTIONS.md says of question 4 on Fashion-MNIST."""
    ensemble: dict[str, float] = {}
    members: dict[str, list[float]] = {}
    for (row, output), own in of_question("fashion-mnist", 4).items():
        if output == "Ens":
            ensemble[row] = float(np.mean(list(own.values())))
        else:
            members.setdefault(row, []).append(float(np.mean(list(own.values()))))
    gains: dict[str, list[float]] = {}
    fallen = []
    for row in ensemble:
        plain = f"{row[0]} ST, plain"
        if row.endswith("in total"):
            gains.setdefault(row[0], []).append(ensemble[plain] - ensemble[row])
        if row != plain:
            fallen.append(np.mean(members[plain]) - np.mean(members[row]))
    means = [np.mean(gains[count]) for count in "2348"]
    assert means == sorted(means, reverse=True)
    assert means[0] == pytest.approx(0.1, abs=0.05)
    assert means[3] == pytest.approx(-0.1, abs=0.05)
    assert len(fallen) == 13
    assert min(fallen) > 0
    assert max(fallen) == pytest.approx(1, abs=0.05)
    assert ensemble["8 ST, all, weight kept for each pair"] == pytest.approx(23.8, abs=0.05)
    assert ensemble["2 ST, plain"] == pytest.approx(23.6, abs=0.05)


def test_single_members_gain_by_l2_what_the_readme_says() -> None:
    """In all rows of Fashion-MNIST with a constant weight of 0.01, both ways, from different beginnings."""
    rows = {2: [("L2 0.01, constant", "plain")], 3: [("L2 0.01, both", "plain")]}
    rows[4] = [(row, f"{row[0]} ST, plain") for row, _ in of_question("fashion-mnist", 4) if row.endswith("in total")]
    rows[5] = [(f"{members}, L2 0.01", f"{members}, plain") for members in ("2 ST", "2 M", "4 M")]
    gains = []
    for number, pairs in rows.items():
        errors = of_question("fashion-mnist", number)
        for row, plain in pairs:
            outputs = [output for other, output in errors if other == row and output != "Ens"]
            gains += [
                np.mean([errors[plain, own][seed] - errors[row, own][seed] for seed in "01234567"]) for own in outputs
            ]
    text = (REPOSITORY / "README.md").read_text()
    (stated,) = re.findall(r"single members can gain: (\S+) to (\S+) points on Fashion-MNIST", text)
    assert [float(each) for each in stated] == pytest.approx([min(gains), max(gains)], abs=0.05)


@pytest.mark.parametrize(
    ("name", "number", "row"),
    [
        ("fashion-mnist", 3, "CE 1, both"),
        ("fashion-mnist", 3, "L2 0.1, both"),
        ("digits", 3, "L2 0.1, both"),
        ("digits", 7, "L2 0.01, labelled images alone"),
    ],
)
def test_ensembles_that_lose_as_the_first_page_says(name: str, number: int, row: str) -> None:
    errors = of_question(name, number)
    ends = intervals.interval([errors["plain", "Ens"][seed] - own for seed, own in errors[row, "Ens"].items()])
    assert ends is not None
    assert ends[1] < 0


@pytest.mark.parametrize("members", ["2 ST", "2 M", "4 M"])
@pytest.mark.parametrize("name", [name for name in DATASETS if 5 in NUMBERS[name]])
def test_members_that_begin_equal_stay_equal(name: str, members: str) -> None:
    """As docs/QUESTIONS.md says of question 5."""
    errors = of_question(name, 5)
    first = errors[f"{members}, plain", members.split()[1]]
    outputs = [own for (row, _), own in errors.items() if row == f"{members}, L2 0.01, begun equal"]
    assert len(first) == 8
    assert len(outputs) == int(members[0]) + 1
    assert all(own == first for own in outputs)


@pytest.mark.parametrize(
    ("members", "of_members", "of_ensemble"), [("2 ST", 0.75, 0.11), ("2 M", 1.23, 0.37), ("4 M", 1.14, 0.12)]
)
def test_what_equal_networks_gain_by_l2(members: str, of_members: float, of_ensemble: float) -> None:
    """As docs/QUESTIONS.md says of question 5 on Fashion-MNIST."""
    mean = {key: np.mean(list(own.values())) for key, own in of_question("fashion-mnist", 5).items()}
    gain = {
        output: mean[f"{members}, plain", output] - mean[row, output]
        for row, output in mean
        if row == f"{members}, L2 0.01"
    }
    assert gain.pop("Ens") == pytest.approx(of_ensemble, abs=0.005)
    assert len(gain) == int(members[0])
    assert np.mean(list(gain.values())) == pytest.approx(of_members, abs=0.005)
