"""Tables as text: what is shown, what is marked and what is said under them."""

import dataclasses
import math
import pathlib

import pytest
from synthetic_runs import invented, with_final, write_run
from table_runs import cells_of, grid, make_config, render, runs_with

from analysis import frame, table_text, tables
from analysis.methods.ensemble import noel_tables
from analysis.recorded_run import Run
from collab_ensembles.runs.run_directory import Status


def test_a_weight_that_the_paper_does_not_have_gets_empty_cells(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("L2", 0.5, 0): (1, 2, 3), ("L2", 0.01, 0): (2, 3, 4)})
    table = noel_tables.final_table(runs, "error")
    assert math.isnan(table.loc[("L2", 0.5), "paper ST"])
    row = cells_of(render(table, "error", "markdown"))[1]
    assert row == ["L2", "0.5", "**1.00**", "**2.00**", "**3.00**", "", "", "", "", "", ""]


def test_seeds_are_not_shown_where_there_is_one(tmp_path: pathlib.Path) -> None:
    table = noel_tables.final_table(runs_with(tmp_path, {("L2", 0.01, 3): (1, 2, 3)}), "error")
    assert "Seeds" not in render(table, "error", "markdown")


def _marked(text: str) -> dict[str, set[str]]:
    """By column, the rows (method and weight) whose cell is marked."""
    header, *rows = cells_of(text)
    return {
        name: {f"{row[0]} {row[1]}" for row in rows if row[column].startswith("**")}
        for column, name in enumerate(header)
    }


def test_the_best_of_each_column_is_marked(tmp_path: pathlib.Path) -> None:
    finals = {("CE", 1.0, 0): (0.7, 0.5, 0.6), ("L2", 0.1, 0): (0.6, 0.7, 0.5), ("Single", 1.0, 0): (0.8, 0.6, 0.7)}
    marked = _marked(render(noel_tables.final_table(runs_with(tmp_path, finals), "error"), "error", "markdown"))
    assert (marked["ST"], marked["M"], marked["Ens"]) == ({"L2 0.1"}, {"CE 1"}, {"L2 0.1"})
    assert marked["method"] == marked["weight"] == set()
    # Of the rows that are there, in the paper's own columns: 0.72, 0.54 and 0.77; 0.53, 0.54 and 0.62; ...
    assert (marked["paper ST"], marked["paper M"], marked["paper Ens"]) == ({"L2 0.1"}, {"CE 1"}, {"Single 1"})


def test_what_looks_equal_is_marked_together(tmp_path: pathlib.Path) -> None:
    finals = {
        ("CE", 1.0, 0): (0.534, 2.67, 1.0),
        ("L2", 0.1, 0): (0.5321, 2.675, 1.0),
        ("Single", 1.0, 0): (0.536, 3, 1.1),
    }
    text = render(noel_tables.final_table(runs_with(tmp_path, finals), "error"), "error", "markdown")
    marked = _marked(text)
    assert marked["ST"] == {"CE 1", "L2 0.1"}
    # 2.675 is written 2.67, since the nearest binary number lies below it.
    assert text.count("2.67") == 2
    assert marked["M"] == {"CE 1", "L2 0.1"}
    assert marked["Ens"] == {"CE 1", "L2 0.1"}


def test_all_rows_of_the_paper_are_marked_as_it_marks_them(tmp_path: pathlib.Path) -> None:
    """The lowest of figure A.7: 0.54 once, 0.5 twice, 0.5 once."""
    marked = _marked(render(noel_tables.final_table(grid(tmp_path), "error"), "error", "markdown"))
    assert marked["paper ST"] == {"L2 0.1"}
    assert marked["paper M"] == {"L2 0.01", "L2 0.0001"}
    assert marked["paper Ens"] == {"L2 0.01"}


def test_errors_have_two_decimals_and_costs_six(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("L2", 0.0001, 0): (0.5, 1.2345678, 12.0)})
    for quantity, cells in (("error", ["0.50", "1.23", "12.00"]), ("cost", ["0.005000", "0.012346", "0.120000"])):
        row = render(noel_tables.final_table(runs, quantity), quantity, "markdown").splitlines()[2]
        assert [cell.strip(" *") for cell in row.split("|")[1:6]] == ["L2", "0.0001", *cells]


def test_markdown_columns_are_aligned(tmp_path: pathlib.Path) -> None:
    lines = render(noel_tables.final_table(grid(tmp_path), "cost"), "cost", "markdown").splitlines()
    places = [[index for index, character in enumerate(line) if character == "|"] for line in lines]
    assert len(lines) == 15
    assert all(place == places[0] for place in places)
    assert set(lines[1]) <= set("|-:")


def test_a_report_keeps_settings_apart(tmp_path: pathlib.Path) -> None:
    for number, settings in enumerate([{}, {"resnet": "fixed"}, {"epochs": 3}]):
        config = make_config("L2", 0.01, **settings)
        assert config.epochs is not None
        write_run(tmp_path, config, invented(number, config.epochs))
    text = tables.report(frame.read_runs(str(tmp_path), "mnist"), "markdown")
    text, _, overview = text.rpartition("MNIST, ")
    assert overview.count("| L2 ") == 3
    headings = [line for line in text.splitlines() if line.startswith("MNIST")]
    settings = [(30, "default settings"), (30, "resnet=fixed"), (3, "epochs=3")]
    assert sorted(headings) == sorted(
        f"MNIST, {title} ({setting})"
        for epochs, setting in settings
        for title in (
            f"final test error in % after {epochs} epochs",
            f"best test error over {epochs} epochs in %",
            f"final test cost after {epochs} epochs",
        )
    )
    assert text.count("| L2 ") == 9


def test_the_table_of_best_epochs_warns_and_has_nothing_of_the_paper(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    final, best, cost = _sections(tables.report(runs, "markdown"))
    assert "paper ST" in final[1]
    assert "paper" not in best[1]
    assert "paper ST" in cost[1]
    assert (len(final), len(best), len(cost)) == (2, 3, 2)
    assert "the test set itself chooses the epoch, which is flattering" in best[2]


def _sections(text: str) -> list[list[str]]:
    """The paragraphs of a report in Markdown, a list for each heading."""
    sections: list[list[str]] = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("MNIST, "):
            sections.append([])
        sections[-1].append(paragraph)
    return sections


def test_the_interval_stands_behind_the_mean_and_is_not_marked(tmp_path: pathlib.Path) -> None:
    finals = {("L2", 0.01, seed): (value, 9.0, 0.5) for seed, value in enumerate((1.0, 1.25, 1.5))}
    runs = runs_with(tmp_path, {**finals, ("CE", 0.1, 0): (2.0, 9.0, 0.75)})
    header, ce, l2 = cells_of(render(noel_tables.final_table(runs, "error"), "error", "markdown"))
    assert header[:6] == ["method", "weight", "ST", "M", "Ens", "Seeds"]
    assert ce[:6] == ["CE", "0.1", "2.00", "**9.00**", "0.75", "1"]
    assert l2[:6] == ["L2", "0.01", "**1.25** [1.00, 1.50]", "**9.00** [9.00, 9.00]", "**0.50** [0.50, 0.50]", "3"]
    assert r"\textbf{1.25} [1.00, 1.50]" in render(noel_tables.final_table(runs, "error"), "error", "latex")
    assert "in brackets: ranges over seeds. Ranges hold the mean less often: of 2, 3" in tables.report(runs, "markdown")


def test_the_difference_to_the_paper_has_a_sign(tmp_path: pathlib.Path) -> None:
    """The paper has 0.56, 0.5 and 0.5 for L2 with 0.01."""
    finals = {("L2", 0.01, seed): (error, 0.4, 0.504) for seed, error in enumerate((0.6, 0.8))}
    table = noel_tables.final_table(runs_with(tmp_path, finals), "error")
    differences = table.loc[("L2", 0.01), ["ST - paper", "M - paper", "Ens - paper"]].tolist()
    assert differences == pytest.approx([0.7 - 0.56, 0.4 - 0.5, 0.504 - 0.5])
    header, row = cells_of(render(table, "error", "markdown"))
    assert header[-3:] == ["ST - paper", "M - paper", "Ens - paper"]
    # What is shown as zero has no sign.
    assert row[-3:] == ["+0.14", "-0.10", "0.00"]
    text = render(table, "error", "latex")
    assert "ST $-$ paper" in text
    assert "$+0.14$ & $-0.10$ & 0.00" in text


def test_counts_of_seeds_that_differ_are_shown_and_said(tmp_path: pathlib.Path) -> None:
    finals = {(method, 0.1, seed): (1, 2, 3) for method in ("CE", "L1", "L2") for seed in (0, 1)}
    del finals["L1", 0.1, 0]
    runs = runs_with(tmp_path, finals)
    assert [row[5] for row in cells_of(render(noel_tables.final_table(runs, "error"), "error", "markdown"))] == [
        "Seeds",
        "2",
        "1",
        "2",
    ]
    assert tables.report(runs, "markdown").count("Rows differ in their seeds: L1 0.1 has 1; the others have 0, 1.") == 3


def test_seeds_that_differ_though_their_counts_do_not_are_said(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("CE", 0.1, 0): (1, 2, 3), ("L1", 0.1, 0): (1, 2, 3), ("L2", 0.1, 7): (1, 2, 3)})
    text = tables.report(runs, "markdown")
    assert "Seeds" not in text
    assert "Rows differ in their seeds: L2 0.1 has 7; the others have 0." in text
    assert "Rows differ" not in tables.report(runs[:1], "markdown")


def test_unfinished_runs_are_counted_under_the_tables_of_their_setting(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    write_run(tmp_path, make_config("CE", 0.1, resnet="fixed"), invented(0, 30))
    plain = make_config("L2", 0.1)
    configs = [
        plain,
        make_config("L2", 0.1, 1, resnet="fixed"),
        make_config("L2", 0.1, resnet="fixed"),
        make_config("L2", 1.0, epochs=2),
    ]
    left_out = [Run("", config, Status(state="running"), {}) for config in configs]
    runs = frame.read_runs(str(tmp_path), "mnist")
    *sections, _ = _sections(tables.report(runs, "markdown", left_out))
    assert len(sections) == 6
    for section in sections:
        (said,) = [text for text in section if "left out" in text and "epochs=2" not in text]
        fixed = "resnet=fixed" in section[0]
        assert said == f"{'2 runs are' if fixed else '1 run is'} not finished and left out"
    assert sections[-1][-1] == "epochs=2: 1 run is not finished and left out"
    assert "left out" not in tables.report(runs, "markdown")
    text = tables.report(runs, "latex", left_out)
    assert text.count("2 runs are not finished and left out") == 3
    assert "\n\n% epochs=2: 1 run is not finished and left out\n\n" in text


def test_rows_of_several_settings_stand_together_at_the_end(tmp_path: pathlib.Path) -> None:
    """One setting needs no second table; rows of the same name on two backends are kept apart."""
    finals = {("L2", 0.1, seed): (value, 9.0, value / 2) for seed, value in enumerate((1.0, 2.0, 4.5))}
    runs = runs_with(tmp_path, finals)
    assert "one member" not in tables.report(runs, "markdown")
    alone = make_config("plain", 1.0, members=("M",))
    write_run(tmp_path, alone, {"000": with_final((3.0, 0.0, 0.0), (0.0, 0.0, 0.0), 30)["000"]})
    write_run(tmp_path, make_config("L2", 0.1, 3), with_final((6.0, 9.0, 5.0), (0.0, 0.0, 0.0), 30))
    on_jax = Status(state="done", environment={"backend": "jax"})
    runs = [
        dataclasses.replace(run, status=on_jax) if run.config.seed == 3 else run
        for run in frame.read_runs(str(tmp_path), "mnist")
    ]
    text = tables.report(runs, "markdown")
    heading, table, *notes = _sections(text)[-1]
    assert "all 3 settings" in heading
    header, *rows = cells_of(table)
    assert header == ["row", "one member", "ensemble", "seeds"]
    assert sorted(rows) == [
        ["L2 0.1 (backend=jax)", "6.00", "5.00", "1"],
        ["L2 0.1 (default settings)", "2.50 [1.00, 4.50]", "1.25 [0.50, 2.25]", "3"],
        ["Single 1 (members=M)", "3.00", "", "1"],
    ]
    assert any("Rows differ in their seeds" in note for note in notes)


def test_digits_stand_below_each_other_though_some_are_marked(tmp_path: pathlib.Path) -> None:
    finals = {("CE", 1.0, 0): (0.5, 10.0, 6), ("L2", 0.1, 0): (12.25, 2.0, 5), ("L2", 0.1, 1): (12.75, 2.5, 5)}
    lines = render(noel_tables.final_table(runs_with(tmp_path, finals), "error"), "error", "markdown").splitlines()
    points = [
        [line.index(text) + text.index(".") for text in texts] for line, texts in zip(lines[2:], _MEANS, strict=True)
    ]
    assert points[0] == points[1]


_MEANS = (["**0.50**", "10.00", "6.00", "0.72", "**0.53**"], ["12.50", "**2.25**", "**5.00**", "**0.54**", " 0.54 "])


def test_html_has_a_cell_for_each_cell_and_escapes(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("L2", 0.01, seed): (1.0 + seed, 2.0, 3.0) for seed in range(2)})
    final, best, cost = tables.html_tables(runs)
    assert '<td>L2</td><td class="number">0.01</td><td class="number best">1.50 [1.00, 2.00]</td>' in final
    assert '<td class="number">+0.94</td>' in final
    assert "flattering" in best
    assert "flattering" not in final + cost
    escaped = table_text.write(table_text.Table("a < b", ["<"], [[table_text.Cell("&")]], ["c > d"]), "html")
    assert "a &lt; b" in escaped
    assert "<th>&lt;</th>" in escaped
    assert "<td>&amp;</td>" in escaped
    assert "c &gt; d" in escaped
