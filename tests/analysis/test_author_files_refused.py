"""Files nearly such as the author's own: what is wrong with them is said, and in which."""

import math
import pathlib
from collections.abc import Callable
from typing import Any

import make_author_files
import numpy as np
import pytest
import synthetic_runs
from make_author_files import ENDS, invented, params, stem, write

from analysis import frame
from collab_ensembles.errors import DataError
from collab_ensembles.settings.config import RunConfig


@pytest.mark.parametrize("end", ENDS)
def test_a_missing_file_is_named(tmp_path: pathlib.Path, end: str) -> None:
    write(tmp_path, "MNIST", "L2", 2, invented(0, 30))
    path = tmp_path / f"{stem('MNIST', 'L2', 2)}_{end}.pkl"
    path.unlink()
    with pytest.raises(DataError) as caught:
        frame.read_runs(str(tmp_path), "mnist")
    assert str(caught.value).startswith(f"{path}: missing")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"collab_method": "L1"}, "its name says L2, its params say collab_method 'L1'"),
        ({"collab_method": "cross_ent"}, "its name says L2, its params say collab_method 'cross_ent'"),
        ({"collab_method": None}, "its name says L2, its params say collab_method None"),
        ({"collab_method": np.zeros(2)}, "its name says L2, its params say collab_method array"),
        ({"collab_weight": 0.1}, "its name says a weight of 0.01, its params say 0.1"),
        ({"collab_weight": 0.01001}, "its name says a weight of 0.01, its params say 0.01001"),
        ({"collab_weight": math.nan}, "its name says a weight of 0.01, its params say nan"),
        ({"collab_weight": "0.01"}, "needed in params under 'collab_weight': a number; received '0.01'"),
        ({"collab_weight": None}, "needed in params under 'collab_weight': a number; received None"),
        ({"epochs": None}, "needed in params under 'epochs': a number"),
        ({"epochs": True}, "needed in params under 'epochs': a number; received True"),
        ({"epochs": 29}, "needed under 'train_costs': 29 floating-point numbers, one an epoch"),
        ({"epochs": 30.5}, "params: --epochs=30.5"),
        ({"batch_size": 0}, "params: --batch_size=0"),
        ({"batch_size": None}, "needed in params under 'batch_size': a number"),
        ({"learning_rate": make_author_files.relu}, "needed in params under 'learning_rate': a number; received <tens"),
        ({"learning_rate": math.inf}, "params: --learning_rate=inf"),
        ({"regularization_rate": None}, "needed in params under 'regularization_rate': a number"),
        ({"filename": stem("CIFAR10", "L2", 2)}, "its params say filename 'CIFAR10_collab_shallow_and_thin_and_medium"),
        ({"filename": f"MNIST/collab/{stem('MNIST', 'L1', 2)}"}, "needed: MNIST_collab_shallow_and_thin_and_medium_L2"),
        ({"filename": 3}, "its params say filename 3; needed: MNIST_collab"),
        ({"image_shape": (32, 32, 3)}, "image_shape (32, 32, 3), but images of mnist have (28, 28, 1)"),
        ({"image_shape": 28}, "image_shape 28, but images of mnist"),
        ({"list_of_params": [{"image_shape": [32, 32, 3]}]}, "image_shape [32, 32, 3], but images of mnist"),
        ({"decay_scope": "report"}, "written by this project, but there is no config.json"),
    ],
)
def test_params_that_are_missing_or_at_odds_with_the_name_are_reported(
    tmp_path: pathlib.Path, changes: dict[str, Any], words: str
) -> None:
    path = write(tmp_path, "MNIST", "L2", 2, invented(0, 30), **changes)[0]
    with pytest.raises(DataError) as caught:
        frame.read_runs(str(tmp_path), "mnist")
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


def _truncate(content: dict[str, Any]) -> None:
    content["test_errors"] = content["test_errors"][:-1]


def _remove(content: dict[str, Any]) -> None:
    del content["train_costs"]


def _make_list(content: dict[str, Any]) -> None:
    content["test_costs"] = content["test_costs"].tolist()


def _set(key: str, value: float) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content[key][3] = value

    return change


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_truncate, "needed under 'test_errors': 30 floating-point numbers"),
        (_remove, "needed under 'train_costs': 30 floating-point numbers"),
        (_make_list, "needed under 'test_costs': 30 floating-point numbers"),
        (_set("test_costs", math.nan), "TestCost has values that are no finite numbers"),
        (_set("train_costs", math.inf), "TrainCost has values that are no finite numbers"),
        (_set("test_errors", 1.5), "TestError has values that are no fractions from 0 to 1"),
        (_set("train_errors", -0.1), "TrainError has values that are no fractions from 0 to 1"),
        (lambda content: content.pop("params"), "not a file of the author's code"),
    ],
)
@pytest.mark.parametrize("end", ENDS)
def test_damaged_statistics_are_reported_with_the_file(
    tmp_path: pathlib.Path, end: str, damage: Callable[[dict[str, Any]], Any], words: str
) -> None:
    write(tmp_path, "MNIST", "L2", 2, invented(0, 30))
    content: dict[str, Any] = {**invented(0, 30)[end], "params": params("MNIST", "L2", 2, 30)}
    damage(content)
    path = tmp_path / f"{stem('MNIST', 'L2', 2)}_{end}.pkl"
    path.write_bytes(make_author_files.dumps(content))
    with pytest.raises(DataError) as caught:
        frame.read_runs(str(tmp_path), "mnist")
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no pickle", make_author_files.dumps([1, 2])])
def test_a_pickle_that_holds_something_else_is_reported(tmp_path: pathlib.Path, content: bytes) -> None:
    path = write(tmp_path, "MNIST", "L2", 2, invented(0, 30))[1]
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        frame.read_runs(str(tmp_path), "mnist")
    assert str(caught.value).startswith(f"{path}: not a ")


def test_files_of_two_trainings_are_reported(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "MNIST", "L2", 2, invented(0, 30))
    statistics = {"001": invented(0, 30)["001"]}
    (path,) = write(tmp_path, "MNIST", "L2", 2, statistics, batch_size=32)
    with pytest.raises(DataError, match=r"_001\.pkl: trained otherwise \(batch_size=32\) than .*_000\.pkl"):
        frame.read_runs(str(tmp_path), "mnist")
    assert path.exists()


@pytest.mark.parametrize(
    "ending", ["L2_0.1x3_000.pkl", "L3_0.1x2_000.pkl", "ensemble_002.pkl", "L2_0.1x2_000 (copy).pkl", "L2_0.01_000.pkl"]
)
def test_a_name_that_is_nearly_the_authors_is_reported(tmp_path: pathlib.Path, ending: str) -> None:
    write(tmp_path, "MNIST", "L2", 2, invented(0, 30))
    path = tmp_path / f"MNIST_collab_shallow_and_thin_and_medium_{ending}"
    path.write_bytes((tmp_path / f"{stem('MNIST', 'L2', 2)}_000.pkl").read_bytes())
    with pytest.raises(DataError) as caught:
        frame.read_runs(str(tmp_path), "mnist")
    assert str(caught.value).startswith(f"{path}: not a name of the author's code")


def test_pickles_of_a_run_directory_that_lost_its_config_are_reported(tmp_path: pathlib.Path) -> None:
    config = RunConfig(dataset="mnist", method="L2", weight=0.01)
    directory = synthetic_runs.write_run(tmp_path, config, synthetic_runs.invented(0, 30))
    (directory / "config.json").unlink()
    with pytest.raises(DataError, match=r"status\.json, but no config\.json"):
        frame.read_runs(str(tmp_path), "mnist")
