"""The committed records of single runs are whole, of one grid, and what README.md says of them."""

import csv
import math
import pathlib
import pickle

import pytest

from analysis.commands import noel_grid
from collab_ensembles import naming, run_directory
from collab_ensembles.config import RunConfig
from committed_results import REPOSITORY, cells

_RUNS = sorted((REPOSITORY / "results" / "records" / "mnist-grid").glob("*/*"))
_OUTPUTS = ("ST", "M", "ensemble")
_PLAIN = RunConfig(dataset="mnist")


@pytest.mark.parametrize("directory", _RUNS, ids=lambda path: path.name)
def test_a_record_is_a_finished_run_of_the_grid_without_its_checkpoints(directory: pathlib.Path) -> None:
    config, status = run_directory.read_config(str(directory)), run_directory.read_status(str(directory))
    assert config in noel_grid(_PLAIN, [0])
    assert run_directory.is_done(str(directory))
    assert status.epochs_done == config.epochs == 30
    assert {path.name for path in directory.iterdir()} == {"config.json", "status.json", *status.pickles}
    for output, errors in _curves(directory, config, "test_errors").items():
        assert len(errors) == config.epochs
        assert errors[-1] == status.test_errors[output]


def test_the_readme_shows_errors_and_costs_of_every_record_beside_the_papers() -> None:
    expected = []
    for key, column, scale, digits in (
        ("test_errors", "test_error_percent", 100, 2),
        ("test_costs", "test_cost", 1, 4),
    ):
        for directory in _RUNS:
            config = run_directory.read_config(str(directory))
            ours = [scale * curve[-1] for curve in _curves(directory, config, key).values()]
            numbers = [*ours, *_published(config, column)]
            expected.append([_name(config), *(f"{number:.{digits}f}" for number in numbers)])
    assert sorted(cells("README.md", r"(?:plain|\w+, weight [\d.]+)", 7)) == sorted(expected)


def test_what_the_readme_says_of_all_records() -> None:
    numbers: dict[str, list[tuple[float, float]]] = {key: [] for key in ("test_errors", "test_costs")}
    for (key, found), column in zip(numbers.items(), ("test_error_percent", "test_cost"), strict=True):
        for directory in _RUNS:
            config = run_directory.read_config(str(directory))
            ours = [curve[-1] for curve in _curves(directory, config, key).values()]
            found += zip(ours, _published(config, column), strict=True)
    costs = math.ceil(100 * max(abs(ours / paper - 1) for ours, paper in numbers["test_costs"]))
    gaps = [round(100 * ours - paper, 2) for ours, paper in numbers["test_errors"]]
    minutes = [run_directory.read_status(str(directory)).seconds / 60 for directory in _RUNS]
    readme = " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())
    for expected in (
        f"The costs lie within {costs} % of the paper's, the errors within {max(map(abs, gaps)):.2f} points, "
        f"{sum(gap > 0 for gap in gaps)} of {len(gaps)} above it.",
        f"A run took {min(minutes):.0f} to {max(minutes):.0f} minutes on one core",
    ):
        assert expected in readme


def _name(config: RunConfig) -> str:
    return "plain" if config.method == "None" else f"{config.method}, weight {config.weight:g}"


def _curves(directory: pathlib.Path, config: RunConfig, key: str) -> dict[str, list[float]]:
    stems = naming.statistics_names(config)
    contents = {output: (directory / f"{stems[output]}.pkl").read_bytes() for output in _OUTPUTS}
    return {output: pickle.loads(content)[key].tolist() for output, content in contents.items()}


def _published(config: RunConfig, column: str) -> list[float]:
    with (REPOSITORY / "analysis" / "reference" / "noel_2017.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == "MNIST"]
    method = "Single" if config.method == "None" else config.method
    own = [row for row in rows if row["method"] == method and float(row["weight"]) == pytest.approx(config.weight)]
    assert [row["model"] for row in own] == ["ST", "M", "Ens"]
    return [float(row[column]) for row in own]
