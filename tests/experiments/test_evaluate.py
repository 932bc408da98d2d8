"""experiments.evaluate: scores on a run's own test part, and on others."""

import pathlib

import numpy as np
import pytest

from collab_ensembles import datasets, run_directory
from collab_ensembles.errors import OtherDataError
from command_runner import Result, run


def _trained(tmp_path: pathlib.Path, dataset: str) -> str:
    flags = [f"--dataset={dataset}", "--members=B1R1F2", "--epochs=1", f"--log_dir={tmp_path / 'runs'}"]
    assert run("experiments.train", *flags, f"--data_dir={tmp_path / 'data'}").exit_status == 0
    (directory,) = run_directory.find(str(tmp_path / "runs"))
    return directory


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run on all 1,437 training digits."""
    return _trained(tmp_path_factory.mktemp("digits"), "digits")


def _evaluate(directory: str, *flags: str) -> Result:
    data_dir = pathlib.Path(directory).parents[2] / "data"
    return run("experiments.evaluate", directory, f"--data_dir={data_dir}", *flags)


def test_on_its_own_test_part_it_gives_what_was_recorded(digits: str) -> None:
    error = run_directory.read_status(digits).test_errors["B1R1F2"]
    result = _evaluate(digits)
    assert (result.exit_status, result.errors) == (0, "")
    assert "digits, 360 test examples, after epoch 1\n" in result.output
    assert f"error {100 * error:6.2f} %" in result.output


def test_examples_that_were_trained_on_are_counted(digits: str) -> None:
    """The validation part is the last tenth of what this run was trained on."""
    result = _evaluate(digits, "--split=validation")
    assert result.exit_status == 0
    assert result.errors == "warning: 143 of the 143 examples were trained on: no test error\n"


def test_other_data_in_place_of_its_own_are_refused(tmp_path: pathlib.Path) -> None:
    data = datasets.load("digits", str(tmp_path / "data"))
    path, parts = tmp_path / "own.npz", {"x_test": data.test_images, "y_test": data.test_labels.astype(np.uint8)}
    images, labels = np.asarray(data.train_images[:96]), data.train_labels[:96].astype(np.uint8)
    np.savez(path, x_train=images, y_train=labels, **parts)
    directory = _trained(tmp_path, str(path))
    np.savez(path, x_train=255 - images, y_train=labels, **parts)
    result = run("experiments.evaluate", directory, f"--data_dir={tmp_path / 'other'}")
    assert result.exit_status == OtherDataError.exit_status
    assert "give the --data_dir that it began with" in result.errors
    assert result.errors.count("\n") == 1
