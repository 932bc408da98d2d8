"""The grids of the open questions: rows that they promise, and names that tell their runs apart."""

from typing import Any

import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.ensemble import question_grids
from collab_ensembles.settings import grid


def _plan(number: int, **settings: Any) -> list[Any]:
    return grid.plan(f"question-{number}", {"train_limit": 100, **settings} if number == 7 else settings, [0])


@pytest.mark.parametrize(("number", "rows"), [(1, 24), (2, 13), (3, 16), (4, 17), (5, 9), (6, 7), (7, 10)])
def test_rows_and_runs_agree(number: int, rows: int) -> None:
    configs = _plan(number)
    assert len(configs) == len(question_grids.rows_of(number)) == rows
    assert len(set(configs)) == len(set(grid.names(configs))) == rows


def test_a_weight_in_total_is_shared_by_the_pairs() -> None:
    """L2 is a mean over pairs: a weight of 0.01 for each of 28 pairs is 0.28 as such a mean."""
    rows = question_grids.rows_of(4)
    assert rows["8 ST, all, weight kept for each pair"]["weight"] == pytest.approx(0.28)
    assert rows["8 ST, all, weight kept in total"]["weight"] == 0.01
    assert rows["3 ST, chain, weight kept for each pair"]["weight"] == pytest.approx(0.02)


def test_schedules_end_with_the_length_of_the_training() -> None:
    ends = {config.schedule_end for config in _plan(2, epochs=8)}
    assert ends == {None, 4}


def test_another_data_set_of_the_same_shape_is_tried_where_there_is_one() -> None:
    sources = {config.unlabelled for config in _plan(7, dataset="mnist")}
    assert sources == {"none", "rest", "uniform", "gaussian", "fashion_mnist"}


def test_the_number_of_labelled_images_must_be_given() -> None:
    with pytest.raises(ConfigError, match="add --train_limit"):
        grid.plan("question-7", {}, [0])


def test_what_a_question_varies_cannot_be_set() -> None:
    with pytest.raises(ConfigError, match="--epochs=5: --grid=question-1 sets this itself"):
        grid.plan("question-1", {"epochs": 5}, [0])
