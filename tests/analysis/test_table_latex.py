"""Tables in LaTeX: nothing that LaTeX would stumble over."""

import dataclasses
import pathlib
import re

import pytest
from synthetic_runs import invented, write_run
from table_runs import grid, make_config, render, runs_with

from analysis import frame, table_text, tables
from analysis.methods.ensemble import noel_tables
from collab_ensembles.settings.config import RunConfig


def test_latex_is_a_tabular_with_a_cell_for_each_column(tmp_path: pathlib.Path) -> None:
    lines = render(noel_tables.final_table(grid(tmp_path), "error"), "error", "latex").splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrrrrrrrr}"
    assert lines[-1] == r"\end{tabular}"
    assert [line for line in lines[1:-1] if "&" not in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    rows = [line for line in lines if "&" in line]
    assert len(rows) == 14
    assert all(row.endswith(r" \\") and row.count("&") == 10 for row in rows)
    assert sum(row.count(r"\textbf{") for row in rows) == 7
    assert all(line.count("{") == line.count("}") for line in lines)


def test_latex_escapes_what_latex_would_not_take(tmp_path: pathlib.Path) -> None:
    config = RunConfig(members=("ST", "ST"), epochs=2)
    write_run(tmp_path, config, invented(0, 2))
    text = render(noel_tables.final_table(frame.read_runs(str(tmp_path), "digits"), "error"), "error", "latex")
    assert r"ST\_2" in text
    assert "_" not in text.replace(r"\_", "")


def _latex_problems(text: str) -> list[str]:
    """What LaTeX would stumble over."""
    text = "\n".join(re.sub(r"(?<!\\)%.*", "", line) if line.startswith("%") else line for line in text.splitlines())
    problems = [f"bare {match.group()}" for match in re.finditer(r"(?<!\\)[%_#^~]|(?<!\$)[<>|]|[^\x00-\x7f]", text)]
    depth = 0
    for match in re.finditer(r"(?<!\\)[{}]", text):
        depth += 1 if match.group() == "{" else -1
        problems += ["closed too often"] * (depth < 0)
    problems += ["left open"] * (depth > 0)
    problems += ["odd number of $"] * (len(re.findall(r"(?<!\\)\$", text)) % 2)
    environments: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            environments.append(name)
        elif not environments or environments.pop() != name:
            problems.append(f"end of {name}")
    problems += [f"begin of {name}" for name in environments]
    for body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [row for row in body[1].split(r"\\") if "&" in row]
        problems += [f"{row!r}: cells" for row in rows if len(re.findall(r"(?<!\\)&", row)) != len(body[0]) - 1]
    known = {"begin", "end", "centering", "caption", "toprule", "midrule", "bottomrule", "textbf", "par", "smallskip"}
    problems += [name for name in re.findall(r"\\([A-Za-z]+)", text) if name not in {*known, "footnotesize"}]
    return problems


@pytest.mark.parametrize(
    "damaged",
    [
        "50 %",
        "a_b",
        "{",
        "}",
        "$1",
        r"\begin{table}",
        r"\end{table}",
        r"\begin{tabular}{lr} a \\ b & c & d \\ \end{tabular}",
        r"\foo",
        "> 5",
        "β",
    ],
)
def test_the_check_of_latex_finds_problems(damaged: str) -> None:
    assert _latex_problems(damaged)


def test_a_report_in_latex_has_nothing_that_latex_would_stumble_over(tmp_path: pathlib.Path) -> None:
    finals = {("L2", 0.01, seed): (1.0 + seed, 2.0, 3.0) for seed in range(3)}
    runs_with(tmp_path, {**finals, ("CE", 1.0, 0): (1, 2, 3)})
    write_run(tmp_path, make_config("L2", 0.1, batch_size=32, members=("ST", "ST")), invented(0, 30))
    runs = frame.read_runs(str(tmp_path), "mnist")
    text = tables.report(
        runs, "latex", [runs[0], dataclasses.replace(runs[0], config=make_config("L2", 0.1, decay_scope="all"))]
    )
    assert _latex_problems(text) == []
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 7
    assert r"\caption{MNIST, final test error in \% after 30 epochs (default settings)}" in text
    assert r"batch\_size=32" in text
    assert r"ST\_2" in text
    assert r"in about 50, 75 or 88 \% of cases" in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & 50 %", r"a\_b \& 50 \%"),
        ("{#$}", r"\{\#\$\}"),
        ("a\\b", r"a\textbackslash{}b"),
        ("> 5 | ST<-M, β", r"$>$ 5 $|$ ST$<$-M, $\beta$"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
    ],
)
def test_every_character_that_latex_takes_for_its_own_is_escaped(text: str, escaped: str) -> None:
    assert table_text.escape(text) == escaped
