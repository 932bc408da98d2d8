"""Runs that are tested after some epochs only: all else is as with a test after each."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import frame, statistics_csv
from collab_ensembles.errors import DivergenceError
from collab_ensembles.models.model import Model
from collab_ensembles.runs import run, run_directory
from command_runner import run as command
from trainings import TINY, Contents, read, train

_ALWAYS = dataclasses.replace(TINY, method="L2", epochs=5, shuffle="permute")
_RARELY = dataclasses.replace(_ALWAYS, test_every=2)
_OF_TESTS = {"test_errors", "test_costs", "disagreement", "logit_distance"}


@pytest.fixture(scope="module")
def always(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> Contents:
    return train(_ALWAYS, tmp_path_factory.mktemp("always"), data_dir)


def _compare(rarely: Contents, always: Contents) -> None:
    for output, content in always.items():
        for key, expected in content.items():
            if isinstance(expected, np.ndarray):
                found = rarely[output][key]
                if key in _OF_TESTS:
                    # After the second epoch, the fourth and the last one.
                    expected = np.where([False, True, False, True, True], expected, np.nan)
                np.testing.assert_array_equal(found, expected, err_msg=f"{output} {key}")


def test_what_is_tested_and_trained_is_as_with_every_test(
    tmp_path: Path, data_dir: str, always: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = []
    evaluate = Model.evaluate

    def note(self: Any, *arguments: Any, **options: Any) -> Any:
        tests.append(1)
        return evaluate(self, *arguments, **options)

    monkeypatch.setattr(Model, "evaluate", note)
    _compare(train(_RARELY, tmp_path, data_dir), always)
    assert len(tests) == 3
    status = run_directory.read_status(str(tmp_path))
    assert status.test_errors == {output: content["test_errors"][-1] for output, content in always.items()}


def test_a_run_that_goes_on_is_tested_after_the_same_epochs(tmp_path: Path, data_dir: str, always: Contents) -> None:
    """Also if it was stopped after an epoch without a test, the first or a later one."""
    errors = []
    for stop_after in (1, 3, None):
        status = run.run(_RARELY, str(tmp_path), run.Options(data_dir, stop_after=stop_after))
        errors.append(status.test_errors)
    assert errors[0] == {}
    assert errors[1] == {output: content["test_errors"][1] for output, content in always.items()}
    _compare(read(_RARELY, tmp_path), always)
    assert run_directory.read_status(str(tmp_path)).resumed == [1, 3]


@pytest.mark.usefixtures("eager")
def test_a_training_cost_that_is_not_finite_ends_training_without_a_test_too(tmp_path: Path, data_dir: str) -> None:
    config = dataclasses.replace(_RARELY, learning_rate=1e30)
    with pytest.raises(DivergenceError, match=r"^epoch 1: the training cost"):
        train(config, tmp_path, data_dir)


def test_the_command_says_of_which_epoch_its_errors_are(tmp_path: Path, data_dir: str) -> None:
    flags = ["--members=B1R1F2", "--train_limit=64", "--epochs=4", "--test_every=2", f"--log_dir={tmp_path}"]
    for stop_after, said in (
        (1, "after 0 of 4 epochs, 1 trained: none yet"),
        (3, "after 2 of 4 epochs, 3 trained: B1"),
    ):
        result = command("experiments.train", *flags, f"--data_dir={data_dir}", f"--stop_after={stop_after}")
        assert result.exit_status == 0, result.errors
        assert f"test error {said}" in result.output


@pytest.mark.usefixtures("eager")
def test_tables_say_how_often_and_have_nothing_where_there_is_no_test(tmp_path: Path, data_dir: str) -> None:
    config = dataclasses.replace(_RARELY, epochs=3)
    contents = train(config, tmp_path / "digits" / "run", data_dir)
    (one,) = frame.read_runs(str(tmp_path), "digits")
    assert "test_every=2" in one.setting
    text = statistics_csv.text([one])
    header, *lines = (line.split(",") for line in text.splitlines())
    shown = [line[header.index("test_error_percent")] for line in lines if line[header.index("model")] == "Ens"]
    assert shown[0] == ""
    assert [float(value) for value in shown[1:]] == pytest.approx(100 * contents["ensemble"]["test_errors"][1:])
