"""The committed records of single runs are whole, of one grid, and what README.md says of them."""

import dataclasses
import math
import pathlib
import pickle
import re
from collections.abc import Iterator

import pytest

from analysis import claims, frame, results
from analysis.commands import noel_grid
from collab_ensembles.runs import naming, run_directory
from collab_ensembles.settings.config import RunConfig
from committed_results import MODELS, REPOSITORY, cells, prose, published

_RUNS = sorted((REPOSITORY / "results" / "records" / "mnist-grid").glob("*/*"))
_CONFIGS = {directory: run_directory.read_config(str(directory)) for directory in _RUNS}
_OUTPUTS = ("ST", "M", "ensemble")
_PLAIN = RunConfig(dataset="mnist")
_COLUMNS = {"test_errors": "test_error_percent", "test_costs": "test_cost"}


@pytest.mark.parametrize("directory", _RUNS, ids=lambda path: path.name)
def test_a_record_is_a_finished_run_of_the_grid_without_its_checkpoints(directory: pathlib.Path) -> None:
    config, status = _CONFIGS[directory], run_directory.read_status(str(directory))
    assert config in noel_grid(_PLAIN, [0])
    assert run_directory.is_done(str(directory))
    assert status.epochs_done == config.epochs == 30
    assert {path.name for path in directory.iterdir()} == {"config.json", "status.json", *status.pickles}
    for output, errors in _curves(directory, "test_errors").items():
        assert len(errors) == config.epochs
        assert errors[-1] == status.test_errors[output]


def test_the_readme_shows_errors_and_costs_of_every_record_beside_the_papers() -> None:
    expected = []
    for key, scale, digits in (("test_errors", 100, 2), ("test_costs", 1, 4)):
        for name, ours, paper in _beside_the_paper(key):
            numbers = [*(scale * number for number in ours), *paper]
            expected.append([name, *(f"{number:.{digits}f}" for number in numbers)])
    assert sorted(cells("README.md", r"(?:plain|\w+, weight [\d.]+)", 7)) == sorted(expected)


def test_what_the_readme_says_of_all_records() -> None:
    errors, costs = (list(_beside_the_paper(key)) for key in _COLUMNS)
    ratios = [own / printed for _, ours, paper in costs for own, printed in zip(ours, paper, strict=True)]
    percent = math.ceil(100 * max(abs(ratio - 1) for ratio in ratios))
    gaps = [
        round(100 * own - printed, 2) for _, ours, paper in errors for own, printed in zip(ours, paper, strict=True)
    ]
    ends = {name: ours for name, ours, _ in errors}
    apart = [100 * abs(weak - plain) for weak, plain in zip(ends["CE, weight 0.0001"], ends["plain"], strict=True)]
    minutes = [run_directory.read_status(str(directory)).seconds / 60 for directory in _RUNS]
    readme = prose("README.md")
    for expected in (
        f"The costs lie within {percent} % of the paper's, the errors within {max(map(abs, gaps)):.2f} points, "
        f"{sum(gap > 0 for gap in gaps)} of {len(gaps)} above it. "
        f"On average errors are {sum(gaps) / len(gaps):.2f} points higher than the paper's.",
        f"ends {apart[0]:.2f}, {apart[1]:.2f} and {apart[2]:.2f} points from it (ST, M, ensemble).",
        f"A run took {min(minutes):.0f} to {max(minutes):.0f} minutes on one core, and two cores train two at a time: "
        f"{sum(minutes) / len(minutes) / 2:.0f} minutes an ensemble",
    ):
        assert expected in readme


@pytest.mark.parametrize(
    ("records", "name", "grid"), [("mnist-grid", "mnist", "noel"), ("fdl-6000", "fdl-6000", "fdl-mnist")]
)
def test_the_published_results_follow_from_the_records(
    records: str, name: str, grid: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / records).symlink_to(REPOSITORY / "results" / "records" / records)
    monkeypatch.chdir(tmp_path)
    directory = REPOSITORY / "results" / name
    expected = results.contents(f"runs/{records}", "mnist", f"results/{name}", grid)
    assert {path.name for path in directory.iterdir()} == set(expected)
    for name, content in expected.items():
        # Pictures change with Matplotlib's version; what they show is in statistics.csv.
        if not name.endswith(".png"):
            assert (directory / name).read_bytes() == content, name


def test_what_the_readme_says_of_the_claims_and_of_distances() -> None:
    text = (REPOSITORY / "results" / "mnist" / "claims.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[2:4]] for line in text.splitlines() if line.startswith("| ")][1:]
    ours, papers = ([row[column] for row in rows] for column in (0, 1))
    assert ours == ["seen in one seed"] * 16
    shown = papers.count("seen in one seed")
    decided = shown + papers.count("not seen in one seed")
    members = re.search(r"of 24 collaborating members better (\d+); worse (\d+)", text)
    assert members
    readme = prose("README.md")
    assert "all 16 are seen in this seed" in readme
    assert f"own final numbers can decide {decided} of them, and show {shown}," in readme
    assert (
        f"{members[1]} of 24 collaborating members are better than their plain counterparts, and {members[2]}" in readme
    )
    distances = [
        _curves(directory, "logit_distance")["ensemble"][-1]
        for method, weight in (("L1", 0.0001), ("L2", 0.0001), ("plain", 1.0), ("CE", 0.0001))
        for directory, config in _CONFIGS.items()
        if (config.method, config.weight) == (method, weight)
    ]
    assert (
        "distance of {:.1f} and {:.1f} in the end (plain {:.1f}), while with CE the distance is {:.1f}.".format(
            *distances
        )
        in readme
    )


def test_what_the_readme_says_of_another_last_epoch() -> None:
    jumped = {"plain", "CE, weight 0.1", "CE, weight 0.01", "CE, weight 0.0001"}
    rises: dict[bool, list[float]] = {True: [], False: []}
    for directory, config in _CONFIGS.items():
        rises[_name(config) in jumped] += [
            100 * (curve[-1] - curve[-3]) for curve in _curves(directory, "test_errors").values()
        ]
    cut = [
        dataclasses.replace(run, statistics={model: curves.iloc[:-2] for model, curves in run.statistics.items()})
        for run in frame.read_runs(str(_RUNS[0].parents[1]), "mnist")
    ]
    findings = claims.findings(claims.grids_of(cut))
    seen = [finding.verdict for finding in findings].count(claims.SEEN)
    better, worse = findings[0].numbers.values()
    assert (
        f"the errors of these four were {sum(rises[True]) / 12:.2f} points lower, those of the others "
        f"{-sum(rises[False]) / 27:.2f} higher, and with epoch 28 as the last one {seen} of the 16 claims are seen, "
        f"and {better:.0f} of the 24 members are better and {worse:.0f} worse."
    ) in prose("README.md")


def _beside_the_paper(key: str) -> Iterator[tuple[str, list[float], list[float]]]:
    """Of each record its name in README.md, and of its outputs what it ended with and what the paper prints."""
    paper = published("MNIST")[_COLUMNS[key]]
    for directory, config in _CONFIGS.items():
        method, weight = "Single" if config.method == "plain" else config.method, f"{config.weight:g}"
        ours = [curve[-1] for curve in _curves(directory, key).values()]
        yield _name(config), ours, [paper[method, weight, model] for model in MODELS]


def _name(config: RunConfig) -> str:
    """What README.md calls an ensemble."""
    return "plain" if config.method == "plain" else f"{config.method}, weight {config.weight:g}"


def _curves(directory: pathlib.Path, key: str) -> dict[str, list[float]]:
    stems = naming.statistics_names(_CONFIGS[directory])
    contents = {output: pickle.loads((directory / f"{stems[output]}.pkl").read_bytes()) for output in _OUTPUTS}
    return {output: content[key].tolist() for output, content in contents.items() if key in content}
