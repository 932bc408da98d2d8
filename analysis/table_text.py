"""Tables as text: Markdown that is aligned for the terminal, LaTeX for the package booktabs, and HTML.

Not by `tabulate` or pandas: a cell here is a number, perhaps in bold, with an interval behind it, and digits of a kind
stand below each other in all of them. Neither aligns parts of a cell, so both would take the same columns of texts.
"""

import dataclasses
import html
import math
import re
from collections.abc import Sequence

_LATEX_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "β": r"$\beta$",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_SIGNED = re.compile(r"[+-][\d.]+")


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
      text: such as `1.23`; may be empty.
      addition: stands behind it and is never marked, such as `[1.10, 1.40]`.
      marked: whether the text is set in bold.
    """

    text: str
    addition: str = ""
    marked: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with what is written above and below it.

    Attributes:
      heading: one line.
      header: the names of the columns; the first column holds words, the others numbers.
      rows: as many cells each as there are columns.
      notes: a line each.
    """

    heading: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()


def write(table: Table, style: str) -> str:
    """A table with its heading and notes.

    Args:
      table: what to write.
      style: `markdown` for paragraphs with blank lines between, `latex` for a table environment, or
        `html` for a fragment whose cells have the classes `number` and `best`.
    """
    return {"markdown": _markdown, "latex": _latex, "html": _html}[style](table)


def _markdown(table: Table) -> str:
    return "\n\n".join([table.heading, markdown(table.header, table.rows), *table.notes])


def _latex(table: Table) -> str:
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{escape(table.heading)}}}",
        latex(table.header, table.rows),
        *(rf"\par\smallskip{{\footnotesize {escape(note)}\par}}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines)


def _html(table: Table) -> str:
    lines = [
        f"<p>{html.escape(table.heading)}</p>",
        '<div class="wide"><table>',
        f"<thead><tr>{''.join(f'<th>{html.escape(name)}</th>' for name in table.header)}</tr></thead>",
        "<tbody>",
        *(f"<tr>{''.join(_html_cell(cell, index) for index, cell in enumerate(row))}</tr>" for row in table.rows),
        "</tbody></table></div>",
        *(f'<p class="note">{html.escape(note)}</p>' for note in table.notes),
    ]
    return "\n".join(lines)


def markdown(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A Markdown table whose columns have one width each, with digits of a kind below each other."""
    columns = [_markdown_column([row[index] for row in rows]) for index in range(len(header))]
    lines = [list(header), *(list(row) for row in zip(*columns, strict=True))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        "| "
        + " | ".join(
            _justified(cell, width, index) for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in lines
    ]
    rule = "|".join("-" * (width + 1) + ":" if index else "-" * (width + 2) for index, width in enumerate(widths))
    return "\n".join([texts[0], f"|{rule}|", *texts[1:]])


def latex(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A tabular of the package booktabs."""
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\toprule",
        " & ".join(escape(name).replace(" - ", " $-$ ") for name in header) + r" \\",
        r"\midrule",
        *(" & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines)


def number(value: float, form: str) -> str:
    """A number as a format such as `.2f` writes it; nothing for NaN, and no sign for what is shown as zero."""
    if math.isnan(value):
        return ""
    text = f"{value:{form}}"
    return text if float(text.replace(",", "")) else text.lstrip("+-")


def escape(text: str) -> str:
    """Text as LaTeX takes it."""
    return "".join(_LATEX_CHARACTERS.get(character, character) for character in text)


def _markdown_column(cells: Sequence[Cell]) -> list[str]:
    """Texts of one width, so that what is marked stands in line with what is not."""
    marked = any(cell.marked for cell in cells)
    texts = [f"**{cell.text}**" if cell.marked else f"  {cell.text}  " if marked else cell.text for cell in cells]
    widest, addition = max(map(len, texts)), max(len(cell.addition) for cell in cells)
    gap = " " if addition else ""
    return [f"{text:>{widest}}{gap}{cell.addition:<{addition}}" for text, cell in zip(texts, cells, strict=True)]


def _justified(text: str, width: int, index: int) -> str:
    return text.rjust(width) if index else text.strip().ljust(width)


def _latex_cell(cell: Cell) -> str:
    text = f"${cell.text}$" if _SIGNED.fullmatch(cell.text) else escape(cell.text)
    if cell.marked:
        text = rf"\textbf{{{text}}}"
    return f"{text} {escape(cell.addition)}" if cell.addition else text


def _html_cell(cell: Cell, index: int) -> str:
    kinds = ["number"] * (index > 0) + ["best"] * cell.marked
    start = f'<td class="{" ".join(kinds)}">' if kinds else "<td>"
    return f"{start}{html.escape(f'{cell.text} {cell.addition}'.strip())}</td>"
