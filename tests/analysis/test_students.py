"""Students beside table 3.1 of Lacaille (2018): what is read off a run, the published numbers, claims and figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from analysis import claims, methods, recorded_run, tables
from analysis.methods.teaching import figures, outcomes
from analysis.methods.teaching import tables as teaching_tables
from analysis.methods.teaching.claims import CHOSEN, CHOSEN_TRUE, CLAIM_SET, EUCLIDEAN, FIVE, FIVE_TRUE, RANDOM
from analysis.recorded_run import Run
from collab_ensembles.runs import naming
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import plan

EPOCHS = 8
STEPS = {1: 100, 2: 50, 5: 45}
"""Updates of an epoch; those of a stack of 5 are made up, so that it can be slow."""
_BY_NAME = {claim.name: claim for claim in CLAIM_SET.claims}


def _config(seed: int = 0, **settings: Any) -> RunConfig:
    return RunConfig(**{"system": "teaching", "dataset": "mnist", "epochs": EPOCHS, "seed": seed, **settings})


def _run(config: RunConfig, validation: Sequence[float], error: float = 3.0) -> Run:
    """A run with these validation accuracies in percent, of as many epochs as it was trained.

    Its test error is one more than this in the first epoch. Of the examples it learned from it had 90 % right in the
    first epoch, and a point more in each.
    """
    errors = 1 - np.array([*validation, *[validation[-1]] * (EPOCHS - len(validation))]) / 100
    trained = np.minimum(np.arange(1, EPOCHS + 1), len(validation))
    updates = STEPS[config.stack] * trained.astype(float)
    series = {
        **{key: np.full(EPOCHS, 0.1) for key in ("train_errors", "train_costs", "test_costs")},
        "test_errors": np.array([error + 1, *[error] * (EPOCHS - 1)]) / 100,
        "train_errors_mean": 0.1 - 0.01 * np.arange(EPOCHS),
        "updates": updates,
        "forward_passes": updates * (config.stack if config.difficulty != "random" else 1),
        "validation_errors": errors,
        "best_epoch": np.array([float(np.argmin(errors[: epoch + 1]) + 1) for epoch in range(EPOCHS)]),
    }
    statistics = {"student": recorded_run.statistics_of("made up", series, EPOCHS)}
    return Run(naming.run_directory("runs", config), config, Status(state="done"), statistics)


Settings = Mapping[str, Any]
_ROWS: Mapping[str, Settings] = {
    "baseline": {"stack": 1},
    CHOSEN: {},
    CHOSEN_TRUE: {"targets": "true"},
    EUCLIDEAN: {"difficulty": "euclidean"},
    RANDOM: {"difficulty": "random"},
    FIVE: {"stack": 5},
    FIVE_TRUE: {"stack": 5, "targets": "true"},
}


def _grid(late: Mapping[str, int], errors: Mapping[str, float], seeds: int = 5) -> list[Run]:
    """Students that reach 96 % at a late epoch, from 1; by default, at the third; their highest is two epochs later."""
    runs = []
    for seed in range(seeds):
        for name, settings in _ROWS.items():
            rising = [*np.linspace(90, 95, late.get(name, 3) - 1), 96.0, 96.2, 97.0 + 0.01 * seed, 96.5]
            runs.append(_run(_config(seed, **settings), rising, errors.get(name, 3.0) + 0.01 * seed))
    return runs


def test_an_outcome_is_that_of_the_best_epoch_and_of_the_first_at_the_mark() -> None:
    outcome = outcomes.outcome(_run(_config(stack=5), [95.0, 96.1, 95.9, 97.0, 96.9, 97.0], 2.5))
    assert (outcome.accuracy, outcome.validation) == (pytest.approx(97.5), pytest.approx(97.0))
    assert (outcome.epochs, outcome.trained, outcome.updates, outcome.passes) == (4, 6, 180, 1080)
    assert (outcome.updates_to_mark, outcome.passes_to_mark) == (90, 540)
    assert outcome.right == pytest.approx(93)


def test_a_student_that_never_reaches_the_mark_has_no_numbers_there() -> None:
    run = _run(_config(stack=1), [90.0, 91.0])
    assert np.isnan(outcomes.outcome(run).updates_to_mark)
    assert "nan" not in tables.report([run], "markdown")


def test_the_rows_of_the_grid_are_those_of_the_published_table() -> None:
    configs = plan("lacaille-3.1", {"dataset": "mnist"}, [0])
    teacher, *students = configs
    assert outcomes.row_of(teacher) is None
    paper = outcomes.published_rows("MNIST")
    assert [outcomes.row_of(config) for config in students] == list(paper) == list(_ROWS)
    # The thesis' last row and its baseline.
    assert (paper[FIVE_TRUE], paper["baseline"]) == ((96.8, 9_100), (96.4, 39_000))
    assert methods.of(students[0]).published_error(students[0], "student")[0] == pytest.approx(3.6)
    assert outcomes.row_of(_config(patience=3)) is None
    assert outcomes.row_of(_config(members=("mlp64-32",))) is None


def test_the_table_has_means_and_intervals_beside_the_published_numbers() -> None:
    runs = _grid({}, {"baseline": 3.5})
    table = teaching_tables.table(runs)
    cells = {row[0].text: row[1:] for row in table.rows}
    accuracy, paper, updates, paper_updates, *_ = cells["baseline"]
    assert (accuracy.text, paper.text, updates.text, paper_updates.text) == ("96.48", "96.4", "500", "39,000")
    assert accuracy.addition.startswith("[96.")
    assert cells[FIVE][2].text == "225"


def _verdict(runs: Sequence[Run], name: str) -> claims.Finding:
    return claims.judge(_BY_NAME[name], CLAIM_SET.grids_of(runs), CLAIM_SET.least_seeds)


@pytest.mark.parametrize(
    ("name", "holds", "fails"),
    [
        ("table 3.1, accuracy", ({}, {CHOSEN: 2.6}), ({}, {CHOSEN: 2.4})),
        ("table 3.1, updates", ({}, {}), ({"baseline": 1, FIVE: 5}, {})),
        ("figure 3.1, twice", ({}, {}), ({"baseline": 5}, {})),
        ("figure 3.1, Euclidean", ({EUCLIDEAN: 4}, {}), ({CHOSEN: 4}, {})),
        ("figure 3.1, random", ({RANDOM: 4}, {}), ({RANDOM: 2}, {})),
        ("figure 3.1, targets", ({}, {CHOSEN_TRUE: 3.2}), ({}, {CHOSEN_TRUE: 3.4})),
        ("figure 3.1, stack of 5", ({}, {}), ({CHOSEN: 1, "baseline": 1}, {})),
    ],
)
def test_a_claim_holds_and_fails_with_what_it_says(
    name: str,
    holds: tuple[dict[str, int], dict[str, float]],
    fails: tuple[dict[str, int], dict[str, float]],
) -> None:
    assert _verdict(_grid(*holds), name).verdict == claims.HOLDS
    assert _verdict(_grid(*fails), name).verdict == claims.FAILS


def test_what_a_choice_costs_can_undo_its_speed() -> None:
    """After three epochs a stack of 2 has passed 450 minibatches, the baseline 600; stacks of 5 have 540 after two."""
    early = dict.fromkeys((FIVE, FIVE_TRUE), 2)
    finding = _verdict(_grid(early, {}), "section 3.4, cost")
    assert finding.verdict == claims.HOLDS
    assert finding.margins[CHOSEN].mean == pytest.approx(np.log2(600 / 450))
    slow = dict.fromkeys((CHOSEN, CHOSEN_TRUE, EUCLIDEAN, FIVE, FIVE_TRUE), 5)
    assert _verdict(_grid(slow, {}), "section 3.4, cost").verdict == claims.FAILS


def test_the_published_numbers_can_be_judged_where_the_table_has_them() -> None:
    verdicts = {each.claim.name: each.verdict for each in claims.findings([CLAIM_SET.published("MNIST")], CLAIM_SET)}
    seen = [name for name, verdict in verdicts.items() if verdict == claims.SEEN]
    assert seen == ["table 3.1, accuracy", "table 3.1, updates"]
    # With a stack of 2 soft and true labels are 0.4 apart.
    assert verdicts["figure 3.1, targets"] == claims.UNSEEN


def test_all_figures_are_drawn_as_far_as_every_seed_trains() -> None:
    runs = _grid({}, {}, seeds=2)
    for each in figures.drawings(runs):
        figure = each.draw()
        longest = max(len(line.get_xdata()) for axes in figure.axes for line in axes.get_lines())
        assert longest == 6
    passes = next(each for each in figures.drawings(runs) if "passes" in each.name).draw()
    ends = {line.get_label(): line.get_xdata()[-1] for line in passes.axes[0].get_lines()}
    assert ends == {"baseline": 1200, CHOSEN: 900, CHOSEN_TRUE: 900, EUCLIDEAN: 900, RANDOM: 600}


def test_curves_show_every_student_however_poor_it_is() -> None:
    runs = [_run(_config(stack=1), [40.0, 60.0]), _run(_config(), [70.0, 80.0])]
    figure = next(each for each in figures.drawings(runs) if "passes" not in each.name).draw()
    low, high = figure.axes[0].get_ylim()
    peaks = [max(line.get_ydata()) for line in figure.axes[0].get_lines()]
    assert sorted(peaks) == pytest.approx([60, 80])
    assert all(low < peak < high for peak in peaks)


def test_students_of_another_teacher_stand_in_rows_of_their_own() -> None:
    """Otherwise a seed would count twice, and claims would mix two teachers."""
    usual = _run(_config(), [90.0, 95.0])
    others = [_run(_config(teacher_seed=7), [80.0, 85.0]), _run(_config(teacher=("other.keras",)), [70.0, 75.0])]
    assert outcomes.by_row([usual, *others]) == {CHOSEN: [usual]}
    assert outcomes.outcomes_of([usual, *others])[0][CHOSEN].validation == 95.0
    text = tables.report([usual, *others], "csv")
    assert "teacher_seed 7" in text.replace("=", " ")


@pytest.mark.parametrize("trained", [1, 8])
def test_a_row_that_alone_misses_the_mark_is_the_slower_one(trained: int) -> None:
    """However long it was trained: its seed is not left out, and speaks for a claim or against it."""
    late = dict.fromkeys((CHOSEN, CHOSEN_TRUE, EUCLIDEAN), 2)
    runs = [run for run in _grid(late, {}) if run.config.difficulty != "random"]
    missed = [_run(_config(seed, difficulty="random"), [90.0] * trained) for seed in range(5)]
    finding = _verdict([*runs, *missed], "figure 3.1, random")
    assert (finding.verdict, finding.seeds) == ("holds", 5)
    # Eight epochs of 50 updates against two; one epoch tells only that it needs more than 100.
    expected = 2 if trained == 8 else np.log2(101 / 100)
    assert [margin.mean for margin in finding.margins.values()] == pytest.approx([expected] * 3)

    others = [run for run in runs if run.config.difficulty != "euclidean"]
    reached = [_run(_config(seed, difficulty="random"), [90, 96, 97]) for seed in range(5)]
    missed = [_run(_config(seed, difficulty="euclidean"), [90.0] * trained) for seed in range(5)]
    assert _verdict([*others, *reached, *missed], "figure 3.1, random").verdict == "does not hold"
    neither = [_run(_config(seed, difficulty="random"), [90.0] * trained) for seed in range(5)]
    assert _verdict([*others, *neither, *missed], "figure 3.1, random").seeds == 0
