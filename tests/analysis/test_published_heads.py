"""The published directory of the grid of figure 3 of Song and Chai (2018), against what the runs recorded."""

import csv
import pathlib
import re
import shutil

import numpy as np
import pytest
from published_runs import DAY, HERE, set_status
from system_runs import distilled, heads, write

import committed_heads
from analysis import results
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


def test_what_is_built_passes_the_check_of_committed_results(
    published: tuple[pathlib.Path, Recorded], tmp_path: pathlib.Path
) -> None:
    out, _ = published
    assert committed_heads.is_of_heads(out)
    committed_heads.check(out)
    # The check finds a changed number.
    for name, pattern in (
        ("tables.md", r"^\| +40 .*?\d\.\d(\d)\** +±"),
        ("claims.md", r"figure 3 \(2\).*2 heads simple [+-]\d\.\d(\d)"),
        ("claims.md", r"figure 3 \(4\) .*\| [+-]\d\.\d(\d)"),
        ("statistics.csv", r'^"resnet32, 2 instances, label_noise 0.4",3,head1,4,\d\.(\d)'),
    ):
        copy = pathlib.Path(shutil.copytree(out, tmp_path / name, dirs_exist_ok=True))
        text = (copy / name).read_text()
        match = re.search(pattern, text, re.MULTILINE)
        assert match, pattern
        start = match.start(1)
        (copy / name).write_text(f"{text[:start]}{(int(text[start]) + 1) % 10}{text[start + 1 :]}")
        with pytest.raises(AssertionError):
            committed_heads.check(copy)


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
