"""Publishing a grid: what is written follows from the runs, what does not agree is found, half a grid is refused."""

import csv
import dataclasses
import pathlib
import re
import shutil
from collections import Counter

import make_author_files
import numpy as np
import pytest
from published_runs import HERE, Grid, configs_of, contents_of, set_status, write
from synthetic_runs import OUTPUTS, write_run

import committed_results
from analysis import published_grid, results
from analysis.recorded_run import Run
from collab_ensembles.errors import DataError
from collab_ensembles.settings.config import RunConfig
from command_runner import run

_MODELS = dict(zip(OUTPUTS, ("ST", "M", "Ens"), strict=True))
_COLUMNS = {
    "test_error_percent": "test_errors",
    "test_cost": "test_costs",
    "train_error_percent": "train_errors",
    "train_cost": "train_costs",
    "train_error_mean_percent": "train_errors_mean",
    "train_cost_mean": "train_costs_mean",
    "disagreement_percent": "disagreement",
    "logit_distance": "logit_distance",
}

Directories = dict[RunConfig, pathlib.Path]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, Grid]:
    """A directory of results of three seeds on MNIST, and what the runs recorded."""
    log_dir, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("results") / "mnist"
    grid = write(log_dir, configs_of((0, 1, 5)))
    # What else lies there does not matter.
    write_run(log_dir, RunConfig(dataset="digits", epochs=4), contents_of(np.random.default_rng(0), 4))
    results.write(str(out), results.contents(str(log_dir), "mnist", str(out)))
    return out, grid


def test_what_is_built_passes_the_check_of_committed_results(published: tuple[pathlib.Path, Grid]) -> None:
    committed_results.check(published[0])


def test_statistics_are_those_of_the_runs(published: tuple[pathlib.Path, Grid]) -> None:
    """Against the arrays that were pickled: every epoch, output and seed."""
    directory, grid = published
    expected = {}
    for config, contents in grid.items():
        method = "Single" if config.method == "plain" else config.method
        for end, model in _MODELS.items():
            for place in range(30):
                key = (method, round(config.weight, 9), config.seed, model, place + 1)
                expected[key] = {column: _number(contents[end], column, place) for column in _COLUMNS}
    with (directory / "statistics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    received = {}
    for row in rows:
        key = (row["method"], float(row["weight"]), int(row["seed"]), row["model"], int(row["epoch"]))
        received[key] = {column: float(row[column]) if row[column] else None for column in _COLUMNS}
    assert len(rows) == 39 * 3 * 30
    assert received == expected


def _number(content: dict[str, np.ndarray], column: str, place: int) -> float | None:
    if _COLUMNS[column] not in content:
        return None
    value = float(content[_COLUMNS[column]][place] * (100 if column.endswith("_percent") else 1))
    # All digits of what tables are made of.
    return value if column.startswith("test") else float(f"{value:.5g}")


def test_figures_are_those_of_the_paper(published: tuple[pathlib.Path, Grid]) -> None:
    pictures = {path.name for path in published[0].glob("*.png")}
    assert pictures == {
        "a1_mnist_st.png",
        "a2_mnist_m.png",
        "b1_mnist.png",
        "alpha_mnist.png",
        "disagreement_mnist.png",
    }
    # Noise is harder to compress than curves.
    assert all(10_000 < path.stat().st_size < 1_000_000 for path in published[0].glob("*.png"))


def test_every_claim_has_its_verdict(published: tuple[pathlib.Path, Grid]) -> None:
    text = (published[0] / "claims.md").read_text()
    verdicts = re.findall(
        r"^\| (?:6\.1|L2) \(\w+\).*?\| (holds|does not hold|inconclusive|not enough data|seen in one seed) +\|",
        text,
        re.MULTILINE,
    )
    assert len(verdicts) == 19
    # What is the same for all seeds is judged on one.
    assert Counter(verdicts) == {"not enough data": 18, "seen in one seed": 1}
    tally = 'Verdicts on 26 claims: "seen in one seed" 1, "not enough data" 25.'
    assert tally in text
    assert tally in (published[0] / "README.md").read_text()


def test_readme_says_what_when_and_how(published: tuple[pathlib.Path, Grid]) -> None:
    text = (published[0] / "README.md").read_text()
    assert "39 runs (13 ensembles; 3 seeds: 0, 1, 5), 30 epochs each, default settings; computed 1971-01-01 to" in text
    assert "with revision abc." in text
    assert re.search(r"python -m experiments.sweep --grid=noel --dataset=mnist --seeds=0,1,5 --log_dir=/\S+", text)
    assert f"python -m analysis.results --log_dir={_log_dir(text)} --dataset=mnist --out={published[0]}" in text
    assert len(text.splitlines()) < 50


def test_a_page_says_where_and_how_all_was_computed(published: tuple[pathlib.Path, Grid]) -> None:
    text = (published[0] / "environment.md").read_text()
    for fragment in ("39 runs (13 ensembles; 3 seeds: 0, 1, 5)", "None: each run was computed in one go.", "| all "):
        assert fragment in text
    assert f"--out={published[0]}" in text


def _log_dir(text: str) -> str:
    match = re.search(r"analysis\.results --log_dir=(\S+)", text)
    assert match is not None
    return match[1]


def test_the_same_runs_give_the_same_files(published: tuple[pathlib.Path, Grid], tmp_path: pathlib.Path) -> None:
    directory, _ = published
    again = results.contents(_log_dir((directory / "README.md").read_text()), "mnist", str(directory))
    assert again == {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def short(tmp_path: pathlib.Path) -> tuple[pathlib.Path, Directories]:
    """A grid of one seed and two epochs, and the directory of each run."""
    log_dir = tmp_path / "runs"
    configs = configs_of((3,), epochs=2)
    write(log_dir, configs)
    return log_dir, {config: log_dir / config.digest()[:12] for config in configs}


def _finished(log_dir: pathlib.Path) -> list[Run]:
    return published_grid.finished_runs(str(log_dir), "mnist", published_grid.published()["noel"])


def _environment_page(log_dir: pathlib.Path) -> str:
    """Its words alone, and without the figures and tables that are built with it."""
    return " ".join(results._environment_page(_finished(log_dir), published_grid.published()["noel"], "").split())


def test_times_are_minutes_by_ensemble(tmp_path: pathlib.Path) -> None:
    configs = configs_of((0, 1), epochs=2)
    write(tmp_path, configs)
    for config in configs:
        if config.method == "L2" and config.weight == 0.01:
            set_status(tmp_path / config.digest()[:12], seconds=90.0 if config.seed else 30.0)
        else:
            set_status(tmp_path / config.digest()[:12], seconds=240.0)
    text = _environment_page(tmp_path)
    assert "| L2 0.01 | 2 | 1.00 | 0.50 | 1.50 | 2.00 |" in text
    assert "| all | 26 | 3.77 | 0.50 | 4.00 | 98.00 |" in text
    assert "None: each run was computed in one go." in text


def test_interruptions_and_environments_are_named(
    short: tuple[pathlib.Path, Directories],
) -> None:
    log_dir, directories = short
    plain, first, *_ = directories.values()
    set_status(plain, resumed=[1], started=0.0, environment={**HERE, "revision": "new"}, earlier_environments=[HERE])
    set_status(first, resumed=[0, 1])
    text = _environment_page(log_dir)
    assert "taken up again: - CE 1, seed 3: after epoch 0, 1 - plain, seed 3: after epoch 1" in text
    assert (
        "| environment | revision | runs | |-------------|----------|------| | 1 | abc | 13 | | 2 | new | 1 |" in text
    )
    assert "Computed in several environments: - plain, seed 3: 1, 2" in text
    assert '| devices | ["CPU"] |' in text
    assert "revisions abc, new." in results._readme(_finished(log_dir), published_grid.published()["noel"], [], {}, "")


def _refused(log_dir: pathlib.Path, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        results.contents(str(log_dir), "mnist", "out")
    assert "\n" not in str(error.value)


def test_runs_that_are_missing_or_unfinished_are_counted(
    short: tuple[pathlib.Path, Directories],
) -> None:
    log_dir, directories = short
    plain, cross_entropy, *_ = directories.values()
    set_status(plain, state="stopped")
    _refused(log_dir, r"1 of the 13 runs of the grid are missing or not finished \(plain, seed 3\)")
    shutil.rmtree(cross_entropy)
    _refused(log_dir, "2 of the 13 runs")
    # A second seed is begun.
    config = RunConfig(dataset="mnist", epochs=2, seed=4)
    write_run(log_dir, config, contents_of(np.random.default_rng(0), 2), state="running")
    _refused(log_dir, "15 of the 26 runs")


def test_runs_that_are_not_of_one_grid_are_refused(short: tuple[pathlib.Path, Directories]) -> None:
    log_dir, directories = short
    plain = next(iter(directories))
    contents = contents_of(np.random.default_rng(0), 2)
    directory = write_run(log_dir, dataclasses.replace(plain, method="L2", weight=0.5), contents)
    _refused(log_dir, "L2 0.5, seed 3: no runs of the 13 ensembles")
    shutil.rmtree(directory)
    write_run(log_dir, dataclasses.replace(plain, batch_size=32), contents, state="queued")
    _refused(log_dir, "2 settings")


def test_runs_of_other_systems_do_not_matter(short: tuple[pathlib.Path, Directories]) -> None:
    log_dir, _ = short
    heads = RunConfig(dataset="mnist", system="multihead", members=("resnet20",), graph="single", heads=1, epochs=2)
    write_run(log_dir, heads, {"000": contents_of(np.random.default_rng(0), 2)["000"]})
    assert len(_finished(log_dir)) == 13


def test_runs_that_do_not_say_where_they_come_from_are_refused(tmp_path: pathlib.Path) -> None:
    for method, power in [("None", 0), *((method, power) for method in ("CE", "L1", "L2") for power in (0, 1, 2, 4))]:
        statistics = make_author_files.invented(power, 3)
        make_author_files.write(tmp_path / "MNIST" / "collab", "MNIST", method, power, statistics)
    _refused(tmp_path, "its environment was not recorded")


def test_the_command_writes_all_or_nothing(short: tuple[pathlib.Path, Directories], tmp_path: pathlib.Path) -> None:
    log_dir, directories = short
    out = tmp_path / "results" / "mnist"
    command = ("analysis.results", f"--log_dir={log_dir}", "--dataset=mnist")
    done = run(*command, f"--out={out}")
    assert (done.exit_status, done.errors) == (0, "")
    assert re.fullmatch(r"results: 11 files, \d\.\d MB, in \S+\n", done.output)
    committed_results.check(out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    set_status(next(iter(directories.values())), state="running")
    refused = run(*command, f"--out={out}")
    assert (refused.exit_status, refused.output) == (2, "")
    assert re.fullmatch(r"error: [^\n]*1 of the 13 runs[^\n]*\n", refused.errors)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_directory_must_be_given() -> None:
    result = run("analysis.results", "--dataset=mnist")
    assert (result.exit_status, result.output) == (2, "")
    assert result.errors.startswith("error: --out: needed")
