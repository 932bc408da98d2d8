"""run: what was cut off, damaged or deleted is taken up again, with the same bits as if nothing had happened."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collab_ensembles.runs import checkpoint_file, run_data, run_directory, run_model
from trainings import TINY, copied_after, read, series, train

Outcome = tuple[dict[str, bytes], dict[str, bytes]]

RESUMED = dataclasses.replace(TINY, epochs=4, method="L2", shuffle="permute", augment=True)


def _weights(directory: Path) -> dict[str, bytes]:
    with np.load(directory / checkpoint_file.DIRECTORY / "epoch-00004.npz") as values:
        return {key: values[key].tobytes() for key in values.files if key != "seconds"}


def _outcome(directory: Path, data_dir: str) -> Outcome:
    """Statistics and weights after training to the end."""
    return series(train(RESUMED, directory, data_dir)), _weights(directory)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has the directory of the undisturbed run, and copies of it after each epoch."""
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture(scope="module")
def undisturbed(place: Path, data_dir: str) -> Outcome:
    with copied_after({epochs: place / str(epochs) for epochs in range(1, 5)}):
        return _outcome(place / "whole", data_dir)


@pytest.fixture
def cut_off(place: Path, undisturbed: Outcome, tmp_path: Path) -> Callable[[int], None]:
    """Leaves a run directory as a process that was killed after so many epochs does."""

    def cut_off(epochs: int) -> None:
        shutil.copytree(place / str(epochs), tmp_path, dirs_exist_ok=True)
        (tmp_path / "status.json123.tmp").write_bytes(b"{")

    return cut_off


def _flip(path: Path, position: int = 1000) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("epochs", [1, 3, 4])
def test_a_run_that_was_cut_off_ends_with_the_same_bits(
    epochs: int, tmp_path: Path, data_dir: str, undisturbed: Outcome, cut_off: Callable[[int], None]
) -> None:
    cut_off(epochs)
    assert _outcome(tmp_path, data_dir) == undisturbed
    status = run_directory.read_status(str(tmp_path))
    # After the last epoch there is nothing to take up.
    assert (status.state, status.epochs_done, status.resumed) == ("done", 4, [epochs] if epochs < 4 else [])
    assert not list(tmp_path.glob("*.tmp"))


def test_of_damaged_checkpoints_the_one_before_is_used(
    tmp_path: Path,
    data_dir: str,
    undisturbed: Outcome,
    cut_off: Callable[[int], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cut_off(3)
    _flip(tmp_path / checkpoint_file.DIRECTORY / "epoch-00003.npz")
    assert _outcome(tmp_path, data_dir) == undisturbed
    assert "epoch-00003.npz: truncated or changed" in caplog.text
    assert run_directory.read_status(str(tmp_path)).resumed == [2]


def test_without_a_good_checkpoint_a_run_starts_over(
    tmp_path: Path,
    data_dir: str,
    undisturbed: Outcome,
    cut_off: Callable[[int], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cut_off(2)
    for path in (tmp_path / checkpoint_file.DIRECTORY).iterdir():
        path.write_bytes(path.read_bytes()[:-7])
    assert _outcome(tmp_path, data_dir) == undisturbed
    assert "no usable checkpoint is left" in caplog.text
    assert run_directory.read_status(str(tmp_path)).resumed == []


def test_what_was_altered_after_the_end_is_made_again(
    place: Path, tmp_path: Path, data_dir: str, undisturbed: Outcome
) -> None:
    shutil.copytree(place / "whole", tmp_path, dirs_exist_ok=True)
    pickles = sorted(tmp_path.glob("*.pkl"))
    _flip(pickles[0], 100)
    pickles[1].unlink()
    assert series(train(RESUMED, tmp_path, data_dir)) == undisturbed[0]
    (tmp_path / "status.json").write_text("{")
    assert series(train(RESUMED, tmp_path, data_dir)) == undisturbed[0]
    assert run_directory.is_done(str(tmp_path))


@pytest.mark.usefixtures("eager")
def test_checkpoints_may_be_written_more_rarely(tmp_path: Path, data_dir: str) -> None:
    train(RESUMED, tmp_path, data_dir, stop_after=3, checkpoint_every=2)
    assert sorted(os.listdir(tmp_path / checkpoint_file.DIRECTORY)) == ["epoch-00002.npz", "epoch-00003.npz"]


def test_the_restored_model_gives_the_statistics_of_its_epoch(
    tmp_path: Path, data_dir: str, cut_off: Callable[[int], None]
) -> None:
    cut_off(1)
    contents = read(RESUMED, tmp_path)
    model, status = run_model.restore(str(tmp_path))
    assert status.epochs_done == 1
    data = run_data.load(RESUMED, data_dir)
    scores = run_model.evaluate(model, data.test_images, data.test_labels)
    for output, content in contents.items():
        assert scores[f"{output}_error"] == pytest.approx(content["test_errors"][0], rel=1e-6)
        assert scores[f"{output}_cost"] == pytest.approx(content["test_costs"][0], rel=1e-6)


@pytest.mark.usefixtures("eager")
def test_what_only_makes_files_again_is_not_noted_as_what_computed_them(
    tmp_path: Path, data_dir: str, caplog: pytest.LogCaptureFixture
) -> None:
    train(RESUMED, tmp_path, data_dir, stop_after=2, threads=1)
    assert "begun" not in caplog.text
    train(RESUMED, tmp_path, data_dir, threads=2)
    assert (
        f"{tmp_path}: the run began with threads 1, now 2; its numbers may differ, if only in their last bits"
        in caplog.text
    )
    for threads in (2, 3):
        sorted(tmp_path.glob("*.pkl"))[0].unlink()
        train(RESUMED, tmp_path, data_dir, threads=threads)
        status = run_directory.read_status(str(tmp_path))
        assert status.environment["threads"] == 2
        assert [each["threads"] for each in status.earlier_environments] == [1]
        assert status.resumed == [2]
