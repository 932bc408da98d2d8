"""Answers to the open questions: from hand-made errors, and from the rows that grids really have."""

import csv
import io
import pathlib
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats
from synthetic_runs import with_final, write_run

import command_runner
from analysis import claims, frame
from analysis.methods.ensemble import question_claims, questions
from collab_ensembles.errors import DataError
from collab_ensembles.methods.ensemble import question_grids
from collab_ensembles.methods.ensemble.question_grids import QUESTIONS
from collab_ensembles.settings import grid
from collab_ensembles.settings.config import RunConfig

_SEEDS = range(8)


def _write(log_dir: pathlib.Path, number: int, errors: Any, **settings: Any) -> None:
    """Runs of a question; `errors` gives those of ST, M and Ens for a configuration."""
    limited = {"train_limit": 100} if number == 7 else {}
    configs = grid.plan(f"question-{number}", {**limited, "epochs": 4, **settings}, list(_SEEDS))
    if number == 7:
        configs += [RunConfig(epochs=4, seed=seed) for seed in _SEEDS]
    for config in configs:
        values = errors(config)
        write_run(log_dir / f"question-{number}", config, with_final(values, values, 4))


@pytest.fixture
def third(tmp_path: pathlib.Path) -> pathlib.Path:
    """Of question 3: with CE, where M alone learns it is 1 point better, and the ensemble worse; else seeds scatter."""

    def errors(config: Any) -> tuple[float, float, float]:
        scatter = 0.1 * (config.seed % 2)
        if config.method == "CE" and config.links == ("M<-ST:1",):
            return 3.0 + scatter, 2.0 + scatter, 5.0 + scatter
        return 3.0 + scatter, 3.0 + scatter, 4.0 + scatter * (1 if config.links else -1)

    _write(tmp_path, 3, errors)
    return tmp_path


def test_a_claim_is_judged_by_the_difference_of_its_rows(third: pathlib.Path) -> None:
    by_seed = question_claims.answered(3, frame.read_runs(str(third / "question-3"), "digits")).by_seed()
    findings = {each.claim.text: each for each in question_claims.judge({3: by_seed})[3]}
    m = findings["CE 1: M gains if it alone learns"]
    assert (m.verdict, m.margins["gain"].mean) == (claims.HOLDS, pytest.approx(1.0))
    assert findings["CE 1: ST gains if it alone learns"].verdict == claims.FAILS
    both = findings["L2 0.1: both directions beat ST's alone"]
    # 4 less 0 or 0.1, against 4 and 0 or 0.1 more.
    assert both.margins["gain"].mean == pytest.approx(0.1)
    assert both.seeds == 8
    assert m.corrected is not None
    assert m.corrected <= 15 * (m.p or 0) + 1e-12


@pytest.mark.parametrize("number", QUESTIONS)
def test_every_claim_is_about_rows_that_its_grid_has(number: int) -> None:
    """With outputs of the members that its runs have; no claim is left without data."""
    settings = {"train_limit": 100} if number == 7 else {}
    configs = grid.plan(f"question-{number}", {**settings, "epochs": 4} if number != 1 else {}, [0])
    rows = question_grids.rows_of(number, "digits", configs[0].epochs)
    assert len(configs) == len(rows)
    found = {
        name: {**dict.fromkeys(config.member_names(), 1.0), **({"Ens": 1.0} if len(config.members) > 1 else {})}
        for name, config in zip(rows, configs, strict=True)
    }
    if number == 7:
        found[question_claims.ALL_LABELS] = found["plain"]
    for claim in question_claims.claims_of(number):
        margins, _ = claim.margins(found)
        assert margins == {"gain": 0.0}


def test_the_row_with_all_labels_is_told_from_the_limited_one(tmp_path: pathlib.Path) -> None:
    _write(tmp_path, 7, lambda config: (1.0, 1.0, 2.0 if config.train_limit else 1.0))
    by_seed = question_claims.answered(7, frame.read_runs(str(tmp_path / "question-7"), "digits")).by_seed()
    assert by_seed[0]["plain"]["Ens"] == 2.0
    assert by_seed[0][question_claims.ALL_LABELS]["Ens"] == 1.0
    assert {len(rows) for rows in by_seed.values()} == {11}


def test_the_smallest_visible_gain_is_seen_in_four_of_five_cases() -> None:
    """Against the exact power of the t-test, from the noncentral t distribution."""
    claim = question_claims.claims_of(3)[0]
    gains = np.array([0.1, -0.3, 0.4, 0.2, -0.2, 0.5, 0.0, 0.3])
    rows = [{"CE 1, ST learns from M": {"ST": 1.0}, "plain": {"ST": 1.0 + gain}} for gain in gains]
    visible = question_claims.smallest_visible(claim, rows)
    assert visible is not None
    shift = visible / (gains.std(ddof=1) / np.sqrt(8))
    power = 1 - stats.nct.cdf(stats.t.ppf(0.975, 7), 7, shift)
    assert power == pytest.approx(0.8, abs=0.02)
    assert question_claims.smallest_visible(claim, rows[:2]) is None
    assert question_claims.smallest_visible(claim, [rows[0]] * 8) is None


def test_the_page_has_verdicts_figures_and_all_errors(third: pathlib.Path) -> None:
    content = questions.contents(str(third), "digits")
    assert set(content) == {"question_3.png", "errors.csv", "README.md"}
    lines = list(csv.DictReader(io.StringIO(content["errors.csv"].decode())))
    assert len(lines) == 8 * 16 * 3
    assert "| 3 (b) CE 1: M gains if it alone learns" in content["README.md"].decode()
    assert questions.contents(str(third), "digits") == content


def test_the_command_prints_the_verdicts(third: pathlib.Path, tmp_path: pathlib.Path) -> None:
    result = command_runner.run(
        "analysis.methods.ensemble.questions", f"--log_dir={third}", f"--out={tmp_path / 'out'}", preloaded="little"
    )
    assert result.exit_status == 0, result.errors
    written = (tmp_path / "out" / "README.md").read_text()
    printed = result.output.splitlines()
    verdicts = [line for line in written.splitlines() if line.startswith("|")]
    assert len(verdicts) == 2 + 15
    assert [line for line in printed if line.startswith("|")] == verdicts
    assert not any("![" in line for line in printed)
    assert printed[-1] == f"answers: 3 files in {tmp_path / 'out'}"


def test_a_figure_shows_the_output_that_the_claims_are_on() -> None:
    """Of question 6 the deep member, not its ensemble with a partner."""
    names = question_grids.rows_of(6, "digits")
    rows = {name: {"ST": 9.0, "B3R9F16": 1.0 + place, "Ens": 5.5} for place, name in enumerate(names)}
    assert all(
        np.isfinite(claim.margins({name: {"B3R9F16": 1.0} for name in names})[0]["gain"])
        for claim in question_claims.claims_of(6)
    )
    panel = Figure().subplots()
    questions.draw(6, "digits", {0: rows, 1: rows}, [panel])
    means = [line.get_xdata()[0] for line in panel.get_lines() if line.get_marker() == "o"]
    assert means == [1.0 + place for place in range(len(names))]
    assert panel.get_xlabel() == "test error of B3R9F16 in %"


def test_each_data_set_has_answers_of_its_own(third: pathlib.Path) -> None:
    """Of the questions that have runs of it, with what they were trained."""
    fashion = {"dataset": "fashion_mnist", "train_limit": 1000, "precision": "mixed_bfloat16", "test_every": 2}
    alone = questions.contents(str(third), "digits")
    _write(third, 2, lambda config: (3.0, 3.0, 2.0), **fashion)
    assert questions.contents(str(third), "digits") == alone
    _write(third, 3, lambda config: (3.0, 3.0, 2.0), **fashion)
    content = questions.contents(str(third), "fashion_mnist")
    assert set(content) == {"question_2.png", "question_3.png", "errors.csv", "README.md"}
    text = content["README.md"].decode()
    assert text.startswith("# FashionMNIST: ")
    trained = "8 seeds, 4 epochs, `--train_limit=1000 --precision=mixed_bfloat16 --test_every=2`. "
    assert [text.count(f"{trained}{runs} runs, ") for runs in (104, 128)] == [1, 1]
    assert "--test_every" not in alone["README.md"].decode()


def test_runs_in_two_settings_are_not_mixed(third: pathlib.Path) -> None:
    """Not even those of other seeds."""
    (config,) = grid.plan("question-3", {"epochs": 4, "train_limit": 1000}, [8])[:1]
    write_run(third / "question-3", config, with_final((3.0, 3.0, 2.0), (3.0, 3.0, 2.0), 4))
    with pytest.raises(DataError, match=r"(--train_limit=1000).*two settings"):
        questions.contents(str(third), "digits")


def test_a_question_that_has_only_begun_is_left_out(third: pathlib.Path) -> None:
    content = questions.contents(str(third), "digits")
    (config,) = grid.plan("question-2", {"epochs": 4}, [0])[:1]
    write_run(third / "question-2", config, with_final((3.0, 3.0, 2.0), (3.0, 3.0, 2.0), 4), state="running")
    assert questions.contents(str(third), "digits") == content


def test_without_runs_there_are_no_answers(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="no finished run of a question"):
        questions.contents(str(tmp_path), "digits")


def test_a_question_is_answered_for_trainings_longer_than_usual(tmp_path: pathlib.Path) -> None:
    """Rows of question 2 begin in half of the epochs, which may be more than the usual number."""
    for config in grid.plan("question-2", {"epochs": 80}, [0]):
        write_run(tmp_path, config, with_final((1.0, 2.0, 3.0), (1.0, 2.0, 3.0), 80))
    answered = question_claims.answered(2, frame.read_runs(str(tmp_path), "digits"))
    assert len(answered.runs) == len(question_grids.rows_of(2, "digits", 80))
