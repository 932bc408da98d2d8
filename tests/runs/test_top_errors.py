"""Top-k errors against sorted lists, and the file that keeps them."""

import pathlib

import keras
import numpy as np
import pytest

from collab_ensembles.errors import ConfigError, RunDirectoryError
from collab_ensembles.models import group
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.runs import run_model, top_errors
from conftest import network


def _best(logits: np.ndarray, top: int) -> list[int]:
    """The classes with the largest logits; sorting keeps the order of equal ones."""
    return sorted(range(len(logits)), key=lambda index: -logits[index])[:top]


@pytest.mark.parametrize("top", [1, 2, 5])
def test_the_class_is_looked_for_among_the_best(top: int, rng: np.random.Generator) -> None:
    # Few different values, so that many are equal.
    logits = rng.integers(0, 4, (200, 7)).astype(np.float32)
    labels = rng.integers(0, 7, 200).astype(np.int32)
    expected = [label in _best(row, top) for row, label in zip(logits, labels, strict=True)]
    np.testing.assert_array_equal(top_errors.is_among_best(logits, labels, top), expected)
    if top == 1:
        np.testing.assert_array_equal(logits.argmax(axis=1) == labels, expected)


def test_logits_that_are_not_numbers_are_wrong_answers() -> None:
    logits = np.array([[np.nan, 1, 2], [np.nan, 2, 1], [np.nan, np.nan, np.nan]])
    assert not top_errors.is_among_best(logits, np.array([0, 2, 1]), 1).any()


def test_members_and_the_ensemble_are_scored_over_batches_of_unequal_size(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "_MANY", 16)
    images, labels = rng.integers(0, 256, (40, 8, 8, 1), np.uint8), rng.integers(0, 5, 40).astype(np.int32)
    model = EnsembleModel({"one": network(), "other": network(member=1)})
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(images, labels, verbose=0)
    logits = [np.asarray(each, float) for each in model.logits(images)]
    for top in (1, 3):
        expected = {
            name: np.mean([label not in _best(row, top) for row, label in zip(output, labels, strict=True)])
            for name, output in zip(("one", "other", "ensemble"), [*logits, sum(logits) / 2], strict=True)
        }
        assert top_errors.compute(model, images, labels, top) == pytest.approx(expected)
    recorded = run_model.evaluate(model, images, labels)
    assert top_errors.compute(model, images, labels, 1) == pytest.approx(
        {name: recorded[f"{name}_error"] for name in model.statistics_names}
    )


@pytest.mark.parametrize(("top", "classes"), [(1, None), (0, 10), (10, 10), (11, 10)])
def test_numbers_of_answers_that_say_nothing_are_refused(top: int, classes: int | None) -> None:
    with pytest.raises(ConfigError, match=f"--top={top}: .*allowed: whole numbers from 2"):
        top_errors.check(top, classes)
    top_errors.check(9, 10)


def test_what_is_kept_belongs_to_an_epoch_and_a_number_of_answers(tmp_path: pathlib.Path) -> None:
    assert top_errors.read(str(tmp_path), 3, 5) == {}
    top_errors.write(str(tmp_path), 3, 5, {"head1": 0.25})
    assert top_errors.read(str(tmp_path), 3, 5) == {"head1": 0.25}
    assert top_errors.read(str(tmp_path), 4, 5) == top_errors.read(str(tmp_path), 3, 2) == {}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"epochs_done": 3, "top": 5, "errors": {"head1": 2}}'])
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / top_errors.FILE).write_text(content)
    with pytest.raises(RunDirectoryError, match=r"top_errors.json: damaged .* --top=5 writes it again"):
        top_errors.read(str(tmp_path), 3, 5)
