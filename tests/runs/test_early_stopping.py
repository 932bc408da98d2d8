"""Early stopping: the best weights of a validation part, whatever kills the run."""

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import command_runner
from analysis import frame, tables
from collab_ensembles import data
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.assembly import build_model
from collab_ensembles.models import early_stopping
from collab_ensembles.models.early_stopping import EarlyStopping
from collab_ensembles.models.model import Model
from collab_ensembles.runs import mistakes, naming, run_directory, run_model, uncertainty
from collab_ensembles.settings.config import RunConfig
from trainings import Contents, copied_after, eager_steps, series, train

_CONFIG = RunConfig(
    members=("B1R1F2", "mlp8-8"),
    method="L2",
    early_stopping=2,
    epochs=12,
    train_limit=96,
    batch_size=29,
    learning_rate=0.05,
    shuffle="permute",
)


@dataclasses.dataclass
class Ended:
    """A run that ended early, what its process would have left if killed after the third epoch, and what was seen."""

    directory: Path
    contents: Contents
    status: run_directory.Status
    copy: Path
    costs: list[float]
    weights: list[list[bytes]]


def _bits(model: Model) -> list[bytes]:
    return [np.asarray(variable).tobytes() for variable in model.member_variables().values()]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> Ended:
    directory = tmp_path_factory.mktemp("runs")
    copy = directory / "killed"
    costs: list[float] = []
    weights: list[list[bytes]] = []
    own = EarlyStopping.validation_cost

    def observed(self: EarlyStopping) -> float:
        costs.append(own(self))
        weights.append(_bits(self._network))
        return costs[-1]

    with pytest.MonkeyPatch.context() as patch, eager_steps(), copied_after({3: copy}):
        patch.setattr(EarlyStopping, "validation_cost", observed)
        path = Path(naming.run_directory(str(directory / "log"), _CONFIG))
        contents = train(_CONFIG, path, data_dir)
    return Ended(path, contents, run_directory.read_status(str(path)), copy, costs, weights)


def test_training_ends_when_the_validation_gets_no_better_for_that_many_epochs(ended: Ended) -> None:
    best = int(np.argmin(ended.costs)) + 1
    assert ended.status.best_epoch == best
    assert ended.status.ended_after == len(ended.costs) == best + 2 < _CONFIG.epochs
    assert (ended.status.state, ended.status.epochs_done) == ("done", 12)


def test_the_final_weights_and_statistics_are_those_of_the_best_epoch(ended: Ended, data_dir: str) -> None:
    model, _ = run_model.restore(str(ended.directory))
    best, last = ended.status.best_epoch, ended.status.ended_after
    assert _bits(model) == ended.weights[best - 1] != ended.weights[-1]
    test = data.load("digits", data_dir)
    again = run_model.evaluate(model, test.test_images, test.test_labels)
    for output, content in ended.contents.items():
        assert again[f"{output}_error"] == pytest.approx(content["test_errors"][-1])
        assert again[f"{output}_cost"] == pytest.approx(content["test_costs"][-1], rel=1e-5)
        for values in (each for each in content.values() if isinstance(each, np.ndarray)):
            # Those of the best epoch stand from the one on in which training ended; before, each epoch has its own.
            assert values[last - 1 :].tolist() == [values[best - 1]] * (12 - last + 1)
        assert len(set(content["test_costs"][: last - 1])) == last - 1
    assert ended.status.test_errors["ensemble"] == ended.contents["ensemble"]["test_errors"][best - 1]
    assert (ended.directory / "uncertainty.json").exists()


@pytest.mark.usefixtures("eager")
def test_a_killed_run_goes_on_to_the_same_end(ended: Ended, data_dir: str) -> None:
    contents = train(_CONFIG, ended.copy, data_dir)
    assert series(contents) == series(ended.contents)
    status = run_directory.read_status(str(ended.copy))
    assert (status.best_epoch, status.ended_after) == (ended.status.best_epoch, ended.status.ended_after)
    assert _bits(run_model.restore(str(ended.copy))[0]) == _bits(run_model.restore(str(ended.directory))[0])


def test_files_that_are_gone_are_written_again_with_the_same_statistics(
    ended: Ended, tmp_path: Path, data_dir: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ended.directory, copy)
    for path in copy.glob("*.pkl"):
        path.unlink()
    # Training had ended before this stop.
    assert series(train(_CONFIG, copy, data_dir, stop_after=11)) == series(ended.contents)
    for directory in (ended.directory, copy):
        assert uncertainty.read(str(directory), 12).outputs
        assert mistakes.read(str(directory), 12)


@pytest.mark.usefixtures("eager")
def test_the_last_epoch_takes_back_the_best_weights_too_but_not_a_stop(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of equal costs the first is the best."""
    costs = iter((3.0, 1.0, 2.0, 1.0))
    weights: list[list[bytes]] = []

    def scripted(self: EarlyStopping) -> float:
        weights.append(_bits(self._network))
        return next(costs)

    monkeypatch.setattr(EarlyStopping, "validation_cost", scripted)
    config = dataclasses.replace(_CONFIG, early_stopping=50, epochs=4)
    train(config, tmp_path, data_dir, stop_after=3)
    assert _bits(run_model.restore(str(tmp_path))[0]) == weights[2]
    status = run_directory.read_status(str(tmp_path))
    assert (status.state, status.ended_after, status.best_epoch) == ("stopped", 0, 0)
    with caplog.at_level("INFO", "absl"):
        contents = train(config, tmp_path, data_dir)
    assert "lowest after epoch 2 (1.0000); its weights are taken back" in caplog.text
    status = run_directory.read_status(str(tmp_path))
    assert (status.state, status.ended_after, status.best_epoch) == ("done", 4, 2)
    assert _bits(run_model.restore(str(tmp_path))[0]) == weights[1] != weights[3]
    test_costs = contents["ensemble"]["test_costs"]
    assert test_costs[3] == test_costs[1] != test_costs[2]
    costs = iter((2.0, 1.0))
    with caplog.at_level("INFO", "absl"):
        train(dataclasses.replace(config, epochs=2), tmp_path / "best at the end", data_dir)
    assert "epoch 2 of 2: the validation cost was lowest after epoch 2 (1.0000)\n" in caplog.text


def test_the_validation_cost_is_that_of_numpy_on_the_held_out_examples(
    data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several batches, the last of which is smaller."""
    monkeypatch.setattr(early_stopping, "_MANY", 4)
    data_set = data.load("digits", data_dir, train_limit=96)
    rest, held_out = data_set.parted(_CONFIG.held_out(96))
    assert held_out is not None
    assert (len(rest.train_labels), len(held_out[1])) == (87, 9)
    assert held_out[0].tolist() == data_set.train_images[87:].tolist()
    model = build_model(_CONFIG, data_set.image_shape, data_set.num_classes)
    logits = np.asarray(keras.ops.mean(keras.ops.stack(model.logits(held_out[0])), axis=0), np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(probabilities[np.arange(9), held_out[1]]).mean()
    model.compile()
    assert EarlyStopping(model, *held_out, 1, 1).validation_cost() == pytest.approx(expected, rel=1e-6)


def test_tables_count_the_run_and_say_its_epochs(ended: Ended) -> None:
    log_dir = str(ended.directory.parent.parent)
    assert frame.load(log_dir, "digits").shape[0] == 12
    runs, _ = frame.read_all(log_dir, "digits")
    text = "\n".join(table.heading + "\n".join(table.notes) for table in tables.text_tables(runs))
    assert "at most 12 epochs" in text
    assert f"epoch {ended.status.ended_after}; " in text
    assert f"of epoch {ended.status.best_epoch}," in text
    assert "early_stopping=2" in text


def test_what_cannot_be_is_refused() -> None:
    for settings, fragment in (
        ({"early_stopping": 0}, "from 1"),
        ({"early_stopping": 3, "system": "snapshot"}, "--system=snapshot cannot"),
    ):
        with pytest.raises(ConfigError, match=fragment):
            RunConfig(**settings)
    assert RunConfig(early_stopping=3).tensorflow_only == "--early_stopping=3"


def test_the_command_names_the_epoch_whose_weights_were_taken_back(tmp_path: Path, data_dir: str) -> None:
    flags = ["--members=B2R1F2,B2R1F4", "--train_limit=200", "--batch_size=20", "--epochs=9", "--learning_rate=0.1"]
    flags += ["--early_stopping=1", f"--data_dir={data_dir}", f"--log_dir={tmp_path}"]
    result = command_runner.run("experiments.train", *flags)
    assert result.exit_status == 0, result.errors
    (path,) = tmp_path.glob("digits/*/status.json")
    status = json.loads(path.read_text())
    assert 0 < status["best_epoch"] < status["ended_after"] < 9
    assert f"test error after {status['best_epoch']} of 9 epochs, {status['ended_after']} trained: " in result.output
