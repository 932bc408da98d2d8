"""Scores, calibration and detection, against scikit-learn and loops over the examples."""

import itertools
import pathlib

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.runs import uncertainty
from collab_ensembles.runs.uncertainty import Measures


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(7).normal(0, 2, (400, 5))


@pytest.fixture
def labels(logits: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(8)
    return np.where(random.random(400) < 0.6, logits.argmax(axis=1), random.integers(0, 5, 400))


def test_the_likelihood_is_that_of_scikit_learn_and_finite(logits: np.ndarray, labels: np.ndarray) -> None:
    shares = uncertainty.probabilities(logits)
    assert shares.sum(axis=1) == pytest.approx(np.ones(400))
    received = uncertainty.negative_log_likelihood(logits, labels)
    assert received == pytest.approx(log_loss(labels, shares, labels=range(5)))
    assert uncertainty.negative_log_likelihood(np.array([[2000.0, 0.0]]), np.array([1])) == 2000.0


def test_the_brier_score_is_a_mean_of_squared_distances(logits: np.ndarray, labels: np.ndarray) -> None:
    shares = uncertainty.probabilities(logits)
    total = sum(
        (shares[i, k] - (1.0 if labels[i] == k else 0.0)) ** 2
        for i in range(len(labels))
        for k in range(shares.shape[1])
    )
    assert uncertainty.brier(shares, labels) == pytest.approx(total / 400)
    assert uncertainty.brier(np.array([[0.0, 1.0]]), np.array([0])) == 2.0


@pytest.mark.parametrize("equal_mass", [False, True])
def test_calibration_errors_are_those_of_a_loop_over_bins(
    logits: np.ndarray, labels: np.ndarray, equal_mass: bool
) -> None:
    shares = uncertainty.probabilities(logits)
    pairs = sorted((float(row.max()), bool(row.argmax() == label)) for row, label in zip(shares, labels, strict=True))
    if equal_mass:
        # 400 = 10 x 27 + 5 x 26.
        ends = np.cumsum([0, *[27] * 10, *[26] * 5])
        bins = [pairs[start:end] for start, end in itertools.pairwise(ends)]
    else:
        bins = [[pair for pair in pairs if k / 15 < pair[0] <= (k + 1) / 15] for k in range(15)]
    assert sum(map(len, bins)) == 400
    expected = sum(abs(sum(r for _, r in b) / len(b) - sum(c for c, _ in b) / len(b)) * len(b) / 400 for b in bins if b)
    received = uncertainty.calibration_error(shares, labels, equal_mass)
    assert received == pytest.approx(expected)
    assert received > 0.01


def test_a_calibrated_forecast_has_no_calibration_error() -> None:
    shares = np.tile([0.75, 0.25], (400, 1))
    labels = np.arange(400) % 4 // 3
    assert uncertainty.calibration_error(shares, labels, equal_mass=False) == pytest.approx(0)
    assert uncertainty.calibration_error(np.tile([1.0, 0.0], (400, 1)), labels, equal_mass=False) == pytest.approx(0.25)


def test_detection_is_that_of_scikit_learn_with_ties() -> None:
    random = np.random.default_rng(1)
    known, unknown = random.integers(0, 8, 300) / 8, random.integers(2, 10, 200) / 8
    expected = roc_auc_score(np.repeat([0, 1], [300, 200]), np.concatenate([known, unknown]))
    assert uncertainty.auroc(known, unknown) == pytest.approx(expected)


def test_mutual_information_is_that_of_members_and_examples() -> None:
    shares = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])
    # Sure of different classes; and equally unsure.
    assert uncertainty.mutual_information(shares) == pytest.approx([np.log(2), 0.0])


def test_all_measures_of_all_outputs(logits: np.ndarray, labels: np.ndarray) -> None:
    other = logits[::-1] / 3
    outputs = {"ST": logits, "M": other, "ensemble": (logits + other) / 2, uncertainty.SOFTMAX_MEAN: logits}
    unknown = {name: values / 10 for name, values in outputs.items()}
    received = uncertainty.measure(outputs, labels)
    detection = uncertainty.detect(outputs, unknown)
    assert list(received) == list(detection) == list(outputs)
    for name, values in received.items():
        wrong = np.mean([row.argmax() != label for row, label in zip(outputs[name], labels, strict=True)])
        assert values["error"] == pytest.approx(wrong)
        assert list(values) == ["error", "nll", "brier", "ece_width", "ece_mass"]
        assert detection[name]["auroc_confidence"] > 0.9
        assert ("auroc_mutual_information" in detection[name]) == name.startswith("ensemble")
    # Members that agree less on known examples: worse than chance.
    assert detection["ensemble"]["auroc_mutual_information"] < 0.5


def test_what_is_kept_belongs_to_an_epoch(tmp_path: pathlib.Path) -> None:
    nothing = Measures({}, {})
    assert uncertainty.read(str(tmp_path), 3) == nothing
    for detection in ({}, {"letters": {"ST": {"auroc_confidence": 0.75}}}):
        measures = Measures({"ST": {"nll": 0.25}}, detection)
        uncertainty.write(str(tmp_path), 3, measures)
        assert uncertainty.read(str(tmp_path), 3) == measures
        assert uncertainty.read(str(tmp_path), 4) == nothing


def test_a_published_file_is_read(tmp_path: pathlib.Path) -> None:
    content = '{"epochs_done": 3, "unknown": null, "outputs": {"ST": {"nll": 0.25}}}'
    (tmp_path / uncertainty.FILE).write_text(content)
    assert uncertainty.read(str(tmp_path), 3) == Measures({"ST": {"nll": 0.25}}, {})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"epochs_done": 3, "unknown": {}, "outputs": {"ST": {"nll": NaN}}}',
        '{"epochs_done": 3, "unknown": "mnist", "outputs": {"ST": {"nll": 1}}}',
        '{"epochs_done": 3, "unknown": {"mnist": {"ST": {"auroc_confidence": -1}}}, "outputs": {}}',
    ],
)
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / uncertainty.FILE).write_text(content)
    with pytest.raises(RunDirectoryError, match=r"uncertainty.json: damaged .* --uncertainty writes it again"):
        uncertainty.read(str(tmp_path), 3)
