"""The numbers in README.md and docs/ are those of the results: the command that writes them changes nothing."""

import pathlib
import shutil

import pytest

from analysis.documents import generated
from collab_ensembles.errors import DataError
from committed_results import REPOSITORY


def test_the_documents_are_up_to_date() -> None:
    assert generated.update(write=False) == []


def test_each_block_stands_in_a_document() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in _documents())
    assert [name for name in generated.BLOCKS if f"<!-- generated: {name} -->" not in text] == []


def test_a_wrong_number_is_named_and_mended_and_nothing_else_changes(tmp_path: pathlib.Path) -> None:
    for path in _documents():
        copy = tmp_path / path.relative_to(REPOSITORY)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    right = (REPOSITORY / "docs" / "RESULTS.md").read_text(encoding="utf-8")
    wrong = tmp_path / "docs" / "RESULTS.md"
    wrong.write_text(right.replace("| plain | 0.81 |", "| plain | 0.18 |"), encoding="utf-8")
    assert wrong.read_text(encoding="utf-8") != right
    assert generated.update(tmp_path, write=False) == ["docs/RESULTS.md"]
    assert wrong.read_text(encoding="utf-8") != right
    assert generated.update(tmp_path) == ["docs/RESULTS.md"]
    assert wrong.read_text(encoding="utf-8") == right
    assert {path.name for path in wrong.parent.iterdir()} == {path.name for path in (REPOSITORY / "docs").glob("*.md")}


def test_only_the_text_between_the_marks_is_written() -> None:
    text = "before\n<!-- generated: a -->\nold\n<!-- end -->\nbetween\n<!-- generated: b -->\n<!-- end -->\nafter\n"
    expected = text.replace("old\n", "1\n2\n").replace("b -->\n", "b -->\n3\n")
    assert generated.renewed(text, "README.md", {"a": lambda: "1\n2", "b": lambda: "3"}) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("<!-- generated: c -->\n<!-- end -->\n", "unknown block 'c'"),
        ("<!-- generated: a -->\n", "1 marks '<!-- generated: NAME -->' and 0 '<!-- end -->'"),
        ("<!-- generated: a -->\n<!-- generated: a -->\n<!-- end -->\n", "2 marks"),
        ("text <!-- end -->\n", "0 marks"),
    ],
)
def test_marks_that_cannot_be_right_are_refused(text: str, named: str) -> None:
    with pytest.raises(DataError, match=r"^README.md: ") as error:
        generated.renewed(text, "README.md", {"a": lambda: ""})
    assert named in str(error.value)


def _documents() -> list[pathlib.Path]:
    return [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
