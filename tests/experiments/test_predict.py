"""Predictions of a trained run: as a command, and in Python, against its networks applied by hand."""

import csv
import io
import pathlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import collab_ensembles as ce
from analysis import report
from collab_ensembles import data
from collab_ensembles.errors import DataError
from collab_ensembles.runs import run, run_model
from collab_ensembles.settings.config import RunConfig
from command_runner import run as run_command


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, np.ndarray]:
    """A run directory, and test images of its data."""
    directory = tmp_path_factory.mktemp("trained")
    config = RunConfig(members=("B1R1F2", "B1R1F3"), train_limit=96, batch_size=32, epochs=1)
    run.run(config, str(directory / "run"), run.Options(str(directory), threads=1))
    return str(directory / "run"), np.asarray(data.load("digits", str(directory)).test_images[:9])


def test_predictions_are_those_of_the_networks(trained: tuple[str, np.ndarray]) -> None:
    directory, images = trained
    predicted = ce.load(directory).predict(images)
    model, _ = run_model.restore(directory)
    first, second = (np.asarray(each, float) for each in model.logits(images))
    powers = np.exp((first + second) / 2)
    shares = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predicted.probabilities, shares, rtol=1e-4, atol=1e-7)
    table = predicted.to_frame()
    assert table["class"].tolist() == shares.argmax(axis=1).tolist()
    assert table["name"].tolist() == [str(number) for number in shares.argmax(axis=1)]
    assert table["probability"].to_numpy() == pytest.approx(shares.max(axis=1), rel=1e-4)
    assert table["entropy"].to_numpy() == pytest.approx(-(shares * np.log(shares)).sum(axis=1), rel=1e-3, abs=1e-6)
    assert table["B1R1F2"].tolist() == first.argmax(axis=1).tolist()
    assert table["disagreement"].tolist() == (first.argmax(axis=1) != second.argmax(axis=1)).tolist()


def test_images_of_another_shape_are_refused(trained: tuple[str, np.ndarray]) -> None:
    with pytest.raises(DataError, match=r"shape \(9, 8, 1\); needed: \(8, 8, 1\)"):
        ce.load(trained[0]).predict(np.zeros((2, 9, 8), np.uint8))


def test_the_command_writes_a_row_for_each_image(trained: tuple[str, np.ndarray], tmp_path: pathlib.Path) -> None:
    directory, images = trained
    for place, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{place}.png")
    out = tmp_path / "predictions.csv"
    result = run_command("experiments.predict", directory, str(tmp_path), f"--out={out}")
    assert (result.exit_status, result.output) == (0, f"predictions of 9 images: {out}\n")
    table = pd.read_csv(out)
    expected = ce.load(directory).predict(images).to_frame()
    assert table["image"].tolist() == [f"{place}.png" for place in range(9)]
    assert table["class"].tolist() == expected["class"].tolist()
    assert table["probability"].to_numpy() == pytest.approx(expected["probability"].to_numpy(), rel=1e-4)
    (tmp_path / "a.png").write_bytes(b"no image")
    refused = run_command("experiments.predict", directory, str(tmp_path), f"--out={tmp_path / 'other.csv'}")
    assert (refused.exit_status, refused.errors.count("\n")) == (2, 1)
    assert "a.png: not a readable image" in refused.errors
    assert not (tmp_path / "other.csv").exists()
    skipping = run_command("experiments.predict", directory, str(tmp_path), "--skip_unreadable")
    assert skipping.exit_status == 0
    assert [row["image"] for row in csv.DictReader(io.StringIO(skipping.output))] == table["image"].tolist()
    assert "left out: a.png" in skipping.errors
    # Notes do not stand in the table.
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.png")
    resized = run_command("experiments.predict", directory, str(tmp_path))
    assert [row["image"] for row in csv.DictReader(io.StringIO(resized.output))] == [*table["image"], "a.png"]
    assert "1 of 10 images were resized to 8 x 8 pixels" in resized.errors


@pytest.mark.parametrize("classes", [2, 10])
def test_a_file_of_test_examples_alone_is_scored(
    trained: tuple[str, np.ndarray], tmp_path: pathlib.Path, classes: int
) -> None:
    """Also where the highest classes do not occur; a class that the run does not know is refused."""
    directory, images = trained
    labels = np.arange(9) % classes
    np.savez(tmp_path / "mine.npz", x_test=images, y_test=labels)
    result = run_command("experiments.evaluate", directory, f"--dataset={tmp_path / 'mine.npz'}")
    assert result.exit_status == 0
    wrong = np.mean(ce.load(directory).predict(images).classes != labels)
    assert f"ensemble   error {100 * wrong:6.2f} %" in result.output
    np.savez(tmp_path / "mine.npz", x_test=images, y_test=labels + 9)
    refused = run_command("experiments.evaluate", directory, f"--dataset={tmp_path / 'mine.npz'}")
    assert (refused.exit_status, refused.errors.count("\n")) == (2, 1)
    assert "classes; the run was trained on (8, 8, 1) in 10" in refused.errors


def test_errors_are_told_by_class_and_the_report_draws_them(trained: tuple[str, np.ndarray]) -> None:
    directory, _ = trained
    test = data.load("digits", str(pathlib.Path(directory).parent))
    result = run_command(
        "experiments.evaluate", directory, f"--data_dir={pathlib.Path(directory).parent}", "--mistakes"
    )
    answers = ce.load(directory).predict(test.test_images).classes
    for number in range(10):
        own = test.test_labels == number
        share = np.mean(answers[own] != number)
        assert f"{number:>12d} error {100 * share:6.2f} % of {own.sum():6,d}" in result.output
    page = report.report(str(pathlib.Path(directory).parent))
    assert "Where the best run errs" in page


def test_a_directory_that_is_not_there_is_called_so(tmp_path: pathlib.Path) -> None:
    result = run_command("experiments.predict", str(tmp_path / "runs"), str(tmp_path))
    assert result.errors.count("\n") == 1
    assert "no such file; give the directory of a run" in result.errors
