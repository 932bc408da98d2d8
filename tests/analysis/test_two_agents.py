"""Two agents beside table 4.1 of Lacaille (2018): what is read off a run, the published numbers, claims and figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from analysis import claims, drawing, methods, recorded_run, statistics_csv, tables
from analysis.methods.language import outcomes, views
from analysis.methods.language.claims import CLAIM_SET
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError
from collab_ensembles.methods.language.options import LEVELS, LanguageConfig
from collab_ensembles.runs import naming
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig

EPOCHS, LENGTH = 4, 3


def _config(level: str, seed: int = 0, **settings: Any) -> RunConfig:
    common = {"system": "language", "dataset": "mnist", "epochs": EPOCHS, "seed": seed}
    return RunConfig(**{**common, "level": level, **settings})


def _run(config: RunConfig, validation: Sequence[float], test: Sequence[float], entropies: Sequence[float]) -> Run:
    """A run of a student with these accuracies in percent and entropies; the teacher's test errors are 10 points more,
    the ensemble's 5 points less."""
    errors = 1 - np.array(test) / 100
    further = {name: np.linspace(1, 2, EPOCHS) for name in ("student_information", "teacher_information")}
    further |= {
        "student_validation_error": 1 - np.array(validation) / 100,
        "student_message_entropy": np.array(entropies, float),
        "student_distinct_messages": np.arange(EPOCHS) + 7.0,
        "student_topographic_similarity": np.full(EPOCHS, 0.25),
        "agreement": np.full(EPOCHS, 0.75),
        "surprise": np.full(EPOCHS, 12.5),
        **{f"class_{c}_symbol_{t}": np.full(EPOCHS, (c + t) / 10) for c in range(2) for t in range(32)},
    }
    statistics = {}
    for output, shift in (("teacher", 0.1), ("student", 0.0), ("Ens", -0.05)):
        series = {key: np.full(EPOCHS, 0.1) for key in ("train_errors", "train_costs", "test_costs")}
        series |= {"test_errors": errors + shift} | (further if output == "Ens" else {})
        statistics[output] = recorded_run.statistics_of("made up", series, EPOCHS)
    return Run(naming.run_directory("runs", config), config, Status(state="done"), statistics)


def _grid(accuracies: Sequence[float], seeds: int = 5) -> list[Run]:
    """Levels with these test accuracies at the best epoch, the second; validation falls by 3 points, 5 of feedback."""
    runs = []
    for seed in range(seeds):
        for level, accuracy in zip(LEVELS, accuracies, strict=True):
            fall = 5 if level == "feedback" else 3
            own = accuracy + 0.1 * seed
            curve = [60, 70, 68, 70 - fall]
            runs.append(_run(_config(level, seed), curve, [50, own, 99, 40], [9, 8, 7, 6 if level != "both" else 10]))
    return runs


def test_a_run_is_scored_at_its_best_validation_epoch_and_not_by_the_test_set() -> None:
    run = _run(_config("both"), [60, 70, 70, 65], [50, 71, 99, 98], [9, 9, 9, 9])
    assert outcomes.best_epoch(run) == 2
    assert outcomes.accuracy(run) == pytest.approx(71)
    assert outcomes.accuracy(run, "teacher") == pytest.approx(61)


def test_the_published_accuracies_stand_beside_ours() -> None:
    assert outcomes.published_accuracy("MNIST") == {"baseline": 64.4, "receive": 65.7, "feedback": 69.4, "both": 71.4}
    text = tables.report(_grid([64.4, 65.7, 69.4, 71.4]), "markdown")
    (line,) = [line for line in text.splitlines() if line.startswith("| feedback") and "69.4" in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1].startswith("69.6 [69.4, 69.8]")
    assert cells[2] == "69.4"
    assert cells[3].startswith("59.6")
    assert cells[-1].startswith("2.0")
    other = tables.report([_run(_config("both", noise=0.2), [1, 2, 3, 4], [1, 2, 3, 4], [1, 1, 1, 1])], "markdown")
    assert "paper" not in other
    assert "noise 0.2" in other


def test_the_long_table_and_the_statistics_have_what_was_recorded() -> None:
    runs = _grid([60.0, 61.0, 62.0, 63.0])
    table = tables.long_table(runs).set_index(["arrangement", "model"])
    row = table.loc[("mlp64-64, both", "student")]
    assert row["validated_test_accuracy_percent"] == pytest.approx(63.2)
    assert row["validated_test_accuracy_percent_sd"] == pytest.approx(np.std([0.1 * n for n in range(5)], ddof=1))
    assert row["paper_validated_test_accuracy_percent"] == 71.4
    lines = statistics_csv.text(runs).splitlines()
    header, first = lines[0].split(","), next(line for line in lines if ",Ens,1," in line).split(",")
    assert header[-1] == "agreement"
    assert first[-1] == "0.75"
    assert float(dict(zip(header[-12:], first[-12:], strict=True))["student_validation_error_percent"]) == 40


@pytest.mark.parametrize(
    ("accuracies", "verdicts"),
    [
        ((60.0, 61.0, 62.0, 63.0), ("holds",) * 3),
        ((60.0, 61.0, 60.5, 60.2), ("holds", "does not hold", "does not hold")),
    ],
)
def test_claims_are_judged_by_the_accuracies_and_curves(accuracies: Sequence[float], verdicts: tuple[str, ...]) -> None:
    found = claims.findings_of(_grid(accuracies), CLAIM_SET)
    assert tuple(finding.verdict for finding in found) == (*verdicts, "holds", "holds", "does not hold")
    assert found[0].margins["less baseline"].mean == pytest.approx(accuracies[1] - accuracies[0])
    assert found[3].numbers["feedback"] == pytest.approx(5)
    assert found[4].margins["less both"].mean == pytest.approx(2)


def test_the_published_numbers_hold_what_the_thesis_says_of_them() -> None:
    found = claims.findings([CLAIM_SET.published("MNIST")], CLAIM_SET)
    assert [finding.verdict for finding in found[:3]] == ["seen in one seed"] * 3
    assert {finding.verdict for finding in found[3:]} == {"not enough data"}


def test_figures_show_the_recorded_curves_and_messages() -> None:
    runs = _grid([60.0, 61.0, 62.0, 63.0])
    figures = {each.name: each for each in methods.of(runs[0].config).drawings(runs, False, False)}
    assert list(figures) == [
        "language_temperatures",
        *(f"language_{name}_mnist_epochs=4" for name in ("validation", "measures", "messages")),
    ]
    (curves,) = figures["language_validation_mnist_epochs=4"].draw().axes
    assert len(curves.get_lines()) == len(LEVELS)
    np.testing.assert_allclose(curves.get_lines()[2].get_ydata(), [60, 70, 68, 65])
    *panels, _ = figures["language_messages_mnist_epochs=4"].draw().axes
    (picture,) = panels[0].get_images()
    np.testing.assert_allclose(picture.get_array(), [[(c + t) / 10 for t in range(32)] for c in range(2)])
    high, low = figures["language_temperatures"].draw().axes
    (soft,), (hard,) = high.get_images(), low.get_images()
    np.testing.assert_allclose(soft.get_array().sum(axis=0), 1)
    # Of the same logits and noise: only the temperature differs.
    odds = [np.log(image.get_array()[1] / image.get_array()[0]) for image in (soft, hard)]
    np.testing.assert_allclose(odds[0] * 4.0, odds[1] * 0.25)
    del runs[0].statistics["Ens"]["StudentValidationError"]
    with pytest.raises(DataError, match="StudentValidationError was not recorded"):
        figures["language_validation_mnist_epochs=4"].draw()


def test_views_show_the_masks_of_the_run() -> None:
    config = _config("both", seed=3)
    assert isinstance(config, LanguageConfig)
    images = np.random.default_rng(0).integers(0, 256, (16, 5, 4, 1), np.uint8)
    figure = drawing.figure(lambda axes: views.views(images, config, axes), 3, (6, 2))
    original, *seen = (panel.get_images()[0].get_array() for panel in figure.axes)
    assert np.array_equal(original[5:10, 8:12], images[6, :, :, 0])
    for agent, picture in enumerate(seen):
        mask = config.inverted(agent, (5, 4, 1))[:, :, 0]
        expected = np.where(mask, 255 - images[6, :, :, 0], images[6, :, :, 0])
        assert np.array_equal(picture[5:10, 8:12], expected)
    with pytest.raises(DataError, match="mnist: 15 training images; needed: at least 16"):
        drawing.figure(lambda axes: views.views(images[:15], config, axes), 3, (6, 2))


def test_rows_of_one_level_are_told_apart() -> None:
    runs = [_run(_config("both", **own), [60] * 4, [50] * 4, [9] * 4) for own in ({}, {"message_length": 16})]
    names = {each.name: each for each in methods.of(runs[0].config).drawings(runs, False, False)}
    panel = names["language_measures_mnist_epochs=4"].draw().axes[0]
    assert len({(line.get_color(), line.get_linestyle()) for line in panel.get_lines()}) == 2
