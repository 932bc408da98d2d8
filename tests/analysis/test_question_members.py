"""What collaboration changes: from hand-made errors, against the run that differs in nothing else."""

import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from synthetic_runs import with_final, write_run

from analysis import frame
from analysis.methods.ensemble import question_claims, question_members, questions
from analysis.methods.ensemble.question_claims import Answered
from collab_ensembles.settings import grid

_SEEDS = (0, 1)


def _write(log_dir: pathlib.Path, number: int, measured: Any, **settings: Any) -> Answered:
    """Runs of a question with two members.

    `measured` gives in percent the errors of the first, the second and the ensemble, and the disagreement.
    """
    planned = grid.plan(f"question-{number}", {"epochs": 4, **settings}, list(_SEEDS))
    for config in (each for each in planned if len(each.members) == 2):
        *errors, disagreement = measured(config)
        contents = with_final(tuple(errors), (1.0, 1.0, 1.0), 4)
        contents["Ensemble"]["disagreement"] = np.array([0.9, 0.9, 0.9, disagreement / 100])
        write_run(log_dir / f"question-{number}", config, contents)
    return question_claims.answered(number, frame.read_runs(str(log_dir / f"question-{number}"), "digits"))


def _of_directions(config: Any) -> tuple[float, float, float, float]:
    """By seed: plain ones at 4, 2, 1 % with 5 % different answers, collaborating ones better but for the ensemble."""
    base = 10.0 * config.seed
    if config.method == "plain":
        return base + 4, base + 2, base + 1, 5
    gained = 0.5 if config.method == "L2" else 0.25
    return base + 4 - gained, base + 2 - gained * (1 + config.seed), base + 1 + gained, 5 - 4 * gained


def test_rows_are_compared_with_the_plain_run_of_their_seed(tmp_path: pathlib.Path) -> None:
    table = question_members.changes({3: _write(tmp_path, 3, _of_directions)}).set_index("row")
    assert len(table) == 15
    assert (table["seeds"] == 2).all()
    # Of seed 0 the members gain 0.5 and 0.5, of seed 1 0.5 and 1.
    assert table.loc["L2 0.01, both", "members"] == pytest.approx(-0.625)
    assert table.loc["L2 0.01, both", "ensemble"] == pytest.approx(0.5)
    assert table.loc["L2 0.01, both", "disagreement"] == pytest.approx(-2)
    assert table.loc["CE 1, ST learns from M", "members"] == pytest.approx(-0.3125)
    assert table.loc["CE 1, ST learns from M", "disagreement"] == pytest.approx(-1)


def test_the_summary_counts_rows_and_says_how_changes_go_together(tmp_path: pathlib.Path) -> None:
    table = question_members.changes({3: _write(tmp_path, 3, _of_directions)})
    text = question_members.summary(table)
    assert text.startswith("15 rows")
    assert "In 15 of them the members disagree less" in text
    assert "in 15 their mean error is lower, and in 0 that of the ensemble is. In 15 averaging gains less" in text
    # Where most disagreement is lost, averaging gains least: members gain, and ensembles lose, the most.
    assert "of what averaging gains: +1.00 (question 3); with the gain of the ensemble: +1.00 (question 3)" in text
    table["disagreement"] *= -1
    assert "In 0 of them" in question_members.summary(table)
    assert question_members.summary(table).count("-1.00 (question 3)") == 2
    table["ensemble"] = -0.75
    text = question_members.summary(table)
    assert "and in 15 that of the ensemble is. In 0 averaging gains less" in text
    assert "with the gain of the ensemble: none (question 3)" in text


def test_a_run_of_several_rows_counts_once(tmp_path: pathlib.Path) -> None:
    """`L2 0.1` and `L2 0.01` with constant weights are rows of questions 2 and 3."""
    answered = {number: _write(tmp_path, number, _of_directions) for number in (2, 3)}
    table = question_members.changes(answered)
    assert len(table) == 12 + 15 - 2
    assert "L2 0.1, both" not in set(table["row"])


def test_equal_beginnings_and_pseudo_labels_have_no_plain_counterpart(tmp_path: pathlib.Path) -> None:
    fifth = question_members.changes({5: _write(tmp_path, 5, _of_directions)})
    assert set(fifth["row"]) == {"2 ST, L2 0.01", "2 M, L2 0.01"}
    seventh = question_members.changes({7: _write(tmp_path, 7, _of_directions, train_limit=100)})
    assert "pseudo-labels" not in set(seventh["row"])
    assert {"CE 1, rest", "L2 0.01, labelled images alone"} <= set(seventh["row"])


def test_records_without_disagreement_are_left_out(tmp_path: pathlib.Path) -> None:
    """Those of release 0.1.0."""
    for config in grid.plan("question-3", {"epochs": 4}, [0]):
        write_run(tmp_path / "question-3", config, with_final((4.0, 2.0, 1.0), (1.0, 1.0, 1.0), 4))
    answered = question_claims.answered(3, frame.read_runs(str(tmp_path / "question-3"), "digits"))
    assert question_members.changes({3: answered}).empty
    assert set(questions.contents(str(tmp_path), "digits")) == {"question_3.png", "errors.csv", "README.md"}


def test_question_7_has_a_panel_of_its_own(tmp_path: pathlib.Path) -> None:
    answered = {
        3: _write(tmp_path, 3, _of_directions),
        7: _write(tmp_path, 7, _of_directions, train_limit=100),
    }
    both = question_members.panels(question_members.changes(answered))
    assert [(name, set(rows["question"])) for name, rows in both] == [("question 3", {3}), ("question 7", {7})]
    del answered[7]
    assert len(question_members.panels(question_members.changes(answered))) == 1
    assert {"members.png", "changes.csv"} <= set(questions.contents(str(tmp_path), "digits"))


def test_the_figure_shows_members_open_and_ensembles_filled() -> None:
    rows = [(2, "one", 8, -0.5, 0.25, -2.0), (2, "other", 8, -1.0, 0.5, -4.0), (3, "third", 8, 0.125, 0.75, -1.0)]
    table = pd.DataFrame(rows, columns=["question", "row", "seeds", "members", "ensemble", "disagreement"])
    panel = Figure().add_subplot()
    question_members.draw(table, [panel])
    points: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for line in panel.get_lines():
        if line.get_marker() == "o":
            is_open = line.get_markerfacecolor() == "white"
            points[is_open] += zip(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), strict=True)
    assert sorted(points[True]) == [(-4, -1), (-2, -0.5), (-1, 0.125)]
    assert sorted(points[False]) == [(-4, 0.5), (-2, 0.25), (-1, 0.75)]
    assert panel.get_title() == "questions 2, 3"
