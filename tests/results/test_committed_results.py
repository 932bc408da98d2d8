"""The committed results agree with themselves; tests/analysis/test_results.py shows that the check finds errors."""

import pathlib

import pytest

import committed_filters
import committed_heads
import committed_languages
import committed_nodes
import committed_poster
import committed_students
from committed_results import REPOSITORY, check

_RESULTS = REPOSITORY / "results"
_RECORDS = _RESULTS / "records"
_PUBLISHED = sorted(path.parent for path in _RESULTS.glob("*/statistics.csv"))


@pytest.mark.parametrize("directory", _PUBLISHED, ids=lambda path: path.name)
def test_the_tables_follow_from_the_statistics_of_every_epoch(directory: pathlib.Path) -> None:
    if committed_students.is_of_students(directory):
        committed_students.check(directory)
    elif committed_languages.is_of_languages(directory):
        committed_languages.check(directory)
    elif committed_nodes.is_of_nodes(directory):
        committed_nodes.check(directory)
    elif committed_heads.is_of_heads(directory):
        committed_heads.check(directory)
    elif committed_poster.is_of_poster(directory):
        committed_poster.check(directory)
    elif committed_filters.is_of_networks(directory):
        committed_filters.check(directory)
    else:
        check(directory)


def test_nothing_is_published_that_is_not_checked() -> None:
    files = [path for path in _RESULTS.rglob("*") if path.is_file()]
    # What is written about demos/ is written from them, see test_documents.py; records/ has test_records.py, and
    # questions/ test_question_records.py.
    published = [path for path in files if _RECORDS not in path.parents]
    assert {path.parent for path in published if path.parent.parent != _RESULTS / "questions"} <= {
        *_PUBLISHED,
        _RESULTS / "demos",
    }
    assert {path.name for path in (_RESULTS / "demos").iterdir()} == {"fdl.csv", "heads.csv"}
