"""What the documents say of the paper's open questions: the sections of the published answers."""

import functools
import re
from collections.abc import Callable

from analysis.documents.committed import ROOT, paragraph, search

_ANSWERS = "results/questions"
_DATASETS = ("digits", "fashion-mnist", "mnist")
_QUESTIONS = range(1, 8)


def section(number: int) -> str:
    """The answers to a question: of each data set how it was trained, the figure and the verdicts.

    Or how to train it, if there are none.

    Args:
      number: of the question.
    """
    return _of_all(rf"{number}\. ") or f"No runs are published yet; `make question-{number}` trains them."


def members() -> str:
    """What collaboration does to members and ensemble on each data set."""
    found = _of_all("What collaboration does to members and ensemble")
    assert found, "no page of answers has this section"
    return found


def _of_all(pattern: str) -> str:
    """What stands under the heading, on all pages of answers, that begins so; as files of docs/ show it."""
    parts = []
    for name in _DATASETS:
        page = ROOT / _ANSWERS / name / "README.md"
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        found = re.search(rf"^## {pattern}.*?\n\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
        if found:
            (label,) = re.findall(r"^# (.*?):", text)
            linked = re.sub(r"\]\((?=[\w.]+\))", f"](../{_ANSWERS}/{name}/", found[1].strip())
            parts.append(f"**{label}.** {linked}")
    return "\n\n".join(parts)


def rule() -> str:
    """How claims are judged."""
    return paragraph(search(f"{_ANSWERS}/{_DATASETS[0]}/README.md", r"\n(A gain is .*)\n"))


BLOCKS: dict[str, Callable[[], str]] = {
    "rule of the questions": rule,
    "members of the questions": members,
    **{f"question {number}": functools.partial(section, number) for number in _QUESTIONS},
}
"""By name: what writes the Markdown between the marks."""
