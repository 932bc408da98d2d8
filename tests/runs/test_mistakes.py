"""Where a group errs, against loops over the examples; and what a run keeps of it."""

import pathlib

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from analysis import mistakes_figure
from analysis.recorded_run import Run
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.runs import mistakes, uncertainty
from collab_ensembles.runs.mistakes import SHARES
from collab_ensembles.runs.run_directory import DataFacts, Status
from collab_ensembles.settings.config import RunConfig


@pytest.fixture
def logits() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    first, second, third = (random.normal(0, 2, (60, 4)) for _ in range(3))
    return {"a": first, "b": second, "c": third, "ensemble": (first + second + third) / 3}


@pytest.fixture
def labels(logits: dict[str, np.ndarray]) -> np.ndarray:
    random = np.random.default_rng(6)
    return np.where(random.random(60) < 0.5, logits["ensemble"].argmax(axis=1), random.integers(0, 4, 60))


@pytest.fixture
def images() -> np.ndarray:
    return np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)


def test_confusions_and_bins_are_those_of_the_ensemble(
    logits: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray
) -> None:
    found = mistakes.measure(logits, "ensemble", images, labels)
    shares = uncertainty.probabilities(logits["ensemble"])
    assert found["confusion"].tolist() == confusion_matrix(labels, shares.argmax(axis=1)).tolist()
    for number in range(15):
        inside = [
            (shares[place].max(), shares[place].argmax() == labels[place])
            for place in range(60)
            if number / 15 < shares[place].max() <= (number + 1) / 15
        ]
        assert found["bin_counts"][number] == len(inside)
        if inside:
            assert found["bin_confidence"][number] == pytest.approx(np.mean([each for each, _ in inside]))
            assert found["bin_accuracy"][number] == pytest.approx(np.mean([right for _, right in inside]))
    gaps = found["bin_counts"] * abs(found["bin_accuracy"] - found["bin_confidence"])
    assert gaps.sum() / 60 == pytest.approx(uncertainty.calibration_error(shares, labels, equal_mass=False))


def test_errors_on_the_surest_examples_are_those_of_a_sorted_list(
    logits: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray
) -> None:
    found = mistakes.measure(logits, "ensemble", images, labels)
    rows = []
    for place in range(60):
        shares = uncertainty.probabilities(logits["ensemble"][place : place + 1])[0]
        answers = [int(logits[name][place].argmax()) for name in "abc"]
        pairs = sum(answers[i] != answers[j] for i, j in ((0, 1), (0, 2), (1, 2)))
        rows.append((pairs, -float((shares * np.log(shares)).sum()), bool(shares.argmax() != labels[place])))
    for key, order in (
        ("error_by_entropy", sorted(rows, key=lambda row: row[1])),
        ("error_by_disagreement", sorted(rows, key=lambda row: row[:2])),
    ):
        expected = [np.mean([row[2] for row in order[: round(60 * share)]]) for share in SHARES]
        assert found[key].tolist() == pytest.approx(expected)
    # All are answered at last, so both end with the error.
    assert found["error_by_entropy"][-1] == found["error_by_disagreement"][-1]


def test_the_worst_images_are_those_whose_label_is_least_likely(
    logits: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray
) -> None:
    found = mistakes.measure(logits, "ensemble", images, labels)
    shares = uncertainty.probabilities(logits["ensemble"])
    right = [float(shares[place, labels[place]]) for place in range(60)]
    assert found["worst_probabilities"].tolist() == pytest.approx(sorted(right)[:25])
    assert found["worst_images"].ravel().tolist() == found["worst"].tolist()
    assert found["worst_labels"].tolist() == labels[found["worst"]].tolist()
    assert found["worst_answers"].tolist() == shares.argmax(axis=1)[found["worst"]].tolist()


def test_of_one_network_its_own_answers_count(
    logits: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray
) -> None:
    found = mistakes.measure({"a": logits["a"]}, "a", images, labels)
    assert found["confusion"].trace() == np.sum(logits["a"].argmax(axis=1) == labels)
    assert found["error_by_disagreement"].tolist() == found["error_by_entropy"].tolist()


def test_what_is_kept_belongs_to_an_epoch_and_damage_is_named(
    tmp_path: pathlib.Path, logits: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray
) -> None:
    directory = str(tmp_path)
    assert mistakes.read(directory, 3) == {}
    found = mistakes.measure(logits, "ensemble", images, labels)
    mistakes.write(directory, 3, found)
    assert mistakes.read(directory, 4) == {}
    read = mistakes.read(directory, 3)
    assert {key: value.tolist() for key, value in read.items()} == {key: value.tolist() for key, value in found.items()}
    path = tmp_path / mistakes.FILE
    for content in (b"", path.read_bytes()[:200]):
        path.write_bytes(content)
        with pytest.raises(RunDirectoryError, match=r"damaged .* --mistakes writes it again"):
            mistakes.read(directory, 3)


def test_a_figure_counts_the_errors_and_names_calibration(
    logits: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray
) -> None:
    from matplotlib.figure import Figure

    found = mistakes.measure(logits, "ensemble", images, labels)
    panels = Figure().subplots(1, 3)
    mistakes_figure.confusion(panels[0], found["confusion"], "wxyz")
    wrong = int((logits["ensemble"].argmax(axis=1) != labels).sum())
    assert panels[0].get_title() == f"{wrong} errors on 60 test images"
    assert {text.get_text() for text in panels[0].texts} == {
        str(count) for count in np.unique(found["confusion"]) if count
    }
    mistakes_figure.reliability(panels[1], found)
    shares = uncertainty.probabilities(logits["ensemble"])
    error = uncertainty.calibration_error(shares, labels, equal_mass=False)
    assert panels[1].get_title().endswith(f"{100 * error:.2f} %")
    mistakes_figure.rejection(panels[2], found)
    assert panels[2].lines[0].get_ydata()[-1] == pytest.approx(100 * wrong / 60)


def test_of_too_many_classes_all_but_confusions_is_kept_and_drawn(
    logits: dict[str, np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = mistakes.measure(logits, "ensemble", images, labels)
    monkeypatch.setattr(mistakes, "MOST_CLASSES", 3)
    found = mistakes.measure(logits, "ensemble", images, labels)
    assert found.pop("confusion").shape == (0, 0)
    assert whole.pop("confusion").shape == (4, 4)
    for key, values in whole.items():
        np.testing.assert_array_equal(found[key], values)
    mistakes.write(str(tmp_path), 30, mistakes.measure(logits, "ensemble", images, labels))
    data = DataFacts("digits", (1, 1, 1), 4)
    run = Run(str(tmp_path), RunConfig(), Status(state="done", data=data), {})
    panel, *_ = mistakes_figure.figure(run).axes
    assert panel.get_title() == "more than 3 classes: no confusions"
