"""Wrong input: one line, at once, with the right exit status, and nothing is made."""

import json
import pathlib

import numpy as np
import pytest

from collab_ensembles.runs import run_directory
from collab_ensembles.settings.config import RunConfig
from command_runner import Result, run


def _check(result: Result, exit_status: int, fragments: list[str], tmp_path: pathlib.Path) -> None:
    assert result.output == ""
    lines = result.errors.splitlines()
    assert len(lines) == 1, result.errors
    assert lines[0].startswith("error: ")
    assert "Traceback" not in result.errors
    assert "--debug" not in result.errors  # which is for errors that nobody foresaw
    for fragment in fragments:
        assert fragment in lines[0]
    assert result.exit_status == exit_status
    assert not (tmp_path / "cache").exists()


# What each part has to say is tested with that part (RunConfig: tests/test_config.py, tests/test_systems.py): here are
# examples of absl's flags, RunConfig, data that do not fit, teachers, and all that the commands check themselves.
@pytest.mark.parametrize(
    ("module", "flags", "fragments"),
    [
        ("train", ["--dataset=nowhere/own.npz"], ["nowhere/own.npz", "no such file"]),
        ("train", ["--method=KL"], ["--method=KL", "CE", "L1", "L2"]),
        ("train", ["--members=ST,XL"], ["'XL'", "ST, M"]),
        ("train", ["--members="], ["--members is empty"]),
        ("train", ["--members=nowhere.py:build,ST"], ["nowhere.py:build", "no such file"]),
        ("sweep", ["--members=nowhere.keras,ST"], ["nowhere.keras", "no such file"]),
        ("sweep", ["--report=page.txt"], ["--report=page.txt", ".html"]),
        ("train", ["--epochs=many"], ["--epochs=many"]),
        ("train", ["--batchsize=64"], ["batchsize", "batch_size"]),
        ("train", ["--stop_after=0"], ["--stop_after=0", "from 1"]),
        ("train", ["--stop_after=31"], ["--stop_after=31", "allowed: 1 to 30"]),
        ("train", ["--dataset=digits", "--train_limit=1438"], ["--train_limit=1438", "allowed: 1 to 1437"]),
        ("train", ["--dataset=mnsit"], ["'mnsit'", "did you mean mnist?"]),
        ("train", ["--system=ensembel"], ["ensembel", "did you mean ensemble?"]),
        ("sweep", ["--grid=questoin-3"], ["questoin-3", "did you mean question-3?"]),
        ("train", ["--checkpoint_every=-1"], ["--checkpoint_every=-1", "from 1"]),
        ("sweep", ["--checkpoint_every=0", "--dry_run"], ["--checkpoint_every=0", "from 1"]),
        ("train", ["--threads=0"], ["--threads=0", "from 1"]),
        ("train", ["digits"], ["unexpected argument 'digits'", "--help"]),
        ("sweep", ["--workers=0"], ["--workers=0", "auto", "from 1"]),
        ("sweep", ["--workers=two"], ["--workers=two", "auto", "from 1"]),
        ("sweep", ["--threads=0"], ["--threads=0", "from 1"]),
        ("sweep", ["--seeds=0,one"], ["--seeds=0,one", "0,1,2"]),
        ("sweep", ["--seeds=1,1"], ["--seeds=1,1", "different"]),
        ("sweep", ["--seeds=-1"], ["--seeds=-1", "from 0"]),
        ("sweep", ["--seeds="], ["--seeds=", "0,1,2"]),
        ("sweep", ["--grid=all"], ["--grid=all", "noel"]),
        ("sweep", ["--members=ST,B5R1F4"], ["B5R1F4", "multiples of 16"]),
        ("sweep", ["--members=M"], ["--members=M", "compares members", "two or more"]),
        ("sweep", ["--grid=noel", "--graph=simple"], ["--graph belongs to --system=multihead"]),
        ("train", ["--graph=simple"], ["--graph belongs to --system=multihead"]),
        ("train", ["--system=distillation", "--teacher=no.keras"], ["no.keras: no such file"]),
        ("train", ["--system=fdl"], ["vgg16", "multiples of 32", "8 x 8"]),
    ],
)
def test_what_is_not_allowed_is_one_line_and_exit_status_2(
    module: str, flags: list[str], fragments: list[str], tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    log_dir = tmp_path / "runs"
    result = run(f"experiments.{module}", *flags, f"--log_dir={log_dir}", preloaded="little", **no_tensorflow)
    _check(result, 2, fragments, tmp_path)
    assert not log_dir.exists()


@pytest.mark.parametrize(
    ("module", "flags", "fragments"),
    [
        ("evaluate", [], ["received 0 arguments", "the directory of a run"]),
        ("evaluate", ["RUN", "--threads=0"], ["--threads=0"]),
        ("evaluate", ["RUN", "--top=1"], ["--top=1", "from 2"]),
        ("evaluate", ["RUN", "--dataset=imagenet"], ["'imagenet'"]),
        ("export", ["RUN", "another"], ["received 2 arguments", "needed: one"]),
        ("export", ["RUN", "--member=XL"], ["--member=XL", "ST, M"]),
        ("export", ["RUN", "--out=st.h5"], ["--out=st.h5", ".keras"]),
        ("prepare", ["--dataset=imagenet"], ["'imagenet'", "digits, mnist"]),
        ("prepare", ["--split=dev"], ["--split=dev", "report"]),
    ],
)
def test_the_other_commands_check_their_input_likewise(
    module: str, flags: list[str], fragments: list[str], tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    directory = tmp_path / "runs" / "run"
    run_directory.write_config(str(directory), RunConfig())
    flags = [flag.replace("RUN", str(directory)) for flag in flags]
    _check(run(f"experiments.{module}", *flags, preloaded="little", **no_tensorflow), 2, fragments, tmp_path)
    assert [path.name for path in directory.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("module", "arguments", "out"),
    [("predict", ["photos"], "p.csv"), ("export", [], "st.keras"), ("feature_maps", [], "maps.png")],
)
def test_a_file_that_cannot_be_written_is_said_before_anything_is_computed(
    module: str, arguments: list[str], out: str, tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    directory = tmp_path / "runs" / "run"
    run_directory.write_config(str(directory), RunConfig())
    flags = [str(directory), *arguments, f"--out={tmp_path / 'nowhere' / out}"]
    result = run(f"experiments.{module}", *flags, preloaded="little", **no_tensorflow)
    _check(result, 1, [f"cannot write {tmp_path / 'nowhere' / out}"], tmp_path)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("module", ["train", "sweep"])
def test_a_log_directory_that_cannot_be_made_is_exit_status_1(
    module: str, tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    in_the_way = tmp_path / "runs"
    in_the_way.write_text("a file in the way")
    result = run(f"experiments.{module}", f"--log_dir={in_the_way}", preloaded="little", **no_tensorflow)
    _check(result, 1, ["cannot write", str(in_the_way), "choose another directory"], tmp_path)
    assert in_the_way.read_text() == "a file in the way"


def test_a_report_that_cannot_be_written_is_said_before_training(
    tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    (tmp_path / "file").touch()
    flags = [f"--log_dir={tmp_path / 'runs'}", f"--report={tmp_path / 'file' / 'report.html'}"]
    result = run("experiments.sweep", *flags, preloaded="little", **no_tensorflow)
    _check(result, 1, ["cannot write", str(tmp_path / "file"), "choose another directory"], tmp_path)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("module", ["train", "sweep"])
def test_a_log_directory_of_another_format_version_is_exit_status_1(
    module: str, tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    directory = tmp_path / "runs" / "MNIST" / "old"
    run_directory.write_config(str(directory), RunConfig())
    content = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**content, "format_version": 0}))
    result = run(f"experiments.{module}", f"--log_dir={tmp_path / 'runs'}", preloaded="little", **no_tensorflow)
    _check(result, 1, [str(directory), "format version 0", "another log directory"], tmp_path)
    assert {path.name for path in (tmp_path / "runs").iterdir()} - {"lock"} == {"MNIST"}


@pytest.mark.parametrize(("module", "missing"), [("train", "x_train"), ("sweep", "y_test")])
def test_arrays_missing_from_an_own_file_are_exit_status_2(
    module: str, missing: str, tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    arrays = {"x_train": np.zeros((99, 8, 8), np.uint8), "y_train": np.zeros(99, int)}
    arrays |= {"x_test": arrays["x_train"], "y_test": arrays["y_train"]}
    del arrays[missing]
    np.savez(tmp_path / "own.npz", **arrays)  # type: ignore[arg-type]
    flags = [f"--dataset={tmp_path / 'own.npz'}", f"--log_dir={tmp_path / 'runs'}"]
    result = run(f"experiments.{module}", *flags, preloaded="little", **no_tensorflow)
    _check(result, 2, [f"{tmp_path}/own.npz", missing, "x_train, y_train, x_test"], tmp_path)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("module", ["train", "sweep"])
def test_a_file_that_is_refused_may_still_be_changed(
    module: str, tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    """Its digest is not recorded."""
    images, labels = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 2
    np.savez(tmp_path / "own.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    flags = [f"--dataset={tmp_path / 'own.npz'}", "--batch_size=64", f"--data_dir={tmp_path / 'cache'}"]
    result = run(f"experiments.{module}", *flags, f"--log_dir={tmp_path / 'runs'}", preloaded="little", **no_tensorflow)
    _check(result, 2, ["--batch_size=64", "40 training examples"], tmp_path)


@pytest.mark.parametrize("module", ["train", "sweep"])
def test_data_that_no_header_gives_away_leave_nothing_behind(
    module: str, tmp_path: pathlib.Path, no_tensorflow: dict[str, str]
) -> None:
    arrays = {"x_train": np.zeros((99, 8, 8), np.uint8), "y_train": np.full(99, -1)}
    np.savez(tmp_path / "own.npz", **arrays, x_test=arrays["x_train"], y_test=arrays["y_train"])  # type: ignore[arg-type]
    flags = [f"--dataset={tmp_path / 'own.npz'}", f"--log_dir={tmp_path / 'runs'}"]
    _check(
        run(f"experiments.{module}", *flags, preloaded="little", **no_tensorflow),
        2,
        [f"{tmp_path}/own.npz", "y_train"],
        tmp_path,
    )
    assert not (tmp_path / "runs").exists()


def test_no_finished_run_to_show_is_exit_status_2(tmp_path: pathlib.Path, no_tensorflow: dict[str, str]) -> None:
    result = run("analysis.tables", f"--log_dir={tmp_path / 'runs'}", preloaded="little", **no_tensorflow)
    _check(result, 2, [f"{tmp_path}/runs: no such directory"], tmp_path)


def test_a_directory_without_a_run_is_bad_input(tmp_path: pathlib.Path, no_tensorflow: dict[str, str]) -> None:
    for module in ("evaluate", "export"):
        result = run(f"experiments.{module}", str(tmp_path), preloaded="little", **no_tensorflow)
        _check(result, 2, [f"{tmp_path}/config.json: no such file"], tmp_path)
