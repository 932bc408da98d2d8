"""From one command to tables: a whole grid of tiny networks, and what is done with its runs afterwards."""

import concurrent.futures
import dataclasses
import json
import math
import pathlib
import pickle
import shlex
import shutil
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import pytest

import short_grid
from collab_ensembles.methods.assembly import build_model
from collab_ensembles.settings.config import RunConfig
from command_runner import Result, environment, run, run_command

_FLAGS = ["--members=B1R1F2,B1R1F3", "--epochs=1", "--train_limit=64", "--batch_size=16", "--threads=1", "--workers=1"]
_STEM = "digits_collab_B1R1F2_and_B1R1F3"
_WEIGHTS = ["1.0", "0.1", "0.01", "0.0001"]
_ALL = [f"{_STEM}_ensemble", *(f"{_STEM}_{method}_{weight}" for method in ("CE", "L1", "L2") for weight in _WEIGHTS)]
_SOME = (0, 11)
"""Of these ensembles those that are trained here; `make digits-sweep` trains all."""
_NAMES = [_ALL[index] for index in _SOME]
_ARRAYS = ["train_errors", "train_costs", "train_errors_mean", "train_costs_mean", "test_errors", "test_costs"]


@dataclasses.dataclass(frozen=True)
class _Sweep:
    """A finished sweep."""

    log_dir: pathlib.Path
    data_dir: pathlib.Path
    result: Result

    def run(self, **variables: str) -> Result:
        directories = (f"--log_dir={self.log_dir}", f"--data_dir={self.data_dir}")
        return run_command([*short_grid.command(_SOME), *_FLAGS, *directories], **variables)

    def directory(self, name: str) -> pathlib.Path:
        (directory,) = self.log_dir.glob(f"digits/{name}-seed0-*")
        return directory


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> _Sweep:
    directory = tmp_path_factory.mktemp("sweep")
    started = _Sweep(directory / "runs", directory / "data", Result(0, "", ""))
    return dataclasses.replace(started, result=started.run())


def _load(path: pathlib.Path) -> dict[str, Any]:
    """As the documentation tells people to: no project code is needed."""
    with path.open("rb") as file:
        content = pickle.load(file)
    assert isinstance(content, dict)
    return content


def test_all_runs_are_done(sweep: _Sweep) -> None:
    assert (sweep.result.exit_status, sweep.result.errors) == (0, "")
    directories = list((sweep.log_dir / "digits").iterdir())
    assert sorted(directory.name.rsplit("-seed0-", 1)[0] for directory in directories) == sorted(_NAMES)
    for directory in directories:
        status = json.loads((directory / "status.json").read_text())
        assert (status["state"], status["epochs_done"]) == ("done", 1)
        assert status["environment"]["threads"] == 1
        # What was read, what the columns mean, the epoch, the result and where it lies.
        assert (directory / "output.log").read_text().count("\n") == 5
    assert "2 of 2 runs to train" in sweep.result.output
    assert "[2/2]" in sweep.result.output


def test_every_run_leaves_pickles_and_graphs_of_each_output(sweep: _Sweep) -> None:
    for name in _NAMES:
        directory = sweep.directory(name)
        for output in ("000", "001", "Ensemble"):
            content = _load(directory / f"{name}_{output}.pkl")
            for key in _ARRAYS:
                assert content[key].shape == (1,)
                assert content[key].dtype == np.float64
                assert np.isfinite(content[key]).all()
            for kind in ("error", "cost"):
                assert (directory / f"{name}_{output}_{kind}.png").read_bytes().startswith(b"\x89PNG")


def test_method_and_weight_have_an_effect(sweep: _Sweep) -> None:
    costs = {name: _load(sweep.directory(name) / f"{name}_000.pkl")["test_costs"][0] for name in _NAMES}
    assert len(set(costs.values())) == len(_NAMES), costs


def test_the_printed_table_has_the_numbers_of_the_pickles(sweep: _Sweep) -> None:
    tables = sweep.result.output.split("\n\n")
    labels = [("Single", "1"), ("L2", "0.01")]
    for title, key, factor, form in (("error", "test_errors", 100, "{:.2f}"), ("cost", "test_costs", 1, "{:.6f}")):
        index = next(i for i, text in enumerate(tables) if f"final test {title}" in text)
        rows = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in tables[index + 1].splitlines()]
        received = {(row[0], row[1]): row[2:] for row in rows[2:]}
        assert len(rows) == 2 + len(labels)
        for name, label in zip(_NAMES, labels, strict=True):
            directory = sweep.directory(name)
            values = [_load(directory / f"{name}_{output}.pkl")[key][-1] for output in ("000", "001", "Ensemble")]
            assert received[label] == [form.format(factor * value) for value in values]


def test_a_second_sweep_skips_all_runs_at_once_and_changes_nothing(
    sweep: _Sweep, no_tensorflow: dict[str, str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in sweep.log_dir.rglob("*")}
    again = sweep.run(**no_tensorflow)
    assert (again.exit_status, again.errors) == (0, "")
    skipped = [line for line in again.output.splitlines() if ": skipped, finished in " in line]
    assert len(skipped) == len(_NAMES)
    for name in _NAMES:
        assert sum(line.endswith(f" {sweep.directory(name)}") for line in skipped) == 1
    assert "to train" not in again.output
    assert again.output.split("\n\n")[-3:] == sweep.result.output.split("\n\n")[-3:]
    assert {path: path.stat().st_mtime_ns for path in sweep.log_dir.rglob("*")} == before


def test_a_dry_run_prints_what_would_be_done_and_does_nothing(sweep: _Sweep, tmp_path: pathlib.Path) -> None:
    flags = [*_FLAGS, f"--data_dir={sweep.data_dir}", "--dry_run", "--seeds=0,1"]
    result = run("experiments.sweep", *flags, f"--log_dir={sweep.log_dir}")
    lines = result.output.splitlines()
    assert len(lines) == 26
    skipped = [index for index, line in enumerate(lines) if line.startswith("# ")]
    assert skipped == list(_SOME)
    assert all(": skipped, finished in " in lines[index] for index in skipped)
    assert all("-m experiments.train " in line for index, line in enumerate(lines) if index not in skipped)
    assert all("--seed=1" in line for line in lines[13:])
    assert "--method=L2 --weight=0.01 " in lines[24]
    assert len(list((sweep.log_dir / "digits").iterdir())) == len(_NAMES)
    further = ["--checkpoint_every=2", "--tensorboard"]
    result = run("experiments.sweep", *flags, *further, f"--log_dir={tmp_path / 'runs'}")
    commands = [shlex.split(line) for line in result.output.splitlines()]
    assert len(commands) == 26
    assert all({*further, f"--data_dir={sweep.data_dir}"} <= {*command} for command in commands)
    assert not (tmp_path / "runs").exists()


_BLOCKED = "import sys; sys.modules.update(dict.fromkeys(['collab_ensembles', 'experiments', 'analysis']))\n"

# What someone does who has the file and Keras, and not this project.
_USE_EXPORT = f"""{_BLOCKED}
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
kinds = {{type(layer) for layer in model.layers}}
print(all(kind.__module__.startswith("keras.") for kind in kinds), sorted(kind.__name__ for kind in kinds))
images, labels = (np.load(f"{{sys.argv[2]}}/{{name}}.npy")[-360:] for name in ("images", "labels"))
logits = model.predict(images.astype("float32"), verbose=0)
print(logits.dtype, logits.shape, np.mean(logits.argmax(axis=1) != labels))
"""


@dataclasses.dataclass(frozen=True)
class _Afterwards:
    """What was done with runs of the sweep: with that of L2 with 0.01 all but measuring, which takes the plain one.

    It was also verified in a copy, `altered`, in which one statistic is another.
    """

    verified: Result
    altered: Result
    evaluated: Result
    exported: Result
    used: "subprocess.CompletedProcess[str]"
    measured: Result
    directory: pathlib.Path


@pytest.fixture(scope="module")
def afterwards(sweep: _Sweep, tmp_path_factory: pytest.TempPathFactory) -> _Afterwards:
    directory = tmp_path_factory.mktemp("afterwards")
    first, data = str(sweep.directory(f"{_STEM}_L2_0.01")), f"--data_dir={sweep.data_dir}"
    altered = _altered_copy(sweep, directory)
    shutil.copytree(sweep.directory(_NAMES[0]), directory / "runs" / "digits" / "plain")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        used = pool.submit(_export_and_use, first, directory / "second.keras", sweep.data_dir)
        evaluated = pool.submit(run, "experiments.evaluate", first, "--threads=1", data)
        verified, other = (pool.submit(run, "experiments.verify", each, data) for each in (first, str(altered)))
        log_dir = f"--log_dir={directory / 'runs'}"
        measured = pool.submit(run, "experiments.measure_inference", "--dataset=digits", log_dir)
        return _Afterwards(
            verified.result(), other.result(), evaluated.result(), *used.result(), measured.result(), directory
        )


def _altered_copy(sweep: _Sweep, directory: pathlib.Path) -> pathlib.Path:
    """The same run, but for one of its statistics."""
    copy = directory / "altered"
    shutil.copytree(sweep.directory(f"{_STEM}_L2_0.01"), copy)
    path = copy / f"{_STEM}_L2_0.01_Ensemble.pkl"
    content = _load(path)
    content["test_errors"][0] += 0.1
    path.write_bytes(pickle.dumps(content))
    return copy


def _export_and_use(
    directory: str, file: pathlib.Path, data_dir: pathlib.Path
) -> tuple[Result, "subprocess.CompletedProcess[str]"]:
    exported = run("experiments.export", directory, "--member=B1R1F3", f"--out={file}")
    command = [sys.executable, "-I", "-c", _USE_EXPORT, str(file), str(data_dir / "arrays" / "digits" / "all")]
    used = subprocess.run(
        command, cwd=file.parent, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    return exported, used


def test_the_same_settings_seed_and_threads_give_the_same_bits(afterwards: _Afterwards) -> None:
    assert (afterwards.verified.exit_status, afterwards.verified.errors) == (0, "")
    assert afterwards.verified.output.splitlines()[-1] == "20 statistics of 1 epochs: 20 identical"


def test_a_statistic_that_is_not_the_same_again_is_named(afterwards: _Afterwards) -> None:
    assert afterwards.altered.exit_status == 1
    assert afterwards.altered.output.splitlines()[-1] == "20 statistics of 1 epochs: 19 identical, 1 differs"
    assert "ensemble test_errors: differs (most in epoch 1" in afterwards.altered.output
    assert f"{_STEM}_L2_0.01_Ensemble.pkl: missing, or changed since it was written" in afterwards.altered.errors


def test_parameters_and_times_of_the_plain_ensemble_are_written(afterwards: _Afterwards) -> None:
    assert (afterwards.measured.exit_status, afterwards.measured.errors) == (0, "")
    written = json.loads((afterwards.directory / "runs" / "digits" / "inference.json").read_text())
    assert written["measured_on"] == "plain"
    rows = {row["model"]: row for row in written["models"]}
    assert list(rows) == ["B1R1F2", "B1R1F3", "Ens"]
    for name, member in build_model(RunConfig(members=("B1R1F2", "B1R1F3")), (8, 8, 1), 10).members.items():
        assert rows[name]["parameters"] == sum(math.prod(variable.shape) for variable in member.trainable_variables)
    first, second, ensemble = rows.values()
    assert 0 < first["seconds_per_image"] < 1e-2
    assert 0 < second["seconds_per_image"] < 1e-2
    for key in ("parameters", "seconds_per_image"):
        assert ensemble[key] == pytest.approx(first[key] + second[key])


def test_evaluation_gives_the_last_test_error_and_cost_of_each_output(sweep: _Sweep, afterwards: _Afterwards) -> None:
    assert (afterwards.evaluated.exit_status, afterwards.evaluated.errors) == (0, "")
    lines = afterwards.evaluated.output.splitlines()
    assert lines[0] == "digits, 360 test examples, after epoch 1"
    directory = sweep.directory(f"{_STEM}_L2_0.01")
    for line, output, name in zip(lines[1:], ("000", "001", "Ensemble"), ("B1R1F2", "B1R1F3", "ensemble"), strict=True):
        content = _load(directory / f"{_STEM}_L2_0.01_{output}.pkl")
        expected = [name, "error", f"{100 * content['test_errors'][0]:.2f}", "%", "cost"]
        assert line.split()[:-1] == expected
        assert float(line.split()[-1]) == pytest.approx(content["test_costs"][0], rel=1e-5)


def test_an_exported_member_consists_of_stock_layers_and_works_without_this_project(
    sweep: _Sweep, afterwards: _Afterwards
) -> None:
    assert (afterwards.exported.exit_status, afterwards.exported.errors) == (0, "")
    assert "second.keras" in afterwards.exported.output
    with zipfile.ZipFile(afterwards.directory / "second.keras") as archive:
        assert b"collab_ensembles" not in archive.read("config.json")
    assert afterwards.used.returncode == 0, afterwards.used.stderr
    layers, predictions = afterwards.used.stdout.splitlines()
    assert layers.startswith("True ")
    assert "'BatchNormalization'" in layers
    content = _load(sweep.directory(f"{_STEM}_L2_0.01") / f"{_STEM}_L2_0.01_001.pkl")
    *form, error = predictions.rsplit(" ", 1)
    assert form == ["float32 (360, 10)"]
    assert float(error) == pytest.approx(content["test_errors"][0], abs=1e-7)
