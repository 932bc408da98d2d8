"""The committed records of single runs are whole, of one grid, and what docs/RESULTS.md says of them."""

import json
import math
import pathlib
import pickle
import re
import statistics
from collections.abc import Iterator, Mapping

import pytest

from analysis import claims, frame, results
from analysis.commands import grid_of
from analysis.documents import gpu_blocks, noel_blocks, noel_later_blocks
from analysis.methods.ensemble import noel_claims
from collab_ensembles.data import catalogue
from collab_ensembles.runs import naming, run_directory
from collab_ensembles.settings.config import RunConfig
from committed_results import MODELS, REPOSITORY, cells, published


def _configs(records: str) -> dict[pathlib.Path, RunConfig]:
    directories = sorted((REPOSITORY / "results" / "records" / records).glob("*/*/"))
    return {directory: run_directory.read_config(str(directory)) for directory in directories}


_CONFIGS, _IN_HIS_ORDER, _CIFAR10 = map(_configs, ("mnist-grid", "mnist-author-h200", "cifar10"))
_OUTPUTS = ("ST", "M", "ensemble")
_PLAIN = RunConfig(dataset="mnist")
_COLUMNS = {"test_errors": "test_error_percent", "test_costs": "test_cost"}


@pytest.mark.parametrize("directory", [*_CONFIGS, *_IN_HIS_ORDER, *_CIFAR10], ids=lambda path: path.name)
def test_a_record_is_a_finished_run_of_the_grid_without_its_checkpoints(directory: pathlib.Path) -> None:
    config, status = run_directory.read_config(str(directory)), run_directory.read_status(str(directory))
    plain, further = _PLAIN, set()
    if directory not in _CONFIGS:
        plain = RunConfig(dataset=config.dataset, split="author", precision="mixed_bfloat16")
        further = {"uncertainty.json"}
    assert config in grid_of("noel", plain, [0])
    assert run_directory.is_done(str(directory))
    assert status.epochs_done == config.epochs == 30
    assert {path.name for path in directory.iterdir()} == {"config.json", "status.json", *status.pickles, *further}
    for output, errors in _curves(directory, "test_errors").items():
        assert len(errors) == config.epochs
        assert errors[-1] == status.test_errors[output]


def test_the_results_show_errors_and_costs_of_every_record_beside_the_papers() -> None:
    expected = []
    for configs, key, scale, digits in (
        (_CONFIGS, "test_errors", 100, 2),
        (_CONFIGS, "test_costs", 1, 4),
        (_IN_HIS_ORDER, "test_errors", 100, 2),
        (_CIFAR10, "test_errors", 100, 2),
    ):
        for name, ours, paper in _beside_the_paper(key, configs):
            numbers = [*(scale * number for number in ours), *paper]
            expected.append([name, *(f"{number:.{digits}f}" for number in numbers)])
    assert sorted(cells("docs/RESULTS.md", r"(?:plain|\w+, weight [\d.]+)", 7)) == sorted(expected)


def test_the_numbers_in_sentences_follow_from_the_records() -> None:
    errors, costs = (list(_beside_the_paper(key)) for key in _COLUMNS)
    ratios = [own / printed for _, ours, paper in costs for own, printed in zip(ours, paper, strict=True)]
    gaps = [
        round(100 * own - printed, 2) for _, ours, paper in errors for own, printed in zip(ours, paper, strict=True)
    ]
    percent = math.ceil(100 * max(abs(ratio - 1) for ratio in ratios))
    assert _numbers(noel_blocks.mnist_nearness()) == [percent, max(map(abs, gaps))]
    ends = {name: ours for name, ours, _ in errors}
    apart = [100 * abs(weak - plain) for weak, plain in zip(ends["CE, weight 0.0001"], ends["plain"], strict=True)]
    stated = _numbers(noel_blocks.mnist_gaps())
    assert stated[2:5] == [sum(gap > 0 for gap in gaps), len(gaps), round(sum(gaps) / len(gaps), 2)]
    assert stated[-3:] == [round(gap, 2) for gap in apart]
    minutes = [run_directory.read_status(str(directory)).seconds / 60 for directory in _CONFIGS]
    hours = round(sum(minutes) / 120, 1)
    expected = [round(min(minutes)), round(max(minutes)), round(sum(minutes) / len(minutes) / 2), len(minutes), hours]
    assert _numbers(noel_blocks.mnist_time())[:5] == expected


@pytest.mark.parametrize(
    ("records", "name", "dataset", "grid"),
    [
        ("mnist-grid", "mnist", "mnist", "noel"),
        ("mnist-author-h200", "mnist-author", "mnist", "noel"),
        ("notmnist-h200", "notmnist-small", "notmnist/small", "noel"),
        ("digits-grid", "digits", "digits", "noel"),
        ("cifar10", "cifar10", "cifar10", "noel"),
        ("heads-digits", "heads-digits", "digits", "song-chai-figure3"),
        ("das-digits", "das-digits", "digits", "das-table"),
        ("fdl-6000", "fdl-6000", "mnist", "fdl-mnist"),
        ("fdl-mnist", "fdl-mnist", "mnist", "fdl-mnist"),
        ("teaching", "teaching", "mnist", "lacaille-3.1"),
        ("language", "language", "mnist", "lacaille-4.1"),
        ("nodes", "nodes", "cifar10", "lacaille-2.1-five"),
        ("nodes", "nodes-digits", "digits", "lacaille-2.1-five"),
    ],
)
def test_the_published_results_follow_from_the_records(
    records: str, name: str, dataset: str, grid: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / records).symlink_to(REPOSITORY / "results" / "records" / records)
    monkeypatch.chdir(tmp_path)
    # Pictures change with Matplotlib's version; what they show is in statistics.csv.
    monkeypatch.setattr(results, "png", lambda figure: b"")
    directory = REPOSITORY / "results" / name
    expected = results.contents(f"runs/{records}", dataset, f"results/{name}", grid)
    assert {path.name for path in directory.iterdir()} == set(expected)
    for name, content in expected.items():
        if not name.endswith(".png"):
            assert (directory / name).read_bytes() == content, name


def test_calibration_and_verdicts_on_digits_follow_from_the_records() -> None:
    errors: dict[str, list[float]] = {}
    for directory, config in _configs("digits-grid").items():
        measured = json.loads((directory / "uncertainty.json").read_text())["outputs"]["ensemble"]["ece_mass"]
        errors.setdefault(_name(config), []).append(100 * measured)
    assert {len(values) for values in errors.values()} == {20}
    names = ["plain", "CE, weight 1", *(f"L2, weight {weight}" for weight in ("0.0001", "0.01", "0.1", "1"))]
    means = [f"{statistics.mean(errors[name]):.1f} %" for name in names]
    assert re.findall(r"[\d.]+ %", _one_line(noel_blocks.digits_calibration())) == means
    runs = frame.read_runs(str(REPOSITORY / "results/records/digits-grid"), "digits")
    found = [finding for finding in claims.findings_of(runs, noel_claims.CLAIM_SET) if finding.corrected is not None]
    # That one question is ours.
    found = [finding for finding in found if not finding.claim.name.startswith("asked here")]
    held = [finding for finding in found if finding.verdict == claims.HOLDS]
    firm = sum(finding.corrected is not None and finding.corrected <= 0.025 for finding in held)
    assert f"{len(held)} of {len(found)} observations hold, {firm} also after" in noel_blocks.digits_verdicts()


def test_the_differences_in_the_authors_order_follow_from_the_records() -> None:
    gaps, apart = _distances(_IN_HIS_ORDER)
    name, model = max(gaps, key=lambda key: abs(gaps[key]))
    stated = _numbers(noel_later_blocks.authors_order_gaps())
    assert stated[:3] == [sum(gap > 0 for gap in gaps.values()), 39, sum(gap < 0 for gap in gaps.values())]
    assert stated[4] == math.ceil(100 * statistics.median(apart))
    text, middle = _one_line(noel_later_blocks.authors_order_gaps()), statistics.median(gaps.values())
    assert f"is {middle:+.2f} points" in text
    assert f"{gaps[name, model]:+.2f} points, is that of {model} with {name}. One" in text
    assert f"{middle:+.2f} points in the median, and by {gaps[name, model]:+.2f} at most" in (
        noel_later_blocks.in_a_sentence()
    )
    (directory,) = [directory for directory, config in _IN_HIS_ORDER.items() if _name(config) == name]
    before = 100 * _curves(directory, "test_errors")[model][-2]
    assert f"earlier it has {before:.2f} %. The author's plain M has 1.31 %" in text


def test_the_differences_on_cifar10_follow_from_the_records() -> None:
    gaps, apart = _distances(_CIFAR10)
    name, model = max(gaps, key=lambda key: abs(gaps[key]))
    stated = _one_line(noel_later_blocks.cifar10_gaps())
    assert _numbers(stated)[:3] == [sum(gap > 0 for gap in gaps.values()), 39, sum(gap < 0 for gap in gaps.values())]
    assert f"The median difference is {statistics.median(gaps.values()):+.2f} points." in stated
    assert f"{gaps[name, model]:+.2f} points, is that of {model} with {name}. Half" in stated
    assert stated.endswith(f"lie within {math.ceil(100 * statistics.median(apart))} %.")


def test_the_lowest_errors_on_cifar10_follow_from_the_records() -> None:
    errors = list(_beside_the_paper("test_errors", _CIFAR10))
    stated = _one_line(noel_later_blocks.cifar10_best())
    (plain,) = [(ours, paper) for name, ours, paper in errors if name == "plain"]
    for place, model in enumerate(MODELS):
        own, own_name = min((100 * ours[place], name) for name, ours, _ in errors)
        printed, name = min((paper[place], name) for name, _, paper in errors)
        beside = "" if own_name == "plain" else f"; plain {100 * plain[0][place]:.2f}"
        theirs = "" if name == "plain" else f"; plain {plain[1][place]:.2f}"
        assert f"{model} {own:.2f} ({own_name}{beside}), in the paper {printed:.2f} ({name}{theirs})" in stated
    minutes = [run_directory.read_status(str(directory)).seconds / 60 for directory in _CIFAR10]
    assert _numbers(noel_later_blocks.cifar10_time())[:2] == [round(min(minutes)), round(max(minutes))]


def test_what_l2_changes_on_notmnist_follows_from_the_records() -> None:
    ends: dict[tuple[str, int], list[float]] = {}
    calibration: dict[str, list[float]] = {}
    for directory, config in _configs("notmnist-h200").items():
        if config.method == "plain" or (config.method, config.weight) == ("L2", 0.01):
            errors = _curves(directory, "test_errors").values()
            ends[config.method, config.seed] = [100 * curve[-1] for curve in errors]
            content = json.loads((directory / "uncertainty.json").read_text())
            calibration.setdefault(config.method, []).append(100 * content["outputs"]["ensemble"]["ece_mass"])
    assert len(ends) == 8
    text = _one_line(noel_later_blocks.notmnist_changes())
    for output in range(3):
        changes = [ends["L2", seed][output] - ends["plain", seed][output] for seed in range(4)]
        assert f"{sum(changes) / 4:+.2f} ({min(changes):+.2f} to {max(changes):+.2f})" in text
    plain, best = (statistics.fmean(calibration[method]) for method in ("plain", "L2"))
    assert f"is {best:.1f} % instead of {plain:.1f} %" in text


def test_the_time_on_a_gpu_follows_from_the_records() -> None:
    found = [
        (directory, config)
        for records in ("mnist-author-h200", "notmnist-h200")
        for directory, config in _configs(records).items()
    ]
    statuses = [run_directory.read_status(str(directory)) for directory, _ in found]
    seconds = max(status.ended for status in statuses) - min(status.started for status in statuses)
    images = sum(config.epochs * {"mnist": 60_000}.get(config.dataset, 14_581) for _, config in found)
    expected = [len(found), round(seconds / 60), 13, 52, round(images / seconds)]
    assert _numbers(gpu_blocks.grids().replace(",", "")) == expected


def test_the_members_that_gain_and_their_distances_follow_from_the_records() -> None:
    errors = {_name(config): _curves(directory, "test_errors") for directory, config in _CONFIGS.items()}
    jumped = ("plain", "CE, weight 0.1", "CE, weight 0.01", "CE, weight 0.0001")
    falls = {
        late: [
            100 * (one[-1] - one[-3])
            for name, own in errors.items()
            if (name in jumped) == late
            for one in own.values()
        ]
        for late in (True, False)
    }
    counts = []
    for epoch in (-1, -3):
        members = [
            (own[model][epoch], errors["plain"][model][epoch]) for own in errors.values() for model in ("ST", "M")
        ]
        counts.append([sum(own < plain for own, plain in members), sum(own > plain for own, plain in members)])
    means = [round(sum(falls[True]) / 12, 2), round(-sum(falls[False]) / 27, 2)]
    assert _numbers(noel_blocks.mnist_members()) == [counts[0][0], 24, counts[0][1], 1, *means, *counts[1]]
    distances = [
        round(_curves(directory, "logit_distance")["ensemble"][-1], 1)
        for method, weight in (("L1", 0.0001), ("L2", 0.0001), ("plain", 1.0), ("CE", 0.0001))
        for directory, config in _CONFIGS.items()
        if (config.method, config.weight) == (method, weight)
    ]
    assert _numbers(noel_blocks.mnist_distances())[1:] == distances


def test_passes_by_seed_of_students_follow_from_the_records() -> None:
    names = {
        "baseline": "stack1_true",
        "stack 2, cross-entropy, true labels": "stack2_cross_entropy_true",
        "stack 2, random, soft labels": "stack2_random_soft",
        "stack 5, cross-entropy, soft labels": "stack5_cross_entropy_soft",
    }
    for name, file in names.items():
        passes = []
        for seed in range(5):
            (path,) = (REPOSITORY / "results/records/teaching").glob(f"MNIST/*mlp32-32_{file}-seed{seed}-*/*.pkl")
            own = pickle.loads(path.read_bytes())
            # Of 10,000 validation images 400 wrong ones are 96 %; errors have single precision.
            epoch = next(index for index, error in enumerate(own["validation_errors"]) if round(10_000 * error) <= 400)
            passes.append(int(own["updates"][epoch] + own["forward_passes"][epoch]))
        # The table before it, of the costs, has as many columns.
        *_, row = cells("docs/COMMUNICATION.md", re.escape(name), 6)
        assert row[1:3] == ["; ".join(f"{count:,}" for count in passes), f"{sorted(passes)[2]:,}"]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _numbers(text: str) -> list[float]:
    """The numbers in a text, without those that are part of a name, such as L2."""
    return [float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", text)]


def _beside_the_paper(
    key: str, configs: Mapping[pathlib.Path, RunConfig] = _CONFIGS
) -> Iterator[tuple[str, list[float], list[float]]]:
    """Of each record its name in docs/RESULTS.md, and of its outputs what it ended with and what the paper prints."""
    paper = published(catalogue.label(next(iter(configs.values())).dataset))[_COLUMNS[key]]
    for directory, config in configs.items():
        method, weight = "Single" if config.method == "plain" else config.method, f"{config.weight:g}"
        ours = [curve[-1] for curve in _curves(directory, key).values()]
        yield _name(config), ours, [paper[method, weight, model] for model in MODELS]


def _distances(configs: Mapping[pathlib.Path, RunConfig]) -> tuple[dict[tuple[str, str], float], list[float]]:
    """Errors less the paper's, in points, by ensemble and model; and by what share costs lie from the paper's."""
    gaps = {
        (name, model): round(100 * own - printed, 2)
        for name, ours, paper in _beside_the_paper("test_errors", configs)
        for model, own, printed in zip(MODELS, ours, paper, strict=True)
    }
    costs = _beside_the_paper("test_costs", configs)
    apart = [abs(own / printed - 1) for _, ours, paper in costs for own, printed in zip(ours, paper, strict=True)]
    return gaps, apart


def _name(config: RunConfig) -> str:
    """What docs/RESULTS.md calls an ensemble."""
    return "plain" if config.method == "plain" else f"{config.method}, weight {config.weight:g}"


def _curves(directory: pathlib.Path, key: str) -> dict[str, list[float]]:
    stems = naming.statistics_names(run_directory.read_config(str(directory)))
    contents = {output: pickle.loads((directory / f"{stems[output]}.pkl").read_bytes()) for output in _OUTPUTS}
    return {output: content[key].tolist() for output, content in contents.items() if key in content}
