"""Finds the generated parts of the documents and replaces them."""

import pathlib
import re
from collections.abc import Callable, Mapping

from analysis.documents import (
    first_epoch_blocks,
    gpu_blocks,
    language_blocks,
    nodes_blocks,
    noel_blocks,
    noel_later_blocks,
    other_blocks,
    overview_blocks,
    path_blocks,
    question_blocks,
    small_blocks,
    teaching_blocks,
)
from collab_ensembles import files
from collab_ensembles.errors import DataError

ROOT = pathlib.Path(__file__).resolve().parents[2]
"""The repository: this command is of no use without its documents and results."""

Blocks = Mapping[str, Callable[[], str]]


def _example() -> str:
    """The system of the tests that is in one file, as Markdown."""
    return f"```python\n{(ROOT / 'tests/methods/consensus.py').read_text(encoding='utf-8').rstrip()}\n```"


BLOCKS: Blocks = {
    **overview_blocks.BLOCKS,
    **noel_blocks.BLOCKS,
    **noel_later_blocks.BLOCKS,
    **path_blocks.BLOCKS,
    **first_epoch_blocks.BLOCKS,
    **gpu_blocks.BLOCKS,
    **other_blocks.BLOCKS,
    **teaching_blocks.BLOCKS,
    **language_blocks.BLOCKS,
    **nodes_blocks.BLOCKS,
    **question_blocks.BLOCKS,
    **small_blocks.BLOCKS,
    "a system in one file": _example,
}
"""By name: what writes the Markdown between the marks."""

_BLOCK = re.compile(r"(<!-- generated: (.*?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def update(root: pathlib.Path = ROOT, blocks: Blocks = BLOCKS, write: bool = True) -> list[str]:
    """Brings README.md and docs/*.md up to date.

    Args:
      root: the directory that holds them.
      blocks: by name, what writes a block.
      write: replace the files that differ, each as a whole.

    Returns:
      The names of the documents that differ.

    Raises:
      DataError: a document has a block of an unknown name, or a mark without its counterpart.
    """
    changed = []
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        before = path.read_text(encoding="utf-8")
        name = path.relative_to(root).as_posix()
        after = renewed(before, name, blocks)
        if after != before:
            changed.append(name)
            if write:
                files.write_bytes(str(path), after.encode())
    return changed


def renewed(text: str, name: str, blocks: Blocks = BLOCKS) -> str:
    """The text of a document with its blocks written again.

    Args:
      text: of the document.
      name: of the document, for errors.
      blocks: by name, what writes a block.

    Raises:
      DataError: see `update`.
    """

    def write(match: re.Match[str]) -> str:
        begin, block, _, end = match.groups()
        if block not in blocks:
            raise DataError(f"{name}: unknown block {block!r}; there are {', '.join(sorted(blocks))}")
        return f"{begin}{blocks[block]()}\n{end}"

    marks = text.count("<!-- generated:"), text.count("<!-- end -->")
    if marks != (len(_BLOCK.findall(text)),) * 2:
        raise DataError(f"{name}: {marks[0]} marks '<!-- generated: NAME -->' and {marks[1]} '<!-- end -->'; pair them")
    return _BLOCK.sub(write, text)
