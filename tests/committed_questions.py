"""The published answers to the paper's open questions, and the records behind them."""

import csv

from collab_ensembles.data import catalogue
from committed_results import REPOSITORY

RECORDS = REPOSITORY / "results" / "records" / "questions"
PUBLISHED = REPOSITORY / "results" / "questions"
DATASETS = {path.name: path.name.replace("-", "_") for path in sorted(PUBLISHED.iterdir())}
"""By the name of their directory."""
NUMBERS = {
    name: sorted(int(path.parent.name[-1]) for path in RECORDS.glob(f"*/{catalogue.label(dataset)}"))
    for name, dataset in DATASETS.items()
}
"""The questions that have records, by directory."""


def of_question(name: str, number: int) -> dict[tuple[str, str], dict[str, float]]:
    """The errors of each row and output by seed."""
    errors: dict[tuple[str, str], dict[str, float]] = {}
    for line in errors_of(name):
        if line["question"] == str(number):
            of_seeds = errors.setdefault((line["row"], line["output"]), {})
            of_seeds[line["seed"]] = float(line["test_error_percent"])
    return errors


def changes_of(name: str) -> list[dict[str, str]]:
    """What collaboration changes, a line a row."""
    with open(PUBLISHED / name / "changes.csv", newline="") as file:
        return list(csv.DictReader(file))


def errors_of(name: str) -> list[dict[str, str]]:
    """The errors of the answers, a line a run and output."""
    with open(PUBLISHED / name / "errors.csv", newline="") as file:
        return list(csv.DictReader(file))
