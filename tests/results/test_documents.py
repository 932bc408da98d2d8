"""The numbers in README.md and docs/SYSTEMS.md are those of the committed results."""

import csv
import re

import pytest

from committed_results import REPOSITORY, cells, prose

_RESULTS = REPOSITORY / "results"


def _demo(name: str) -> dict[tuple[str, str], dict[str, str]]:
    with (_RESULTS / "demos" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return {(row["arrangement"], row["model"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("filters", [4, 8, 16, 32])
def test_the_demonstration_of_feature_differences(filters: int) -> None:
    rows = _demo("fdl")
    half = f"convnet{filters // 2}, 2 x"
    keys = [
        (f"convnet{filters}, single", f"convnet{filters}"),
        *((f"{half} {name}", "Ens") for name in ("RIE", "cross_entropy head", "FDL")),
    ]
    (received,) = cells("docs/SYSTEMS.md", str(filters), 5)
    errors = [(float(rows[key]["test_error_percent"]), float(rows[key]["test_error_percent_sd"])) for key in keys]
    assert received[1:] == [f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in errors]
    assert {rows[key]["seeds"] for key in keys} == {"3"}


@pytest.mark.parametrize(
    ("name", "arrangement"),
    [
        ("single", "single"),
        ("2 instances", "2 instances"),
        ("2 heads, simple", "2 heads simple"),
        ("4 heads, hierarchical", "4 heads hierarchical"),
    ],
)
def test_the_demonstration_of_heads(name: str, arrangement: str) -> None:
    rows = _demo("heads")
    (received,) = cells("docs/SYSTEMS.md", name, 7)
    keys = [
        (f"resnet20, {arrangement}{noise}", model) for noise in ("", ", label_noise 0.4") for model in ("head1", "Ens")
    ]
    assert received[1:5] == [f"{float(rows[key]['test_error_percent']):.2f}" if key in rows else "" for key in keys]


@pytest.mark.parametrize(
    ("name", "method", "weight"),
    [("plain", "Single", "1"), ("L2, weight 0.01", "L2", "0.01"), ("L2, weight 1", "L2", "1")],
)
def test_the_digits_in_the_readme(name: str, method: str, weight: str) -> None:
    (received,) = cells("README.md", name, 4)
    rows = cells("results/digits/README.md", method, 6)
    (expected,) = [row for row in rows if row[1] == weight]
    assert received[1:] == expected[2:5]


def test_the_claims_on_digits_in_the_readme() -> None:
    verdicts = r'Verdicts on (\d+) claims: "holds" (\d+), "does not hold" (\d+), "not enough data" (\d+)'
    found = re.search(verdicts, (_RESULTS / "digits" / "README.md").read_text(encoding="utf-8"))
    assert found
    claims, hold, fail, undecided = found.groups()
    readme = prose("README.md")
    assert f"are {claims} claims here. {hold} hold:" in readme
    assert fail == "1"
    assert "One does not hold:" in readme
    assert f"For {undecided} an interval includes zero effect" in readme


def test_what_the_readme_says_of_batch_statistics_taken_anew() -> None:
    path = REPOSITORY / "benchmarks" / "results" / "batch_statistics.csv"
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    rows = [row for row in table if row["output"] == "ST"]
    gains = [float(row["moving_averages_percent"]) - float(row["taken_anew_percent"]) for row in rows]
    readme = prose("README.md")
    every = [float(row["moving_averages_percent"]) - float(row["taken_anew_percent"]) for row in table]
    assert f"would take off {sum(every) / len(every):.2f} of that." in readme
    assert (
        f"of {len(rows)} MNIST runs, fresh statistics have {sum(gains) / len(gains):.2f} points less error on average "
        f"for ST, at most {max(gains):.2f}" in readme
    )
