"""What the documents say of the paper's open questions: the sections of the published answers."""

import functools
import re
from collections.abc import Callable

from analysis.documents.committed import ROOT, paragraph, search

_DIRECTORY = "results/questions/digits"
_QUESTIONS = range(1, 8)


def section(number: int) -> str:
    """The answer to a question: how it was trained, the figure and the verdicts; or how to train it, if none is there.

    Args:
      number: of the question.
    """
    text = (ROOT / _DIRECTORY / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {number}\. .*?\n\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        return f"No runs are published yet; `make question-{number}` trains them."
    return found[1].strip().replace("](question_", f"](../{_DIRECTORY}/question_")


def rule() -> str:
    """How claims are judged."""
    return paragraph(search(f"{_DIRECTORY}/README.md", r"\n(A gain is .*)\n"))


BLOCKS: dict[str, Callable[[], str]] = {
    "rule of the questions": rule,
    **{f"question {number}": functools.partial(section, number) for number in _QUESTIONS},
}
"""By name: what writes the Markdown between the marks."""
