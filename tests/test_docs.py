"""The Python in docs/EXTENDING.md runs as it stands, without a warning."""

import re
from pathlib import Path

import pytest

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "EXTENDING.md"
_TEXT = _PAGE.read_text(encoding="utf-8")
_BLOCKS = list(re.finditer(r"^```python\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL))


def _line(block: re.Match[str]) -> int:
    """The line of the page on which a block's code begins."""
    return _TEXT.count("\n", 0, block.start(1)) + 1


def test_all_blocks_are_found() -> None:
    assert len(_BLOCKS) == _TEXT.count("```python") >= 4


@pytest.mark.parametrize("block", _BLOCKS, ids=lambda block: f"line{_line(block)}")
def test_block_runs(block: re.Match[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Blank lines in front: a traceback then names the line of the page.
    source = "\n" * (_line(block) - 1) + block.group(1)
    exec(compile(source, str(_PAGE), "exec"), {"__name__": "__main__"})
