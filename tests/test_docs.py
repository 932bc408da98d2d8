"""The documents: their Python runs without a warning, and what they name is there."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))]
_TEXTS = {page: page.read_text(encoding="utf-8") for page in _PAGES}
_BLOCKS = [
    (page, block)
    for page in (_ROOT / "README.md", _ROOT / "docs" / "EXTENDING.md")
    for block in re.finditer(r"^```python\n(.*?)^```$", _TEXTS[page], re.MULTILINE | re.DOTALL)
]
_FIRST_PAGE_BYTES = 8_000
_SOURCES = ("collab_ensembles", "experiments", "analysis", "benchmarks")


def _line(page: Path, block: re.Match[str]) -> int:
    """The line of the page on which a block's code begins."""
    return _TEXTS[page].count("\n", 0, block.start(1)) + 1


def test_all_blocks_are_found() -> None:
    pages = {page for page, _ in _BLOCKS}
    assert len(pages) == 2
    assert len(_BLOCKS) == sum(_TEXTS[page].count("```python") for page in pages)


@pytest.mark.parametrize(("page", "block"), _BLOCKS, ids=lambda part: getattr(part, "stem", ""))
def test_block_runs(page: Path, block: re.Match[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Blank lines in front: a traceback then names the line of the page.
    source = "\n" * (_line(page, block) - 1) + block.group(1)
    exec(compile(source, str(page), "exec"), {"__name__": "__main__"})


def test_the_first_page_is_short() -> None:
    assert len(_TEXTS[_ROOT / "README.md"].encode()) <= _FIRST_PAGE_BYTES


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    assert list(_missing(page)) == []


def _missing(page: Path) -> Iterator[str]:
    """Links, modules, source files and targets of make that a page names and that are not there."""
    text = _TEXTS[page]
    for target in re.findall(r"\]\((?!\w+://)([^)\s]*)\)", text):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in _anchors(linked.read_text(encoding="utf-8"))):
            yield target
    for module in re.findall(r"python -m ((?:experiments|analysis|benchmarks)[\w.]*)", text):
        if importlib.util.find_spec(module) is None:
            yield module
    sources = {path.relative_to(_ROOT).as_posix() for path in _ROOT.glob("[!.]*/**/*.py")}
    for name in re.findall(r"`([\w/]+\.py)`", text):
        if not any(f"/{source}".endswith(f"/{name}") for source in sources):
            yield name
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    (line,) = re.findall(r"^QUESTIONS := (.*)$", makefile, re.MULTILINE)
    prefixes = ["", *re.findall(r"^\w+ := \$\(addprefix ([\w-]+),\$\(QUESTIONS\)\)$", makefile, re.MULTILINE)]
    targets |= {prefix + name for prefix in prefixes for name in line.split()}
    for name in re.findall(r"(?:`|^)make ([a-z][\w-]*)", text, re.MULTILINE):
        if name not in targets:
            yield f"make {name}"


def _anchors(text: str) -> set[str]:
    """What links to the headings of a page end in, by GitHub's rule."""
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_modules_that_docstrings_name_are_there() -> None:
    """The first part of each dotted name, such as `data.arrays`: a module, or a name that the file's code has."""
    files = [path for folder in _SOURCES for path in (_ROOT / folder).rglob("*.py")]
    modules = {part for path in files for part in path.relative_to(_ROOT).with_suffix("").parts} | {"ce"}
    stale = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        code = set(re.findall(r"\w+", re.sub(r"`[^`\n]*`", "", text)))
        stale += [f"{path}: {first}" for first in re.findall(r"`([a-z_]\w*)\.\w", text) if first not in modules | code]
    assert stale == []
