"""Files such as the author's own, read as if they were run directories."""

import pathlib
import pickle
import pickletools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import synthetic_runs
from make_author_files import ACTIVATION, ENDS, GRID, KEYS, invented, write

from analysis import frame, recorded_run, report, tables
from analysis.methods.ensemble import noel_tables
from analysis.methods.ensemble.noel_rows import setting_of
from collab_ensembles.errors import DataError
from collab_ensembles.settings.config import RunConfig

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_WEIGHTS = {0: 1.0, 1: 0.1, 2: 0.01, 4: 0.0001}
_LABELS = {"mnist": "MNIST", "notmnist": "notMNIST", "cifar10": "CIFAR10"}
_DATA = {"TrainError": "train_errors", "TrainCost": "train_costs", "TestError": "test_errors", "TestCost": "test_costs"}


def _write_grid(directory: pathlib.Path, label: str, epochs: int) -> None:
    for number, (method, power) in enumerate(GRID):
        write(directory, label, method, power, invented(number, epochs))


@pytest.mark.parametrize(("dataset", "epochs"), [("mnist", 30), ("notmnist", 15), ("cifar10", 30)])
@pytest.mark.parametrize("below", ["", "{label}/collab"])
def test_the_frame_has_the_numbers_that_were_written(
    tmp_path: pathlib.Path, dataset: str, epochs: int, below: str
) -> None:
    _write_grid(tmp_path / below.format(label=_LABELS[dataset]), _LABELS[dataset], epochs)
    table = frame.load(str(tmp_path), dataset)
    expected = {}
    for number, (method, power) in enumerate(GRID):
        statistics = invented(number, epochs)
        for end, model in zip(ENDS, ("ST", "M", "Ens"), strict=True):
            for data, key in _DATA.items():
                column = (model, "Single" if method == "None" else method, _WEIGHTS[power], 0, data)
                expected[column] = statistics[end][key] * (100 if "Error" in data else 1)
    received = table.droplevel("Digest", axis=1)
    assert set(received.columns) == set(expected)
    assert received.shape == (epochs, 13 * 3 * 4)
    for column, values in expected.items():
        assert received[column].tolist() == values.tolist(), column
    assert table.index.tolist() == list(range(1, epochs + 1))


def test_the_settings_are_those_of_the_paper(tmp_path: pathlib.Path) -> None:
    _write_grid(tmp_path, "MNIST", 30)
    runs = frame.read_runs(str(tmp_path), "mnist")
    expected = {
        RunConfig(
            dataset="mnist", epochs=30, method="plain" if method == "None" else method, weight=_WEIGHTS[power]
        ).digest()
        for method, power in GRID
    }
    assert {run.config.digest() for run in runs} == expected
    assert {run.status.state for run in runs} == {"done"}
    assert {run.directory for run in runs} == {str(tmp_path)}
    assert list(frame.by_setting(runs)) == ["the author's files"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": np.int64(32)}, "batch_size=32"),
        ({"learning_rate": np.float64(0.5)}, "learning_rate=0.5"),
        ({"regularization_rate": 0.1**3}, "regularization_rate=0.001"),
        ({"regularization_rate": 0}, "regularization_rate=0.0"),
        ({"act": None, "filename": None, "list_of_params": None}, "default settings"),
    ],
)
def test_other_settings_are_told_from_the_papers(tmp_path: pathlib.Path, changes: dict[str, Any], words: str) -> None:
    write(tmp_path, "MNIST", "L2", 2, invented(0, 30), **changes)
    (run,) = frame.read_runs(str(tmp_path), "mnist")
    assert recorded_run.setting(run.config) == words


def test_other_epochs_are_another_setting(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "MNIST", "L2", 2, invented(0, 7))
    write(tmp_path, "MNIST", "L2", 1, invented(1, 30))
    runs = frame.read_runs(str(tmp_path), "mnist")
    assert sorted(frame.by_setting(runs)) == ["the author's files", "the author's files, epochs=7"]


def test_only_the_files_of_the_data_set_are_read(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "MNIST", "L2", 2, invented(0, 30))
    write(tmp_path, "notMNIST", "L1", 2, invented(1, 15))
    (tmp_path / "CIFAR10_collab_shallow_and_thin_and_medium_L2_0.1x2_000.pkl").write_bytes(b"damaged")
    (tmp_path / "of_others.pkl").write_bytes(b"damaged")
    assert [setting_of(run.config)[0] for run in frame.read_runs(str(tmp_path), "mnist")] == ["L2"]
    assert [setting_of(run.config)[0] for run in frame.read_runs(str(tmp_path), "notmnist")] == ["L1"]
    with pytest.raises(DataError, match=r"no finished run of digits .* runs of cifar10 \(1\), mnist \(1\), notmnist"):
        frame.read_runs(str(tmp_path), "digits")


def test_the_files_are_as_the_author_wrote_them(tmp_path: pathlib.Path) -> None:
    """Protocol 4, names of NumPy 1, and an activation that nothing here can load."""
    path = write(tmp_path, "MNIST", "L2", 2, invented(0, 3))[0]
    content = path.read_bytes()
    operations = [(operation.name, argument) for operation, argument, _ in pickletools.genops(content)]
    texts = [argument for name, argument in operations if name == "SHORT_BINUNICODE"]
    assert operations[0] == ("PROTO", 4)
    assert {"numpy.core.multiarray", *ACTIVATION} <= set(texts)
    assert not any("_core" in text for text in texts)
    assert ("BINFLOAT", 0.010000000000000002) in operations
    with pytest.raises((ImportError, AttributeError)):
        pickle.loads(content)


def test_without_the_activation_python_reads_the_same(tmp_path: pathlib.Path) -> None:
    """Python's own reader, once the names are today's, agrees on every value."""
    statistics = invented(0, 5)

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return str if (module, name) == ACTIVATION else super().find_class(module.replace(".core", "._core"), name)

    for path, end in zip(write(tmp_path, "MNIST", "L2", 2, statistics), ENDS, strict=True):
        with path.open("rb") as file:
            content = Reader(file).load()
        for key in KEYS:
            assert content[key].dtype == np.float64
            assert content[key].tolist() == statistics[end][key].tolist()


def test_reading_imports_nothing(tmp_path: pathlib.Path) -> None:
    _write_grid(tmp_path, "MNIST", 30)
    code = (
        "import sys; from analysis import frame, methods; methods.every()\n"
        "before = set(sys.modules)\n"
        f"runs = frame.read_runs({str(tmp_path)!r}, 'mnist')\n"
        "assert len(runs) == 13\n"
        # Pandas may load more of itself for its first frame.
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert new <= {'pandas', 'pyarrow'}, new\n"
        "assert not {'tensorflow', 'keras', 'numpy.core.multiarray'} & set(sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=_REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_tables_set_them_beside_the_paper(tmp_path: pathlib.Path) -> None:
    statistics = invented(0, 30)
    statistics["001"]["test_errors"][-1] = 0.0049
    write(tmp_path, "MNIST", "L2", 2, statistics)
    table = noel_tables.final_table(frame.read_runs(str(tmp_path), "mnist"), "error")
    assert table.loc[("L2", 0.01), "paper M"] == 0.5
    assert table.loc[("L2", 0.01), "M - paper"] == pytest.approx(-0.01)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("reached", [0, 1, 29])
def test_a_training_that_was_cut_off_is_left_out(tmp_path: pathlib.Path, end: str, reached: int) -> None:
    """Even if it was between two of the three files."""
    write(tmp_path, "MNIST", "CE", 0, invented(1, 30))
    statistics = invented(0, 30)
    for key in KEYS:
        statistics[end][key][reached:] = 0
    write(tmp_path, "MNIST", "L2", 2, statistics)
    runs, unfinished = frame.read_all(str(tmp_path), "mnist")
    assert [setting_of(run.config)[0] for run in runs] == ["CE"]
    assert [run.config for run in unfinished] == [RunConfig(dataset="mnist", method="L2", weight=0.01)]
    assert "1 run is not finished and left out" in tables.report(runs, "markdown", unfinished)


def test_a_test_error_of_zero_is_a_result(tmp_path: pathlib.Path) -> None:
    statistics = invented(0, 30)
    for end in ENDS:
        statistics[end]["test_errors"][-1] = statistics[end]["train_errors"][-1] = 0
        statistics[end]["train_costs"][-1] = 0
    write(tmp_path, "MNIST", "L2", 2, statistics)
    assert len(frame.read_runs(str(tmp_path), "mnist")) == 1


def test_the_weight_of_a_plain_ensemble_is_of_no_account(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "MNIST", "None", 0, invented(0, 30), collab_weight=0.25)
    (run,) = frame.read_runs(str(tmp_path), "mnist")
    assert setting_of(run.config) == ("Single", 1.0)


def test_the_authors_files_and_ours_are_read_from_one_directory(tmp_path: pathlib.Path) -> None:
    ours = RunConfig(dataset="mnist", method="L2", weight=0.1)
    synthetic_runs.write_run(tmp_path / "MNIST", ours, synthetic_runs.invented(0, 30))
    write(tmp_path / "MNIST" / "collab", "MNIST", "L2", 2, invented(1, 30))
    runs = frame.read_runs(str(tmp_path), "mnist")
    assert {(run.config.weight, run.config.seed) for run in runs} == {(0.1, 0), (0.01, 0)}
    tables_of = {
        name: frame.to_frame(group).droplevel("Digest", axis=1) for name, group in frame.by_setting(runs).items()
    }
    table, theirs = tables_of["default settings"], tables_of["the author's files"]
    assert table["ST", "L2", 0.1, 0, "TestCost"].tolist() == synthetic_runs.series(0, "test_costs", 30).tolist()
    assert theirs["ST", "L2", 0.01, 0, "TestCost"].tolist() == invented(1, 30)["000"]["test_costs"].tolist()


def test_the_same_ensemble_of_the_author_and_of_us_stand_in_one_report(tmp_path: pathlib.Path) -> None:
    ours = RunConfig(dataset="mnist", method="L2", weight=0.01)
    synthetic_runs.write_run(tmp_path, ours, synthetic_runs.invented(0, 30))
    paths = write(tmp_path / "author", "MNIST", "L2", 2, invented(1, 30))
    page = report.report(str(tmp_path))
    for heading in ("MNIST: default settings", "MNIST: the author&#x27;s files"):
        assert heading in page or heading.replace("&#x27;", "'") in page
    assert page.count("experiments.train") == 1
    # The author's own ensemble twice is one too many.
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in paths:
        (copy / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DataError) as caught:
        frame.read_runs(str(tmp_path), "mnist")
    assert f"{tmp_path / 'author'} and {copy}: both have L2 0.01, seed 0 of mnist" in str(caught.value)


def test_other_pickles_of_the_data_set_are_passed_over_with_a_warning(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "MNIST", "L2", 2, invented(0, 30))
    for name in ("MNIST_shallow_and_thin.pkl", "MNIST_medium.pkl", "notMNIST_medium.pkl"):
        (tmp_path / name).write_bytes(b"of a single network")
    assert len(frame.read_runs(str(tmp_path), "mnist")) == 1
    assert f"{tmp_path}: 2 pickles of MNIST are passed over, such as MNIST_medium.pkl" in caplog.text
