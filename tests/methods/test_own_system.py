"""A system of somebody else's, in one file, which no line of this project names."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from collab_ensembles.runs import run_directory
from collab_ensembles.runs.unpickle import read_pickle
from command_runner import REPOSITORY, Result, environment, run
from own_package import CONSENSUS, install, install_consensus

_SMALL = ("--dataset=digits", "--members=B1R1F2,B2R1F2", "--train_limit=200", "--batch_size=50", "--epochs=8")


def _run(package: dict[str, str], *command: str) -> Result:
    return run(*command, preloaded="tensorflow", **package)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def package(place: pathlib.Path) -> dict[str, str]:
    return install_consensus(place / "site")


@pytest.fixture(scope="module")
def log_dir(place: pathlib.Path, package: dict[str, str]) -> str:
    """The runs of the system's own grid."""
    flags = (f"--log_dir={place}/runs", f"--data_dir={place}/data", "--threads=1", "--workers=1")
    result = _run(package, "experiments.sweep", "--grid=consensus-shares", *_SMALL, *flags)
    assert (result.exit_status, result.errors) == (0, "")
    return f"{place}/runs"


def _run_of(log_dir: str, share: float) -> str:
    for directory in run_directory.find(log_dir):
        content = json.loads(pathlib.Path(directory, "config.json").read_text())["config"]
        if content["share"] == share:
            return directory
    raise AssertionError(f"no run of share {share}")


def _statistics(directory: str) -> dict[str, bytes]:
    contents = {path.name: read_pickle(str(path)) for path in pathlib.Path(directory).glob("*.pkl")}
    return {
        f"{name}/{key}": value.tobytes()
        for name, content in contents.items()
        if isinstance(content, dict)
        for key, value in content.items()
        if isinstance(value, np.ndarray)
    }


def test_the_file_is_short_enough_to_be_read() -> None:
    assert len(CONSENSUS.read_text().splitlines()) <= 100


def test_a_sweep_trains_its_grid_and_its_option_has_an_effect(log_dir: str) -> None:
    runs = list(run_directory.find(log_dir))
    assert len(runs) == 3
    assert _statistics(_run_of(log_dir, 0.0)) != _statistics(_run_of(log_dir, 0.9))
    config = json.loads(pathlib.Path(_run_of(log_dir, 0.9), "config.json").read_text())["config"]
    assert config["system"] == "consensus"
    assert not {"method", "beta", "k1"} & set(config)


def test_a_killed_run_goes_on_to_the_same_bits(log_dir: str, place: pathlib.Path, package: dict[str, str]) -> None:
    flags = ["--system=consensus", "--share=0.9", *_SMALL, f"--log_dir={place}/killed", f"--data_dir={place}/data"]
    command = [sys.executable, "-m", "experiments.train", *flags, "--threads=1"]
    training = subprocess.Popen(command, cwd=REPOSITORY, env=environment(**package), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and training.poll() is None:
        done = [run_directory.read_status(directory).epochs_done for directory in _started(place / "killed")]
        if done and done[0] >= 1:
            training.send_signal(signal.SIGKILL)
            break
        time.sleep(0.02)
    assert training.wait() == -signal.SIGKILL
    result = _run(package, "experiments.train", *flags, "--threads=1")
    assert result.exit_status == 0, result.errors
    (directory,) = run_directory.find(str(place / "killed"))
    assert run_directory.read_status(directory).resumed
    assert _statistics(directory) == _statistics(_run_of(log_dir, 0.9))


def _started(log_dir: pathlib.Path) -> list[str]:
    return [os.path.dirname(path) for path in map(str, log_dir.glob("*/*/status.json"))]


def test_a_run_is_verified_evaluated_and_exported(log_dir: str, place: pathlib.Path, package: dict[str, str]) -> None:
    directory, data = _run_of(log_dir, 0.5), f"--data_dir={place}/data"
    verified = _run(package, "experiments.verify", directory, data)
    assert (verified.exit_status, verified.errors) == (0, "")
    assert "differs" not in verified.output
    scored = _run(package, "experiments.evaluate", directory, data, "--threads=1")
    assert scored.exit_status == 0, scored.errors
    error = run_directory.read_status(directory).test_errors["ensemble"]
    (line,) = (line for line in scored.output.splitlines() if line.startswith("ensemble"))
    assert f"error {100 * error:6.2f} %" in line
    out = place / "member.keras"
    assert _run(package, "experiments.export", directory, "--member=B1R1F2", f"--out={out}").exit_status == 0
    assert out.exists()


def test_other_code_is_said_of_runs_that_it_did_not_train(log_dir: str, tmp_path: pathlib.Path) -> None:
    package = install_consensus(tmp_path / "site")
    directory = pathlib.Path(_run_of(log_dir, 0.5))
    flags = ("--system=consensus", *_SMALL, f"--log_dir={log_dir}", f"--data_dir={directory.parents[2]}/data")
    assert "its system was" not in _run(package, "experiments.train", *flags).errors
    file = tmp_path / "site" / "consensus.py"
    file.write_text(file.read_text() + "\n# Another version.\n")
    again = _run(package, "experiments.train", *flags)
    assert (again.exit_status, again.errors.count("\n")) == (0, 1)
    then, now = re.findall(r"consensus [0-9a-f]{12}", again.errors)
    assert json.loads((directory / "status.json").read_text())["environment"]["system"] == then != now


def test_its_runs_stand_in_the_tables_and_in_the_report(
    log_dir: str, place: pathlib.Path, package: dict[str, str]
) -> None:
    table = _run(package, "analysis.tables", f"--log_dir={log_dir}", "--dataset=digits", "--format=csv")
    assert (table.exit_status, table.errors) == (0, "")
    page = place / "report.html"
    report = _run(package, "analysis.report", f"--log_dir={log_dir}", f"--out={page}")
    assert (report.exit_status, report.errors) == (0, "")
    for share in ("0", "0.5", "0.9"):
        assert f"2 members, share {share}" in table.output
        assert f"2 members, share {share}" in page.read_text()


def test_help_shows_its_settings(package: dict[str, str]) -> None:
    result = _run(package, "experiments.train", "--system=consensus", "--help")
    assert "--share: share of the consensus" in result.output
    assert "--method:" not in result.output
    assert "consensus-shares: Independent members" in _run(package, "experiments.sweep", "--help").output


def test_a_package_that_cannot_be_used_is_named_in_one_line_and_takes_nothing_else_away(tmp_path: pathlib.Path) -> None:
    """What else can be wrong with one: tests/settings/test_registry.py."""
    package = install(tmp_path / "site", {"own": "import no_such_module"}, {"own": "own:METHOD"})
    flags = (f"--log_dir={tmp_path}/runs", f"--data_dir={tmp_path}/data")
    refused = _run(package, "experiments.train", "--system=own", *flags)
    assert (refused.exit_status, refused.output) == (2, "")
    assert refused.errors.count("\n") == 1
    for fragment in ("--system=own", "ModuleNotFoundError", "no_such_module"):
        assert fragment in refused.errors
    assert not (tmp_path / "runs").exists()
    planned = _run(package, "experiments.sweep", "--dataset=digits", "--dry_run", *flags)
    assert (planned.exit_status, planned.errors) == (0, "")
    assert planned.output.count("experiments.train") == 13


def test_functions_that_are_missing_and_flags_that_are_taken_are_named(tmp_path: pathlib.Path) -> None:
    source = CONSENSUS.read_text()
    modules = {
        "lame": source.replace("def learning_rates", "def rates").replace('"consensus"', '"lame"'),
        "taken": source.replace("share: float", "log_dir: float").replace('"consensus"', '"taken"'),
        "nameless": source.replace('{"optimizer": Rate', '{"adam": Rate').replace('"consensus"', '"nameless"'),
        "silent": source.replace("return ConsensusModel(", "ConsensusModel(").replace('"consensus"', '"silent"'),
    }
    package = install(tmp_path / "site", modules, {name: f"{name}:METHOD" for name in modules})
    for system, fragment in (
        ("lame", "no function learning_rates"),
        ("taken", "setting log_dir has the name of a flag"),
        ("silent", "build in silent gave a NoneType; needed: a collab_ensembles.models.model.Model"),
    ):
        refused = _run(package, "experiments.train", f"--system={system}", *_SMALL, f"--log_dir={tmp_path}/runs")
        assert (refused.exit_status, refused.errors.count("\n")) == (2, 1)
        assert fragment in refused.errors
        assert not (tmp_path / "runs").exists()
    refused = _run(package, "experiments.train", "--system=nameless", *_SMALL, f"--log_dir={tmp_path}/runs")
    assert "learning_rates in nameless gave adam a Rate; needed: a Rate for each of optimizer" in refused.errors


def test_runs_of_a_system_that_is_gone_are_left_out(log_dir: str) -> None:
    table = run("analysis.tables", f"--log_dir={log_dir}", "--dataset=digits")
    assert table.exit_status == 2
    assert "--system=consensus: not known" in table.errors
    assert "; runs that are left out: 3\n" in table.errors
    assert "no finished run of digits" in table.errors
    planned = run("experiments.sweep", "--dataset=digits", "--dry_run", f"--log_dir={log_dir}")
    assert (planned.exit_status, planned.errors) == (0, "")


@pytest.mark.parametrize(
    ("points", "flags", "fragments"),
    [
        (
            {"consensus": "consensus:METHOD"},
            ["--system=consensus"],
            ["--system=consensus", "consensus and own", "uninstall"],
        ),
        ({"ensemble": "consensus:METHOD"}, ["--epochs=0"], ["its system ensemble is ignored"]),
    ],
)
def test_a_name_that_is_taken_is_said(
    tmp_path: pathlib.Path, points: dict[str, str], flags: list[str], fragments: list[str]
) -> None:
    install_consensus(tmp_path / "site")
    package = install(tmp_path / "site", {}, points)
    refused = _run(package, "experiments.train", *flags, f"--log_dir={tmp_path}/runs")
    assert refused.exit_status == 2
    for fragment in fragments:
        assert fragment in refused.errors
    assert not (tmp_path / "runs").exists()
