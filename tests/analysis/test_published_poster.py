"""The published directory of the grid das-table, against what the runs recorded."""

import pathlib
import shutil

import numpy as np
import pytest
from published_runs import DAY, HERE, set_status, with_other_digit
from system_runs import write

import committed_poster
from analysis import results
from collab_ensembles.errors import DataError
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import plan

_EPOCHS = 20


def _write(log_dir: pathlib.Path, config: RunConfig, random: np.random.Generator) -> None:
    count = len(config.member_names())
    errors = random.uniform(1, 3, (count + (count > 1), _EPOCHS))
    names = ("similarity_loss", "feature_difference") if config.system == "fdl" and count > 1 else ()
    losses = {name: random.uniform(0.1, 1, _EPOCHS) for name in names}
    directory = write(log_dir, config, list(errors), seconds=60, **losses)
    set_status(directory, environment=HERE, started=DAY * 365, ended=DAY * 366)


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Runs of five seeds."""
    directory, random = tmp_path_factory.mktemp("runs"), np.random.default_rng(1)
    for config in plan("das-table", {"dataset": "cifar100", "members": ["resnet8"], "epochs": _EPOCHS}, range(5)):
        _write(directory, config, random)
    return directory


@pytest.fixture(scope="module")
def published(log_dir: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The published directory."""
    out = tmp_path_factory.mktemp("results") / "das"
    results.write(str(out), results.contents(str(log_dir), "cifar100", str(out), "das-table"))
    return out


@pytest.mark.parametrize(
    ("name", "pattern", "message"),
    [
        ("tables.md", r"^\| SSE .*?\d\.\d(\d)\** +±", "follows from statistics.csv"),
        ("tables.md", r"^\| FGE .*±.*?\d\.\d(\d)\** +±", "follows from statistics.csv"),
        ("claims.md", r"^- table \(best\).* resnet8 less SSE [+-]\d\.\d(\d)", "claims.md: no 'resnet8 less SSE"),
        ("statistics.csv", r'^"resnet8, 2 x FDL",3,Ens,20,\d\.(\d)', "follows from statistics.csv"),
    ],
)
def test_the_check_of_committed_results_finds_a_changed_number(
    name: str, pattern: str, message: str, published: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    assert committed_poster.is_of_poster(published)
    committed_poster.check(published)
    with pytest.raises(AssertionError, match=message):
        committed_poster.check(with_other_digit(published, tmp_path / "copy", name, pattern))


def test_readme_has_one_command_and_the_curves_of_the_pairs(published: pathlib.Path) -> None:
    readme = (published / "README.md").read_text()
    assert "25 runs (5 arrangements; 5 seeds: 0 to 4), 20 epochs each" in readme
    assert readme.count("experiments.sweep --grid=das-table --dataset=cifar100 --members=resnet8 --epochs=20") == 1
    assert "experiments.train" not in readme
    assert any(path.name.startswith("fdl_curves_resnet8") for path in published.glob("*.png"))


def test_snapshots_are_part_of_the_grid(log_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    own = pathlib.Path(shutil.copytree(log_dir, tmp_path / "runs"))
    (config, *_) = [
        config
        for config in plan("das-table", {"dataset": "cifar100", "members": ["resnet8"], "epochs": _EPOCHS}, [2])
        if config.system == "snapshot"
    ]
    set_status(own / config.digest()[:12], state="stopped")
    with pytest.raises(DataError, match=r"1 of the 25 runs of the grid are missing .*snapshots, seed 2"):
        results.contents(str(own), "cifar100", "out", "das-table")
