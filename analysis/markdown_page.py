"""Parts of Markdown files that are read as they are and rendered; `analysis.table_text` has the tables of numbers.

Not by `tabulate`, which makes columns wider than what stands in them: what is published would have other bytes.
"""

from collections.abc import Sequence

import pandas as pd


def page(parts: Sequence[str]) -> str:
    """A whole file, with blank lines between its parts."""
    return "\n\n".join(parts) + "\n"


def table(rows: pd.DataFrame) -> str:
    """A table of texts and numbers, words and all to the left, in columns of one width each."""
    columns = [[str(name), *map(str, rows[name])] for name in rows.columns]
    padded = [[text.ljust(max(map(len, column))) for text in column] for column in columns]
    header, *lines = ["| " + " | ".join(texts) + " |" for texts in zip(*padded, strict=True)]
    rule = "|" + "|".join("-" * (len(column[0]) + 2) for column in padded) + "|"
    return "\n".join([header, rule, *lines])


def bullets(lines: Sequence[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def commands(lines: Sequence[str]) -> str:
    """Commands as they are typed, with comments."""
    return "\n".join(["```sh", *lines, "```"])
