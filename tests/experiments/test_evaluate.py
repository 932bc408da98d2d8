"""experiments.evaluate: scores on a run's own test part, and on others."""

import dataclasses
import pathlib
import re
import shutil
from typing import Any

import numpy as np
import pytest

from collab_ensembles import data
from collab_ensembles.errors import NoRunError, OtherDataError
from collab_ensembles.runs import checkpoint_file, mistakes, naming, run_directory, run_model, top_errors, uncertainty
from collab_ensembles.runs import run as training
from collab_ensembles.runs.uncertainty import Measures
from collab_ensembles.settings.config import RunConfig
from command_runner import Result, run
from reference import cross_entropy, log_mean_softmax, softmax
from trainings import eager_steps


def _trained(tmp_path: pathlib.Path, dataset: str, members: tuple[str, ...] = ("B1R1F2",), **settings: object) -> str:
    config = RunConfig(dataset=dataset, members=members, epochs=1, **settings)
    directory = naming.run_directory(str(tmp_path / "runs"), config)
    with eager_steps():
        training.run(config, directory, training.Options(str(tmp_path / "data")))
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
    result = _evaluate(digits, "--top=5")
    assert (result.exit_status, result.errors) == (0, "")
    assert "digits, 360 test examples, after epoch 1\n" in result.output
    assert f"error {100 * error:6.2f} %" in result.output
    top = top_errors.read(digits, 1, 5)["B1R1F2"]
    assert 0 < top < error
    assert f"   top-5 error {100 * top:6.2f} %\n" in result.output


def test_as_many_best_answers_as_classes_are_refused_and_nothing_is_kept(digits: str) -> None:
    result = _evaluate(digits, "--top=10")
    assert (result.exit_status, result.output, result.errors.count("\n")) == (2, "", 1)
    assert "--top=10: with 10 classes" in result.errors
    assert "allowed: whole numbers from 2 to 9" in result.errors
    assert top_errors.read(digits, 1, 10) == {}


@pytest.mark.parametrize("count", [0, 3])
def test_examples_that_were_trained_on_are_counted(digits: str, tmp_path: pathlib.Path, count: int) -> None:
    dataset = data.load("digits", str(pathlib.Path(digits).parents[2] / "data"))
    images = np.concatenate([dataset.train_images[:count], dataset.test_images[:20]])
    labels = np.concatenate([dataset.train_labels[:count], dataset.test_labels[:20]]).astype(np.uint8)
    labels[-1] = 9
    np.savez(tmp_path / "other.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    result = _evaluate(digits, f"--dataset={tmp_path / 'other.npz'}")
    assert result.exit_status == 0
    warned = f"warning: the run was trained on {count} of these {20 + count} examples;" in result.errors
    assert (warned, result.errors.count("\n")) == (count > 0, int(count > 0))


def test_other_data_in_place_of_its_own_are_refused(tmp_path: pathlib.Path) -> None:
    dataset = data.load("digits", str(tmp_path / "data"))
    path, parts = tmp_path / "own.npz", {"x_test": dataset.test_images, "y_test": dataset.test_labels.astype(np.uint8)}
    images, labels = np.asarray(dataset.train_images[:96]), dataset.train_labels[:96].astype(np.uint8)
    np.savez(path, x_train=images, y_train=labels, **parts)
    directory = _trained(tmp_path, str(path))
    np.savez(path, x_train=255 - images, y_train=labels, **parts)
    for command in ("experiments.evaluate", "experiments.verify"):
        result = run(command, directory, f"--data_dir={tmp_path / 'other'}")
        assert result.exit_status == OtherDataError.exit_status == 2
        assert "use the data that it began with" in result.errors
        assert result.errors.count("\n") == 1
    path.unlink()
    result = run("experiments.evaluate", directory, "--dataset=digits", f"--data_dir={tmp_path / 'data'}")
    assert (result.exit_status, result.errors.count("\n")) == (0, 1)
    assert "cannot check whether the run was trained on some of these examples" in result.errors


def test_an_ensemble_is_scored_by_either_average(tmp_path: pathlib.Path) -> None:
    directory = _trained(tmp_path, "digits", ("B1R1F2", "B1R1F3"))
    model, _ = run_model.restore(directory)
    test = data.load("digits", str(tmp_path / "data"))
    logits = [np.asarray(each, float) for each in model.logits(test.test_images)]
    averages = {"logits": np.mean(logits, axis=0), "softmax": log_mean_softmax(logits)}
    for averaging, average in averages.items():
        result = _evaluate(directory, f"--averaging={averaging}")
        (cost,) = re.findall(r"^ensemble .*cost ([0-9.]+)$", result.output, re.MULTILINE)
        assert float(cost) == pytest.approx(cross_entropy(test.test_labels, average), rel=1e-4)
    _check_uncertainty(directory, tmp_path, averages, test)


def _mutual_information(model: Any, images: np.ndarray) -> np.ndarray:
    shares = np.stack([softmax(np.asarray(each, float)) for each in model.logits(images)])

    def entropy(of: np.ndarray) -> np.ndarray:
        return -(of * np.log(of)).sum(axis=-1)

    result: np.ndarray = entropy(shares.mean(axis=0)) - entropy(shares).mean(axis=0)
    return result


def _check_uncertainty(
    directory: str, tmp_path: pathlib.Path, averages: dict[str, np.ndarray], test: data.Dataset
) -> None:
    """What is measured of the ensembles follows from their logits, and nothing else in the run's directory changes."""
    noise = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1)).astype(np.uint8)
    wide = np.zeros((50, 9, 8, 1), np.uint8)
    for name, images in (("noise", noise), ("wide", wide)):
        np.savez(
            tmp_path / f"{name}.npz", x_train=images, y_train=np.zeros(50, int), x_test=images, y_test=np.zeros(50, int)
        )
    others = [path for path in pathlib.Path(directory).iterdir() if path.is_file() and path.name != uncertainty.FILE]
    before = {path: path.read_bytes() for path in others}
    refused = _evaluate(directory, f"--unknown={tmp_path / 'wide.npz'}")
    assert (refused.exit_status, refused.errors.count("\n")) == (2, 1)
    assert "images of shape (9, 8, 1); needed: (8, 8, 1)" in refused.errors
    result = _evaluate(directory, f"--unknown={tmp_path / 'noise.npz'}")
    assert result.exit_status == 0
    written = uncertainty.read(directory, 1)
    assert list(written.detection) == ["noise"]
    model, _ = run_model.restore(directory)
    known, unknown = (_mutual_information(model, each) for each in (test.test_images, noise))
    # How often an image of noise has the higher one.
    expected = np.mean([(one > known).mean() + (one == known).mean() / 2 for one in unknown])
    for name, average in (("ensemble", averages["logits"]), (uncertainty.SOFTMAX_MEAN, averages["softmax"])):
        values = written.outputs[name]
        assert values["nll"] == pytest.approx(cross_entropy(test.test_labels, average), rel=1e-4)
        assert values["error"] == pytest.approx(np.mean(average.argmax(axis=1) != test.test_labels))
        assert written.detection["noise"][name]["auroc_mutual_information"] == pytest.approx(expected, abs=1e-6)
        assert f"{name}: error {values['error']:.5f}, nll {values['nll']:.5f}" in result.output
    assert all(path.read_bytes() == content for path, content in before.items())


def test_several_runs_are_evaluated_although_one_cannot_be(digits: str, tmp_path: pathlib.Path) -> None:
    images, labels = np.full((20, 8, 8, 1), 128, np.uint8), np.zeros(20, int)
    np.savez(tmp_path / "gray.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    untrained = tmp_path / "untrained"
    shutil.copytree(digits, untrained)
    shutil.rmtree(untrained / checkpoint_file.DIRECTORY)
    nothing = tmp_path / "nothing"
    result = _evaluate(digits, str(untrained), str(nothing), digits, f"--unknown={tmp_path / 'gray.npz'}")
    assert result.exit_status == NoRunError.exit_status
    errors = result.errors.splitlines()
    assert [error.split(": ")[:2] for error in errors] == [["error", str(untrained)], ["error", str(nothing)]]
    first, last = result.output.split(f"{untrained}:\n{nothing}:\n")
    assert first == last != ""
    assert first.startswith(f"{digits}:\ndigits, 360 test examples")
    measures = uncertainty.read(digits, 1)
    assert list(measures.detection) == ["gray"]
    assert 0 <= measures.detection["gray"]["B1R1F2"]["auroc_confidence"] <= 1
    assert _evaluate(digits, "--uncertainty").exit_status == 0
    assert uncertainty.read(digits, 1) == measures


def test_its_own_images_are_not_unknown(digits: str) -> None:
    result = _evaluate(digits, "--unknown=digits")
    assert (result.exit_status, result.output) == (2, "")
    assert "its images are the test images; needed: another data set" in result.errors


def test_nothing_is_kept_of_a_run_in_training(digits: str, tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "runs" / "digits" / "running"
    shutil.copytree(digits, directory)
    status = run_directory.read_status(str(directory))
    run_directory.write_status(str(directory), dataclasses.replace(status, state="running"))
    files = (uncertainty.FILE, mistakes.FILE, top_errors.FILE)
    for name in files:
        (directory / name).unlink(missing_ok=True)
    flags = ("--uncertainty", "--mistakes", "--top=5", f"--data_dir={pathlib.Path(digits).parents[2] / 'data'}")
    assert run("experiments.evaluate", str(directory), *flags).exit_status == 0
    assert not any((directory / name).exists() for name in files)


def test_an_epoch_before_the_last_replaces_nothing(digits: str, tmp_path: pathlib.Path) -> None:
    """As where the newest checkpoint is damaged."""
    directory = tmp_path / "runs" / "digits" / "older"
    shutil.copytree(digits, directory)
    status = run_directory.read_status(str(directory))
    run_directory.write_status(str(directory), dataclasses.replace(status, epochs_done=2, best_epoch=2))
    kept = Measures({"B1R1F2": {"nll": 1.0}}, {"MNIST": {"B1R1F2": {"auroc_confidence": 0.5}}})
    uncertainty.write(str(directory), 2, kept)
    flags = ("--uncertainty", f"--data_dir={pathlib.Path(digits).parents[2] / 'data'}")
    result = run("experiments.evaluate", str(directory), *flags)
    assert "digits, 360 test examples, after epoch 1\n" in result.output
    assert uncertainty.read(str(directory), 2) == kept


def test_what_was_measured_with_other_data_stays(tmp_path: pathlib.Path) -> None:
    detection = {name: {"ST": {"auroc_confidence": value}} for name, value in (("MNIST", 0.5), ("notMNIST", 0.6))}
    uncertainty.keep(str(tmp_path), 3, {"ST": {"nll": 1.0}}, {"MNIST": detection["MNIST"]})
    uncertainty.keep(str(tmp_path), 3, {"ST": {"nll": 2.0}}, {"notMNIST": detection["notMNIST"]})
    uncertainty.keep(str(tmp_path), 3, {"ST": {"nll": 3.0}})
    assert uncertainty.read(str(tmp_path), 3) == Measures({"ST": {"nll": 3.0}}, detection)
    uncertainty.keep(str(tmp_path), 4, {"ST": {"nll": 4.0}})
    assert uncertainty.read(str(tmp_path), 4).detection == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (None, "only one network"),
        ({"system": "nodes", "nodes": 2, "steps": 2}, "a head or a decision that replaces the mean"),
    ],
)
def test_an_average_is_refused_where_there_is_none(
    digits: str, tmp_path: pathlib.Path, settings: dict[str, Any] | None, message: str
) -> None:
    directory = digits if settings is None else _trained(tmp_path, "digits", **settings)
    result = _evaluate(directory, "--averaging=softmax")
    assert (result.exit_status, result.output) == (2, "")
    assert f"--averaging=softmax: the run has {message}; leave it out" in result.errors


def test_a_split_of_its_own_file_is_scored_and_one_of_others_refused(
    digits: str, tmp_path: pathlib.Path, rng: np.random.Generator
) -> None:
    images, labels = rng.integers(0, 256, (100, 8, 8)).astype(np.uint8), (np.arange(100) % 10).astype(np.uint8)
    path = tmp_path / "own.npz"
    np.savez(path, x_train=images[:70], y_train=labels[:70], x_test=images[70:], y_test=labels[70:])
    directory = _trained(tmp_path, str(path))
    result = _evaluate(directory, "--split=validation")
    assert "own, 7 test examples" in result.output
    assert "the run was trained on 7 of these 7 examples" in result.errors
    refused = _evaluate(digits, f"--dataset={path}", "--split=validation")
    assert (refused.exit_status, refused.output, refused.errors.count("\n")) == (2, "", 1)
    assert "--split=validation: all images of" in refused.errors
