"""One self-contained HTML page: no network, images embedded, readable on a phone and on paper.

Jinja2 is not used: each part is one element with escaped text, and templates would be as long as this code.
"""

import base64
import html
import io
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

_DOTS_PER_INCH = 110

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; border-bottom: 1px solid #ccc; margin-top: 2.5rem; }
h3 { font-size: 1.05rem; margin-top: 1.8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; margin: 0.5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e4e4; }
thead th { border-bottom: 2px solid #888; white-space: nowrap; }
td.number { text-align: right; white-space: nowrap; }
td.best { font-weight: bold; }
td.holds { color: #0a6b2d; font-weight: bold; white-space: nowrap; }
td.not { color: #a11717; font-weight: bold; white-space: nowrap; }
td.undecided { color: #666; white-space: nowrap; }
.fault { border-left: 4px solid #a11717; padding-left: 0.8rem; }
.note { color: #555; font-size: 0.9rem; }
pre { background: #f5f5f5; padding: 0.6rem; overflow-x: auto; font-size: 0.85rem; white-space: pre-wrap; }
img { max-width: 100%; height: auto; }
figure { margin: 1rem 0; } figcaption { color: #555; font-size: 0.9rem; }
@media print {
  body { max-width: none; font-size: 10pt; } .wide { overflow: visible; }
  figure, table, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
"""


def page(title: str, parts: Sequence[str], reload_seconds: int | None = None) -> str:
    """A whole page, made of parts in HTML; browsers load it again after so many seconds, if given."""
    again = [] if reload_seconds is None else [f'<meta http-equiv="refresh" content="{reload_seconds}">']
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            *again,
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{html.escape(title)}</h1>",
            *parts,
            "</body></html>\n",
        ]
    )


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{html.escape(text)}</h{level}>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; `kind` is `note`, `fault` or nothing."""
    return f'<p class="{kind}">{html.escape(text)}</p>' if kind else f"<p>{html.escape(text)}</p>"


def preformatted(text: str) -> str:
    """Commands as the user types them."""
    return f"<pre>{html.escape(text)}</pre>"


def table(rows: pd.DataFrame, classes: pd.DataFrame | None = None) -> str:
    """A table of texts and numbers, with a class for each cell if given."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in rows.columns)
    body = []
    for number, row in enumerate(rows.itertuples(index=False)):
        cells = []
        for column, value in enumerate(row):
            kind = str(classes.iat[number, column]) if classes is not None else ""
            cells.append(
                f'<td class="{kind}">{html.escape(str(value))}</td>' if kind else f"<td>{html.escape(str(value))}</td>"
            )
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def picture(figure: Figure, caption: str) -> str:
    """A figure, embedded."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    text = html.escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{encoded}"><figcaption>{text}</figcaption></figure>'
