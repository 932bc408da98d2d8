"""The committed results agree with themselves; tests/analysis/test_results.py shows that the check finds errors."""

import pathlib
import re

import pytest

import committed_filters
from committed_results import REPOSITORY, check

_RESULTS = REPOSITORY / "results"
_RECORDS = _RESULTS / "records"
_PUBLISHED = sorted(path.parent for path in _RESULTS.glob("*/statistics.csv"))


@pytest.mark.parametrize("directory", _PUBLISHED, ids=lambda path: path.name)
def test_the_tables_follow_from_the_statistics_of_every_epoch(directory: pathlib.Path) -> None:
    if committed_filters.is_of_networks(directory):
        committed_filters.check(directory)
    else:
        check(directory)


def test_nothing_is_published_that_is_not_checked() -> None:
    files = [path for path in _RESULTS.rglob("*") if path.is_file()]
    # Those of demos/ are held against what is written about them, in test_documents.py; records/ in test_records.py.
    published = [path for path in files if _RECORDS not in path.parents]
    assert {path.parent for path in published} <= {*_PUBLISHED, _RESULTS / "demos"}
    assert {path.name for path in (_RESULTS / "demos").iterdir()} == {"fdl.csv", "heads.csv"}


def test_results_that_the_readme_speaks_of_are_there() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/-])results/([\w-]+)", text))
    assert named <= {*(path.name for path in _PUBLISHED), _RECORDS.name}
    assert any(_RECORDS.iterdir())
