"""The published directory of the grid fdl-mnist, against what the runs recorded."""

import csv
import pathlib
import re
import shutil

import numpy as np
import pytest
from published_runs import DAY, HERE, set_status
from system_runs import heads, networks, write

import committed_filters
from analysis import results
from collab_ensembles.errors import DataError
from collab_ensembles.methods.fdl import grids as fdl_grids
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import plan

_EPOCHS = 15

Recorded = dict[RunConfig, dict[str, np.ndarray]]


def _write(log_dir: pathlib.Path, config: RunConfig, random: np.random.Generator) -> dict[str, np.ndarray]:
    count = len(config.members)
    errors = random.uniform(1, 3, (count + (count > 1), _EPOCHS))
    names = ("similarity_loss", "feature_difference") if count > 1 else ()
    losses = {name: random.uniform(0.1, 1, _EPOCHS) for name in names}
    set_status(
        write(log_dir, config, list(errors), seconds=60, **losses), environment=HERE, started=DAY * 365, ended=DAY * 366
    )
    return {"error": errors[-1], **losses}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path, Recorded]:
    """The log directory of five seeds of two numbers of filters, the published directory, and what was recorded."""
    log_dir, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("results") / "fdl"
    random = np.random.default_rng(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fdl_grids, "FDL_MNIST_FILTERS", (2, 4))
        configs = plan("fdl-mnist", {"dataset": "mnist", "epochs": _EPOCHS}, range(5))
        recorded = {config: _write(log_dir, config, random) for config in configs}
        # What else lies there does not matter.
        write(log_dir, heads("single", dataset="mnist"), [[5] * 3])
        results.write(str(out), results.contents(str(log_dir), "mnist", str(out), "fdl-mnist"))
        yield log_dir, out, recorded


def test_what_is_built_passes_the_check_of_committed_results(
    published: tuple[pathlib.Path, pathlib.Path, Recorded], tmp_path: pathlib.Path
) -> None:
    _, out, _ = published
    assert committed_filters.is_of_networks(out)
    committed_filters.check(out)
    # The check finds a changed number.
    for name, pattern, place in (
        ("tables.md", r"^\| 4 .*?\d\d\.\d(\d) ±", 1),
        ("claims.md", r"M = 4 [+-]\d\.\d(\d)", 1),
    ):
        copy = pathlib.Path(shutil.copytree(out, tmp_path / name))
        text = (copy / name).read_text()
        matches = list(re.finditer(pattern, text, re.MULTILINE))
        start = matches[-1].start(place)
        (copy / name).write_text(f"{text[:start]}{(int(text[start]) + 1) % 10}{text[start + 1 :]}")
        with pytest.raises(AssertionError):
            committed_filters.check(copy)


def test_statistics_are_those_of_the_runs(published: tuple[pathlib.Path, pathlib.Path, Recorded]) -> None:
    _, out, recorded = published
    with (out / "statistics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "Ens"]
    pairs = {config: values for config, values in recorded.items() if len(config.members) > 1}
    assert len(rows) == len(pairs) * _EPOCHS
    received: dict[tuple[str, str], list[list[float]]] = {}
    for row in rows:
        numbers = [float(row[name]) for name in ("test_error_percent", "similarity_loss", "feature_difference")]
        received.setdefault((row["arrangement"], row["seed"]), []).append(numbers)
    for config, values in pairs.items():
        name = {1: "RIE", 2: "cross_entropy head", 4: "FDL"}[len(config.phases)]
        own = np.array(received[f"{config.members[0]}, 2 x {name}", str(config.seed)])
        np.testing.assert_allclose(own[:, 0], values["error"], rtol=1e-12)
        np.testing.assert_allclose(own[:, 1], values["similarity_loss"], rtol=1e-4)
        np.testing.assert_allclose(own[:, 2], values["feature_difference"], rtol=1e-4)


def test_readme_says_what_how_and_which_statements_hold(
    published: tuple[pathlib.Path, pathlib.Path, Recorded],
) -> None:
    log_dir, out, recorded = published
    text = (out / "README.md").read_text()
    assert f"{len(recorded)} runs (" in text
    assert "5 seeds: 0 to 4), 15 epochs each" in text
    assert re.search(r"experiments.sweep --grid=fdl-mnist --dataset=mnist --epochs=15 .*--seeds=0,1,2,3,4", text)
    assert f"--log_dir={log_dir} --dataset=mnist --grid=fdl-mnist --out={out}" in text
    verdicts = re.findall(
        r"^\| (?:figure|table|plot|2x) .*?\| (holds|does not hold|inconclusive|not enough data) +\|",
        (out / "claims.md").read_text(),
        re.MULTILINE,
    )
    assert len(verdicts) == 12
    assert sum(path.name.startswith("fdl_curves") for path in out.glob("*.png")) == 2


def test_runs_that_are_missing_or_of_no_such_grid_are_refused(
    published: tuple[pathlib.Path, pathlib.Path, Recorded], tmp_path: pathlib.Path
) -> None:
    log_dir, _, recorded = published
    own = pathlib.Path(shutil.copytree(log_dir, tmp_path / "runs"))
    config = next(iter(recorded))
    set_status(own / config.digest()[:12], state="stopped")
    with pytest.raises(DataError, match=rf"1 of the {len(recorded)} runs of the grid are missing or not finished"):
        results.contents(str(own), "mnist", "out", "fdl-mnist")
    kind = config.members[0].rstrip("0123456789")
    settings = {"augment": config.augment, "learning_rate": config.learning_rate}
    write(own, networks(3, member=f"{kind}4", dataset="mnist", epochs=_EPOCHS, **settings), [[5] * _EPOCHS] * 4)
    with pytest.raises(DataError, match=f"{kind}4, 3 x FDL, seed 0: no runs of one-layer networks"):
        results.contents(str(own), "mnist", "out", "fdl-mnist")
    with pytest.raises(DataError, match="no finished collaborative ensemble of mnist there"):
        results.contents(str(log_dir), "mnist", "out")
