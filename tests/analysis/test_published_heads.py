"""The published directory of the grid of figure 3 of Song and Chai (2018), against what the runs recorded."""

import csv
import pathlib
import re

import numpy as np
import pytest
from published_runs import DAY, HERE, set_status, with_other_digit
from system_runs import distilled, heads, write

import committed_heads
from analysis import published_grid, results
from collab_ensembles.errors import DataError
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import plan

_EPOCHS, _SEEDS = 4, range(5)

Recorded = dict[RunConfig, np.ndarray]


def _write(log_dir: pathlib.Path, config: RunConfig, random: np.random.Generator) -> np.ndarray:
    """Errors [outputs, epochs] of a run, which grow with the noise."""
    count = len(config.member_names())
    errors = random.uniform(1, 3, (count + (count > 1), _EPOCHS)) * (1 + config.label_noise)
    set_status(write(log_dir, config, list(errors), seconds=60), environment=HERE, started=DAY * 365, ended=DAY * 366)
    return errors


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, Recorded]:
    """The published directory of five seeds at three levels of label noise, and what was recorded."""
    log_dir, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("results") / "heads"
    random = np.random.default_rng(1)
    recorded = {}
    for level in (0.0, 0.4, 0.8):
        settings = {"dataset": "cifar10", "epochs": _EPOCHS, "label_noise": level}
        for config in plan("song-chai-figure3", settings, _SEEDS):
            recorded[config] = _write(log_dir, config, random)
    # What else lies there does not matter.
    write(log_dir, heads("single", dataset="mnist"), [[5] * 3])
    results.write(str(out), results.contents(str(log_dir), "cifar10", str(out), "song-chai-figure3"))
    return out, recorded


@pytest.mark.parametrize(
    ("name", "pattern", "message"),
    [
        ("tables.md", r"^\| +40 .*?\d\.\d(\d)\** +±", "^tables.md: "),
        ("claims.md", r"figure 3 \(2\).*2 heads simple [+-]\d\.\d(\d)", "claims.md: no 'resnet32, 2 heads simple"),
        ("claims.md", r"figure 3 \(4\) .*\| [+-]\d\.\d(\d)", "claims.md: no '[+-]"),
        ("statistics.csv", r'^"resnet32, 2 instances, label_noise 0.4",3,head1,4,\d\.(\d)', "^tables.md: "),
    ],
)
def test_the_check_of_committed_results_finds_a_changed_number(
    name: str, pattern: str, message: str, published: tuple[pathlib.Path, Recorded], tmp_path: pathlib.Path
) -> None:
    out, _ = published
    assert committed_heads.is_of_heads(out)
    committed_heads.check(out)
    with pytest.raises(AssertionError, match=message):
        committed_heads.check(with_other_digit(out, tmp_path / "copy", name, pattern))


def test_statistics_are_those_of_the_runs(published: tuple[pathlib.Path, Recorded]) -> None:
    out, recorded = published
    received: dict[tuple[str, str, str], list[float]] = {}
    with (out / "statistics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            curve = received.setdefault((row["arrangement"], row["seed"], row["model"]), [])
            curve.append(float(row["test_error_percent"]))
    expected = {
        (config.description(), str(config.seed), name): errors
        for config, of_outputs in recorded.items()
        for name, errors in zip([*config.member_names(), "Ens"], of_outputs, strict=False)
    }
    assert received.keys() == expected.keys()
    for key, errors in expected.items():
        np.testing.assert_allclose(received[key], errors, rtol=1e-12)


def test_readme_names_the_levels_and_how_to_train_them(published: tuple[pathlib.Path, Recorded]) -> None:
    out, _ = published
    readme = (out / "README.md").read_text()
    assert "60 runs (12 arrangements; 5 seeds: 0 to 4), 4 epochs each" in readme
    for level in ("", "--label_noise=0.4 ", "--label_noise=0.8 "):
        pattern = rf"--grid=song-chai-figure3 --dataset=cifar10 --epochs=4 {level}--seeds=0,1,2,3,4"
        assert re.search(pattern, readme), level


def test_distilled_networks_do_not_stand_in_the_way(tmp_path: pathlib.Path) -> None:
    """They share the tables of heads, but are no part of figure 3."""
    grid = plan("song-chai-figure3", {"dataset": "cifar10", "epochs": _EPOCHS}, [0])
    for config in grid:
        _write(tmp_path, config, np.random.default_rng(2))
    write(tmp_path, distilled("teacher.keras", epochs=_EPOCHS), [[5] * _EPOCHS] * 3)
    readme = results.contents(str(tmp_path), "cifar10", "out", "song-chai-figure3")["README.md"].decode()
    assert f"{len(grid)} runs (" in readme


def test_what_a_level_lacks_is_named_with_the_command_that_trains_it(tmp_path: pathlib.Path) -> None:
    grid, random = published_grid.published()["song-chai-figure3"], np.random.default_rng(2)
    for level in (0.0, 0.4):
        for config in plan("song-chai-figure3", {"dataset": "cifar10", "epochs": _EPOCHS, "label_noise": level}, [0]):
            if (config.graph, level) != ("hierarchical", 0.4):
                _write(tmp_path, config, random)
    message = r"1 of the 8 runs .*hierarchical.*--grid=song-chai-figure3 --dataset=cifar10 --label_noise=0.4 trains"
    with pytest.raises(DataError, match=message):
        published_grid.finished_runs(str(tmp_path), "cifar10", grid)
    # Of another network the table on the first page would show nothing.
    for config in plan("song-chai-figure3", {"dataset": "cifar10", "epochs": _EPOCHS, "members": ["resnet8"]}, [0]):
        _write(tmp_path, config, random)
    with pytest.raises(DataError, match=r"resnet8, single, seed 0.*: no runs of networks that learn"):
        published_grid.finished_runs(str(tmp_path), "cifar10", grid)
