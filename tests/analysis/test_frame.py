"""Run directories as a frame."""

import dataclasses
import hashlib
import json
import os
import pathlib
import pickle
from typing import Any

import numpy as np
import pytest
from synthetic_runs import KEYS, invented, series, write_run

from analysis import frame, recorded_run
from analysis.methods.ensemble.noel_rows import setting_of
from collab_ensembles.errors import DataError, RunDirectoryError
from collab_ensembles.runs import run_directory
from collab_ensembles.settings.config import RunConfig

_CONFIG = RunConfig(dataset="mnist", method="L2", weight=0.01, epochs=4, seed=2)
_PLAIN = RunConfig(dataset="mnist", epochs=4)

# Names of the frame, and of the pickles.
_DATA = {
    "TrainCost": "train_costs",
    "TrainError": "train_errors",
    "TestCost": "test_costs",
    "TestError": "test_errors",
    "TrainCostMean": "train_costs_mean",
    "TrainErrorMean": "train_errors_mean",
}


def test_rows_are_epochs_from_1_and_columns_name_model_method_weight_seed_digest_and_data(
    tmp_path: pathlib.Path,
) -> None:
    write_run(tmp_path, _CONFIG, invented(0, 4))
    write_run(tmp_path, _PLAIN, invented(1, 4))
    table = frame.load(str(tmp_path), "mnist")
    assert table.index.tolist() == [1, 2, 3, 4]
    assert table.index.name == "Epoch"
    assert list(table.columns.names) == ["Model", "Method", "Weight", "Seed", "Digest", "Data"]
    assert set(table.columns) == {
        (model, method, weight, seed, config.digest()[:8], data)
        for method, weight, seed, config in (("L2", 0.01, 2, _CONFIG), ("Single", 1.0, 0, _PLAIN))
        for model in ("ST", "M", "Ens")
        for data in _DATA
    }


def test_errors_are_in_percent_and_costs_as_they_are(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path, _CONFIG, invented(0, 4))
    table = frame.load(str(tmp_path), "mnist")
    for index, model in enumerate(("ST", "M", "Ens")):
        for data, key in _DATA.items():
            factor = 100 if key.split("_")[1] == "errors" else 1
            received = table[(model, "L2", 0.01, 2, _CONFIG.digest()[:8], data)]
            assert received.tolist() == pytest.approx([factor * value for value in series(index, key, 4)])


def test_several_members_and_one_alone_have_models_of_their_names(tmp_path: pathlib.Path) -> None:
    several = RunConfig(members=("ST", "ST", "M"), epochs=2)
    contents = invented(0, 2)
    write_run(tmp_path / "a", several, {**contents, "002": contents["001"]})
    (run,) = frame.read_runs(str(tmp_path / "a"), "digits")
    assert list(run.statistics) == ["ST", "ST_2", "M", "Ens"]
    write_run(tmp_path / "b", RunConfig(members=("M",), epochs=2), {"000": contents["000"]})
    (run,) = frame.read_runs(str(tmp_path / "b"), "digits")
    assert list(run.statistics) == ["M"]
    assert setting_of(run.config) == ("Single", 1.0)


def test_only_the_runs_of_the_data_set_are_loaded(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path, _CONFIG, invented(0, 4))
    write_run(tmp_path, RunConfig(dataset="cifar10", epochs=4), invented(0, 4))
    assert [run.config.dataset for run in frame.read_runs(str(tmp_path), "cifar10")] == ["cifar10"]
    assert [run.config.dataset for run in frame.read_runs(str(tmp_path), "mnist")] == ["mnist"]
    assert set(frame.load(str(tmp_path), "mnist").columns.get_level_values("Method")) == {"L2"}


@pytest.mark.parametrize("state", ["queued", "running", "stopped", "failed"])
def test_unfinished_runs_are_left_out(tmp_path: pathlib.Path, state: str) -> None:
    write_run(tmp_path, _CONFIG, invented(0, 4), state=state)
    with pytest.raises(DataError, match=r"no finished run of mnist \(1 unfinished\)"):
        frame.load(str(tmp_path), "mnist")
    write_run(tmp_path, _PLAIN, invented(1, 4))
    assert set(frame.load(str(tmp_path), "mnist").columns.get_level_values("Method")) == {"Single"}


def test_what_is_left_out_is_told_with_its_settings(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path, _CONFIG, invented(0, 4))
    left_out = [dataclasses.replace(_PLAIN, seed=seed) for seed in range(3)]
    for config, state in zip(left_out, ("running", "failed", "stopped"), strict=True):
        write_run(tmp_path, config, {}, state=state)
    write_run(tmp_path, RunConfig(dataset="cifar10"), {}, state="running")
    runs, unfinished = frame.read_all(str(tmp_path), "mnist")
    assert [run.config for run in runs] == [_CONFIG]
    assert sorted(run.config.seed for run in unfinished) == [0, 1, 2]
    assert {run.config for run in unfinished} == set(left_out)
    assert [run.statistics for run in unfinished] == [{}, {}, {}]
    assert [run.config for run in frame.read_runs(str(tmp_path), "mnist")] == [_CONFIG]


def test_a_log_directory_that_is_missing_or_empty_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such directory"):
        frame.read_runs(str(tmp_path / "nowhere"), "mnist")
    with pytest.raises(DataError, match=r"no finished run of mnist \(0 unfinished\); it has no run; train"):
        frame.read_runs(str(tmp_path), "mnist")


def test_where_there_are_runs_of_other_data_sets_only_these_are_named(tmp_path: pathlib.Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path, RunConfig(dataset="notmnist", epochs=2, seed=seed), invented(0, 2))
    write_run(tmp_path, RunConfig(epochs=2), invented(0, 2))
    with pytest.raises(DataError, match=r"\(0 unfinished\); it has runs of digits \(1\), notmnist \(2\); train"):
        frame.read_runs(str(tmp_path), "mnist")


@pytest.mark.parametrize("weight", [0.01, 0.1**2])
def test_a_run_that_is_there_twice_is_an_error_that_names_both_directories(
    tmp_path: pathlib.Path, weight: float
) -> None:
    one = write_run(tmp_path / "a", _CONFIG, invented(0, 4))
    other = write_run(tmp_path / "b", dataclasses.replace(_CONFIG, weight=weight), invented(1, 4))
    for read in (frame.read_runs, frame.load):
        with pytest.raises(DataError) as caught:
            read(str(tmp_path), "mnist")
        assert f"{one} and {other}: both have L2 0.01, seed 2 of mnist (epochs=4)" in str(caught.value)


def test_a_second_copy_that_is_not_finished_is_left_out_as_any_other(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path / "a", _CONFIG, invented(0, 4))
    write_run(tmp_path / "b", _CONFIG, invented(1, 4), state="running")
    runs, unfinished = frame.read_all(str(tmp_path), "mnist")
    assert [run.directory for run in runs] == [str(tmp_path / "a" / _CONFIG.digest()[:12])]
    assert [run.config for run in unfinished] == [_CONFIG]


@pytest.mark.parametrize(
    "changes", [{"seed": 3}, {"weight": 0.011}, {"method": "L1"}, {"epochs": 5}, {"resnet": "fixed"}]
)
def test_runs_that_differ_in_anything_are_no_duplicates(tmp_path: pathlib.Path, changes: dict[str, Any]) -> None:
    other = dataclasses.replace(_CONFIG, **changes)
    assert other.epochs is not None
    write_run(tmp_path, _CONFIG, invented(0, 4))
    write_run(tmp_path, other, invented(1, other.epochs))
    assert len(frame.read_runs(str(tmp_path), "mnist")) == 2


def test_runs_of_different_lengths_are_settings_of_their_own(tmp_path: pathlib.Path) -> None:
    """Also in one frame, which has no values for the epochs that a run does not have."""
    longer = dataclasses.replace(_CONFIG, epochs=6)
    write_run(tmp_path, _CONFIG, invented(0, 4))
    write_run(tmp_path, longer, invented(1, 6))
    runs = frame.read_runs(str(tmp_path), "mnist")
    assert {name: [run.config for run in group] for name, group in frame.by_setting(runs).items()} == {
        "epochs=4": [_CONFIG],
        "epochs=6": [longer],
    }
    with pytest.raises(DataError, match="2 settings"):
        frame.load(str(tmp_path), "mnist")
    table = frame.to_frame(runs)
    assert table.index.tolist() == [1, 2, 3, 4, 5, 6]
    short = table["ST", "L2", 0.01, 2, _CONFIG.digest()[:8], "TestCost"]
    assert short[:4].tolist() == series(0, "test_costs", 4).tolist()
    assert short[4:].isna().all()
    assert table["ST", "L2", 0.01, 2, longer.digest()[:8], "TestCost"].tolist() == series(10, "test_costs", 6).tolist()


@pytest.mark.parametrize(("value", "meant"), [(0.1**2, 0.01), (0.1**4, 0.0001), (1.0, 1.0), (1 / 3, 0.333333333333)])
def test_the_decimal_number_that_was_meant(value: float, meant: float) -> None:
    assert recorded_run.without_rounding(value) == meant


def test_a_changed_pickle_is_refused_and_not_read(tmp_path: pathlib.Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "executed"),)

    directory = write_run(tmp_path, _CONFIG, invented(0, 4))
    path = next(directory.glob("*_001.pkl"))
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(RunDirectoryError, match=r"_001\.pkl: changed since the run wrote it"):
        frame.read_runs(str(tmp_path), "mnist")
    # Not even if whoever changed it knew of the checksum.
    status = json.loads((directory / "status.json").read_text())
    status["pickles"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (directory / "status.json").write_text(json.dumps(status))
    with pytest.raises(DataError, match=r"_001\.pkl: not a readable pickle"):
        frame.read_runs(str(tmp_path), "mnist")
    assert not (tmp_path / "executed").exists()


def test_a_missing_pickle_is_an_error(tmp_path: pathlib.Path) -> None:
    directory = write_run(tmp_path, _CONFIG, invented(0, 4))
    next(directory.glob("*_Ensemble.pkl")).unlink()
    with pytest.raises(RunDirectoryError, match=r"_Ensemble\.pkl: missing"):
        frame.read_runs(str(tmp_path), "mnist")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [[0.1] * 4, np.zeros(3), np.zeros((4, 1)), np.zeros(4, int)])
def test_statistics_of_another_form_are_an_error_that_names_the_key(
    tmp_path: pathlib.Path, key: str, value: Any
) -> None:
    contents = invented(0, 4)
    contents["001"][key] = value
    write_run(tmp_path, _CONFIG, contents)
    with pytest.raises(DataError, match=f"_001.pkl: needed under '{key}': 4 floating-point numbers"):
        frame.read_runs(str(tmp_path), "mnist")


@pytest.mark.parametrize("key", KEYS[:4])
def test_what_the_reference_code_records_must_be_there(tmp_path: pathlib.Path, key: str) -> None:
    contents = invented(0, 4)
    del contents["001"][key]
    write_run(tmp_path, _CONFIG, contents)
    with pytest.raises(DataError, match=f"_001.pkl: needed under '{key}': 4 floating-point numbers"):
        frame.read_runs(str(tmp_path), "mnist")


def test_what_the_reference_code_does_not_record_may_be_missing(tmp_path: pathlib.Path) -> None:
    contents = invented(0, 4)
    for content in contents.values():
        del content["train_costs_mean"]
    contents["Ensemble"] |= {"disagreement": np.array([0.5, 0.25, 0.125, 0.0]), "logit_distance": np.arange(4.0)}
    write_run(tmp_path, _CONFIG, contents)
    (run,) = frame.read_runs(str(tmp_path), "mnist")
    plain = ["TestCost", "TestError", "TrainCost", "TrainError", "TrainErrorMean"]
    assert sorted(run.statistics["ST"].columns) == plain
    assert sorted(run.statistics["Ens"].columns) == sorted([*plain, "Disagreement", "LogitDistance"])
    assert run.statistics["Ens"]["Disagreement"].tolist() == [50, 25, 12.5, 0]
    assert run.statistics["Ens"]["LogitDistance"].tolist() == [0, 1, 2, 3]


def test_a_pickle_without_a_dict_is_an_error(tmp_path: pathlib.Path) -> None:
    contents: dict[str, Any] = {**invented(0, 4), "000": [1, 2, 3]}
    write_run(tmp_path, _CONFIG, contents)
    with pytest.raises(DataError, match=r"_000\.pkl: not a pickle of statistics; needed: a dict with train_costs"):
        frame.read_runs(str(tmp_path), "mnist")


def test_runs_that_vary_in_method_weight_and_seed_alone_belong_together(tmp_path: pathlib.Path) -> None:
    for number, (method, weight, seed) in enumerate([("L2", 0.1, 0), ("CE", 0.1, 0), ("L2", 1.0, 0), ("L2", 0.1, 1)]):
        config = RunConfig(dataset="mnist", method=method, weight=weight, seed=seed, epochs=4)
        write_run(tmp_path, config, invented(number, 4))
    assert frame.load(str(tmp_path), "mnist").shape == (4, 4 * 3 * 6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resnet": "fixed"}, "resnet=fixed"),
        ({"members": ("M", "ST")}, "members=M,ST"),
        ({"epochs": 4, "batch_size": 32}, "batch_size=32"),
        ({"split": "validation"}, "split=validation"),
        ({"augment": True}, "augment=True"),
        ({"train_limit": 100}, "train_limit=100"),
    ],
)
def test_runs_of_different_settings_do_not_stand_in_one_frame(
    tmp_path: pathlib.Path, changes: dict[str, Any], words: str
) -> None:
    other = dataclasses.replace(_PLAIN, **changes)
    write_run(tmp_path, _PLAIN, invented(0, 4))
    write_run(tmp_path, other, invented(1, 4))
    with pytest.raises(DataError, match="2 settings") as caught:
        frame.load(str(tmp_path), "mnist")
    assert words in str(caught.value)
    groups = frame.by_setting(frame.read_runs(str(tmp_path), "mnist"))
    assert [[run.config for run in runs] for runs in groups.values()].count([other]) == 1
    assert len(groups) == 2


def test_settings_at_their_default_are_not_named() -> None:
    assert recorded_run.setting(RunConfig(dataset="notmnist", epochs=15, seed=4)) == "default settings"
    assert recorded_run.setting(RunConfig(dataset="notmnist", epochs=30)) == "epochs=30"


def test_own_files_of_the_same_name_do_not_stand_in_one_frame(tmp_path: pathlib.Path) -> None:
    for number, directory in enumerate(("here", "there")):
        write_run(tmp_path, RunConfig(dataset=f"/{directory}/own.npz", epochs=2), invented(number, 2))
    for number, directory in enumerate(("here", "there")):
        final = frame.load(str(tmp_path), f"/{directory}/own.npz").xs("TestCost", axis=1, level="Data")["ST"].to_numpy()
        assert final.ravel().tolist() == series(10 * number, "test_costs", 2).tolist()


def test_runs_of_different_data_of_one_name_are_not_compared(tmp_path: pathlib.Path) -> None:
    for config, digest in ((_CONFIG, "a"), (_PLAIN, "b"), (dataclasses.replace(_PLAIN, seed=1), "")):
        directory = str(write_run(tmp_path, config, invented(0, 4)))
        status = run_directory.read_status(directory)
        status.data = run_directory.DataFacts("MNIST", (28, 28, 1), 10, digest)
        run_directory.write_status(directory, status)
    runs = frame.read_runs(str(tmp_path), "mnist")
    with pytest.raises(DataError, match="trained on different data under the name mnist"):
        frame.check_comparable(runs)
    # Of older runs it is not known.
    frame.check_comparable([run for run in runs if run.status.data.digest != "a"])
