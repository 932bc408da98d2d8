"""Runs for the tests of tables."""

import pathlib
from collections.abc import Sequence

import pandas as pd
from synthetic_runs import with_final, write_run

from analysis import frame, recorded_run, table_text
from analysis.methods.ensemble import noel_tables
from collab_ensembles.settings.config import RunConfig

# The order of figures A.7 to A.12.
ORDER = [*((method, weight) for method in ("CE", "L1", "L2") for weight in (1.0, 0.1, 0.01, 0.0001)), ("Single", 1.0)]


def make_config(method: str, weight: float, seed: int = 0, **settings: object) -> RunConfig:
    name = "plain" if method == "Single" else method
    return RunConfig(**{"dataset": "mnist", "method": name, "weight": weight, "seed": seed, **settings})  # type: ignore[arg-type]


def runs_with(tmp_path: pathlib.Path, finals: dict[tuple[str, float, int], Sequence[float]]) -> list[recorded_run.Run]:
    """Runs on MNIST whose last test errors in percent are these; costs are a hundredth of them."""
    for (method, weight, seed), errors in finals.items():
        first, second, third = errors
        costs = (first / 100, second / 100, third / 100)
        write_run(tmp_path, make_config(method, weight, seed), with_final((first, second, third), costs, 30))
    return frame.read_runs(str(tmp_path), "mnist")


def grid(tmp_path: pathlib.Path) -> list[recorded_run.Run]:
    """All 13 runs, in an order of directories that is not that of the tables."""
    for number, (method, weight) in enumerate(ORDER):
        finals = (1 + number / 10, 2 + number / 10, 3 + number / 10)
        contents = with_final(finals, finals, 30)
        write_run(tmp_path, make_config(method, weight), contents, name=f"run {(7 * number) % 13:02d}")
    return frame.read_runs(str(tmp_path), "mnist")


def cells_of(text: str) -> list[list[str]]:
    """The cells of a Markdown table, with its header."""
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    return [header, *rows]


def render(table: pd.DataFrame, quantity: str, style: str) -> str:
    """A table of `noel_tables.final_table` as text, in Markdown or LaTeX."""
    write = {"markdown": table_text.markdown, "latex": table_text.latex}[style]
    return write(*noel_tables.texts(table, quantity))
