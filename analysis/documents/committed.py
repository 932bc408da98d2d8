"""Reads the committed results, and writes Markdown from them."""

import csv
import functools
import json
import lzma
import pathlib
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.claim import LEVEL

ROOT = pathlib.Path(__file__).resolve().parents[2]
_ASKED_HERE = "asked here"
"""Begins the names of claims that the paper does not make."""
_WIDTH = 120
"""Characters of a line of text, as everywhere in this project."""


@functools.cache
def rows(path: str) -> list[dict[str, str]]:
    """The rows of a CSV file, which may be compressed; `path` is seen from the repository."""
    read = lzma.open if path.endswith(".xz") else open
    with read(ROOT / path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def row(path: str, **values: str) -> dict[str, str]:
    """The only row of a CSV file with these values; ValueError if there is none, or several."""
    (found,) = [row for row in rows(path) if all(row[name] == value for name, value in values.items())]
    return found


def markdown_rows(path: str, header: str) -> list[list[str]]:
    """The cells of the Markdown table in a file whose first column has this header, without the header."""
    lines = [line for line in (ROOT / path).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    first = [row[0] for row in cells].index(header)
    width = len(cells[first])
    last = next((index for index in range(first + 2, len(cells)) if len(cells[index]) != width), len(cells))
    return cells[first + 2 : last]


def verdicts(path: str) -> str:
    """The table of claims in a file, without margins: claim, verdict and corrected p-value."""
    lines = [[*cells[:2], cells[4]] for cells in markdown_rows(path, "claim")]
    return table(("claim", "verdict", "p (Holm)"), lines, words=2)


def bulleted(path: str, end: str) -> list[str]:
    """What the bullets of a Markdown file begin with, up to `end`; those without it are left out."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("- ").split(end)[0] for line in lines if line.startswith("- ") and end in line]


def search(path: str, pattern: str) -> str:
    """What the only group of a pattern matches first in a file; ValueError if it does not match."""
    found = re.search(pattern, (ROOT / path).read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{path}: nothing matches {pattern!r}")
    return found[1]


@functools.cache
def benchmark(name: str) -> Any:
    """What `make bench` measured: `latest`, on two cores of an AMD EPYC, or `xeon`, of an Intel Xeon."""
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def verdict_counts(path: str) -> tuple[Counter[str], int]:
    """How many statements of the paper that seeds decide have which verdict, and how many hold firmly (`is_firm`)."""
    found = [cells for cells in markdown_rows(path, "claim") if not cells[0].startswith(_ASKED_HERE)]
    decided = [(verdict, p) for _, verdict, _, p, _ in found if p]
    firm = sum(verdict == "holds" and is_firm(p) for verdict, p in decided)
    return Counter(verdict for verdict, _ in decided), firm


def is_firm(p: str) -> bool:
    """Whether a corrected p-value in a table is so low that its claim holds after the correction too."""
    return float(p.removeprefix("< ")) <= LEVEL


def table(header: Sequence[str], lines: Iterable[Sequence[str]], words: int = 1) -> str:
    """A Markdown table; the first columns, `words` of them, hold words, the others numbers."""
    rule = ["---" if index < words else "---:" for index in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in [header, rule, *lines])


def paragraph(*sentences: str) -> str:
    """Sentences as lines of text."""
    return textwrap.fill(" ".join(sentences), _WIDTH, break_long_words=False, break_on_hyphens=False)
