"""Final tables, beside the published ones."""

import io
import math
import pathlib
import re
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import invented, with_final, write_run

from analysis import frame, table_text, tables
from collab_ensembles.config import RunConfig
from collab_ensembles.errors import DataError

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# The order of figures A.7 to A.12.
_ORDER = [*((method, weight) for method in ("CE", "L1", "L2") for weight in (1.0, 0.1, 0.01, 0.0001)), ("Single", 1.0)]

_OWN_COLUMNS = ["ST", "M", "Ens", "Seeds", "ST low", "ST high", "M low", "M high", "Ens low", "Ens high"]


def _config(method: str, weight: float, seed: int = 0, **settings: object) -> RunConfig:
    name = "None" if method == "Single" else method
    return RunConfig(**{"dataset": "mnist", "method": name, "weight": weight, "seed": seed, **settings})  # type: ignore[arg-type]


def _runs(tmp_path: pathlib.Path, finals: dict[tuple[str, float, int], Sequence[float]]) -> list[frame.Run]:
    """Runs on MNIST whose last test errors in percent are these; costs are a hundredth of them."""
    for (method, weight, seed), errors in finals.items():
        first, second, third = errors
        costs = (first / 100, second / 100, third / 100)
        write_run(tmp_path, _config(method, weight, seed), with_final((first, second, third), costs, 30))
    return frame.read_runs(str(tmp_path), "mnist")


def _grid(tmp_path: pathlib.Path) -> list[frame.Run]:
    """All 13 runs, in an order of directories that is not that of the tables."""
    for number, (method, weight) in enumerate(_ORDER):
        finals = (1 + number / 10, 2 + number / 10, 3 + number / 10)
        contents = with_final(finals, finals, 30)
        write_run(tmp_path, _config(method, weight), contents, name=f"run {(7 * number) % 13:02d}")
    return frame.read_runs(str(tmp_path), "mnist")


def test_rows_stand_in_the_order_of_the_paper(tmp_path: pathlib.Path) -> None:
    runs = _grid(tmp_path)
    assert [(run.method, run.config.weight) for run in runs] != _ORDER
    table = tables.final_table(runs, "error")
    assert table.index.tolist() == _ORDER
    paper = ["paper ST", "paper M", "paper Ens", "ST - paper", "M - paper", "Ens - paper"]
    assert table.columns.tolist() == [*_OWN_COLUMNS, *paper]
    assert table["ST"].tolist() == pytest.approx([1 + number / 10 for number in range(13)])
    assert table["Ens"].tolist() == pytest.approx([3 + number / 10 for number in range(13)])


def test_the_tables_show_the_last_epoch(tmp_path: pathlib.Path) -> None:
    contents = invented(0, 30)
    contents["000"]["test_errors"][:] = [0.5] * 29 + [0.25]
    contents["000"]["test_costs"][:] = [0.001] * 29 + [0.125]
    write_run(tmp_path, _config("L2", 0.1), contents)
    runs = frame.read_runs(str(tmp_path), "mnist")
    assert tables.final_table(runs, "error").loc[("L2", 0.1), "ST"] == 25
    assert tables.final_table(runs, "cost").loc[("L2", 0.1), "ST"] == 0.125


# From the text of figures A.7 to A.12 of Noel (2017).
_PUBLISHED = [
    ("mnist", "error", ("L2", 0.01), (0.56, 0.5, 0.5)),
    ("mnist", "error", ("Single", 1.0), (0.77, 0.62, 0.52)),
    ("mnist", "error", ("L1", 1.0), (2.75, 2.75, 2.74)),
    ("mnist", "cost", ("L2", 0.01), (0.0257211, 0.0197911, 0.0168002)),
    ("mnist", "cost", ("CE", 0.0001), (0.0468188, 0.0480394, 0.0329928)),
    ("notmnist", "error", ("L2", 0.01), (2.25, 1.5, 1.55)),
    ("notmnist", "cost", ("Single", 1.0), (0.0973864, 0.122331, 0.0619581)),
    ("cifar10", "error", ("L2", 0.0001), (26.83, 21.99, 19.72)),
    ("cifar10", "cost", ("Single", 1.0), (0.96121, 1.94576, 1.07356)),
]


@pytest.mark.parametrize(("dataset", "quantity", "row", "expected"), _PUBLISHED)
def test_the_published_values_stand_beside_ours(
    tmp_path: pathlib.Path, dataset: str, quantity: str, row: tuple[str, float], expected: tuple[float, ...]
) -> None:
    config = _config(*row, dataset=dataset)
    assert config.epochs is not None
    write_run(tmp_path, config, with_final((1, 2, 3), (4, 5, 6), config.epochs))
    table = tables.final_table(frame.read_runs(str(tmp_path), dataset), quantity)
    assert tuple(table.loc[row, ["paper ST", "paper M", "paper Ens"]]) == expected
    assert tuple(table.loc[row, ["ST", "M", "Ens"]]) == pytest.approx((1, 2, 3) if quantity == "error" else (4, 5, 6))


def test_the_reference_has_every_published_number_once() -> None:
    reference = tables.paper_results()
    keys = list(zip(reference["dataset"], reference["method"], reference["weight"], reference["model"], strict=True))
    assert len(keys) == len(set(keys)) == 3 * 13 * 3
    assert set(keys) == {
        (dataset, method, weight, model)
        for dataset in ("MNIST", "notMNIST", "CIFAR10")
        for method, weight in _ORDER
        for model in ("ST", "M", "Ens")
    }
    assert reference.notna().all(axis=None)


@pytest.mark.parametrize(
    "settings", [{"resnet": "fixed"}, {"epochs": 20}, {"dataset": "digits"}, {"split": "standard"}]
)
def test_runs_trained_otherwise_are_not_set_beside_the_paper(
    tmp_path: pathlib.Path, settings: dict[str, object]
) -> None:
    config = _config("L2", 0.01, **settings)
    assert config.epochs is not None
    write_run(tmp_path, config, invented(0, config.epochs))
    table = tables.final_table(frame.read_runs(str(tmp_path), config.dataset), "error")
    assert table.columns.tolist() == _OWN_COLUMNS


def test_a_weight_that_the_paper_does_not_have_gets_empty_cells(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("L2", 0.5, 0): (1, 2, 3), ("L2", 0.01, 0): (2, 3, 4)})
    table = tables.final_table(runs, "error")
    assert math.isnan(table.loc[("L2", 0.5), "paper ST"])
    row = _cells(tables.render(table, "error", "markdown"))[1]
    assert row == ["L2", "0.5", "**1.00**", "**2.00**", "**3.00**", "", "", "", "", "", ""]


def test_a_power_of_a_tenth_finds_the_published_row_however_it_was_rounded(tmp_path: pathlib.Path) -> None:
    assert 0.1**2 != 0.01
    table = tables.final_table(_runs(tmp_path, {("L2", 0.1**2, 0): (1, 2, 3)}), "error")
    assert table["paper ST"].tolist() == [0.56]


def test_several_seeds_are_averaged_and_counted(tmp_path: pathlib.Path) -> None:
    finals = {("L2", 0.01, seed): (1.0 + seed**2, 2.0 + 2 * seed**2, 3.0) for seed in range(3)}
    runs = _runs(tmp_path, {**finals, ("CE", 0.1, 1): (9.0, 9.0, 9.0)})
    table = tables.final_table(runs, "error")
    assert table.loc[("L2", 0.01), ["ST", "M", "Ens"]].tolist() == pytest.approx([8 / 3, 16 / 3, 3.0])
    assert table["Seeds"].to_dict() == {("L2", 0.01): 3, ("CE", 0.1): 1}
    assert "Seeds" in tables.render(table, "error", "markdown").splitlines()[0]


def test_seeds_are_not_shown_where_there_is_one(tmp_path: pathlib.Path) -> None:
    table = tables.final_table(_runs(tmp_path, {("L2", 0.01, 3): (1, 2, 3)}), "error")
    assert "Seeds" not in tables.render(table, "error", "markdown")


def _cells(text: str) -> list[list[str]]:
    """The cells of a Markdown table, with its header."""
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    return [header, *rows]


def _marked(text: str) -> dict[str, set[str]]:
    """By column, the rows (method and weight) whose cell is marked."""
    header, *rows = _cells(text)
    return {
        name: {f"{row[0]} {row[1]}" for row in rows if row[column].startswith("**")}
        for column, name in enumerate(header)
    }


def test_the_best_of_each_column_is_marked(tmp_path: pathlib.Path) -> None:
    finals = {("CE", 1.0, 0): (0.7, 0.5, 0.6), ("L2", 0.1, 0): (0.6, 0.7, 0.5), ("Single", 1.0, 0): (0.8, 0.6, 0.7)}
    marked = _marked(tables.render(tables.final_table(_runs(tmp_path, finals), "error"), "error", "markdown"))
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
    text = tables.render(tables.final_table(_runs(tmp_path, finals), "error"), "error", "markdown")
    marked = _marked(text)
    assert marked["ST"] == {"CE 1", "L2 0.1"}
    # 2.675 is written 2.67, since the nearest binary number lies below it.
    assert text.count("2.67") == 2
    assert marked["M"] == {"CE 1", "L2 0.1"}
    assert marked["Ens"] == {"CE 1", "L2 0.1"}


def test_all_rows_of_the_paper_are_marked_as_it_marks_them(tmp_path: pathlib.Path) -> None:
    """The lowest of figure A.7: 0.54 once, 0.5 twice, 0.5 once."""
    marked = _marked(tables.render(tables.final_table(_grid(tmp_path), "error"), "error", "markdown"))
    assert marked["paper ST"] == {"L2 0.1"}
    assert marked["paper M"] == {"L2 0.01", "L2 0.0001"}
    assert marked["paper Ens"] == {"L2 0.01"}


def test_errors_have_two_decimals_and_costs_six(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("L2", 0.0001, 0): (0.5, 1.2345678, 12.0)})
    for quantity, cells in (("error", ["0.50", "1.23", "12.00"]), ("cost", ["0.005000", "0.012346", "0.120000"])):
        row = tables.render(tables.final_table(runs, quantity), quantity, "markdown").splitlines()[2]
        assert [cell.strip(" *") for cell in row.split("|")[1:6]] == ["L2", "0.0001", *cells]


def test_markdown_columns_are_aligned(tmp_path: pathlib.Path) -> None:
    lines = tables.render(tables.final_table(_grid(tmp_path), "cost"), "cost", "markdown").splitlines()
    places = [[index for index, character in enumerate(line) if character == "|"] for line in lines]
    assert len(lines) == 15
    assert all(place == places[0] for place in places)
    assert set(lines[1]) <= set("|-:")


def test_latex_is_a_tabular_with_a_cell_for_each_column(tmp_path: pathlib.Path) -> None:
    lines = tables.render(tables.final_table(_grid(tmp_path), "error"), "error", "latex").splitlines()
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
    text = tables.render(tables.final_table(frame.read_runs(str(tmp_path), "digits"), "error"), "error", "latex")
    assert r"ST\_2" in text
    assert "_" not in text.replace(r"\_", "")


def test_csv_is_one_table_with_nothing_marked(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("L2", 0.01, 0): (0.12345678, 2, 3), ("CE", 0.0001, 0): (1 / 3, 2, 3)})
    read = pd.read_csv(io.StringIO(tables.report(runs, "csv"))).set_index(["method", "weight", "model"])
    assert len(read) == 6
    assert read.loc[("L2", 0.01, "ST"), "test_error_percent"] == pytest.approx(0.12345678, rel=1e-7)
    assert read.loc[("CE", 0.0001, "ST"), "test_error_percent"] == pytest.approx(1 / 3, rel=1e-7)
    assert read.loc[("L2", 0.01, "ST"), "paper_test_error_percent"] == 0.56
    assert read.loc[("L2", 0.01, "Ens"), "paper_test_cost"] == 0.0168002
    assert set(read["seeds"]) == {1}
    assert set(read["setting"]) == {frame.DEFAULT_SETTINGS}


def test_a_report_keeps_settings_apart(tmp_path: pathlib.Path) -> None:
    for number, settings in enumerate([{}, {"resnet": "fixed"}, {"epochs": 3}]):
        config = _config("L2", 0.01, **settings)
        assert config.epochs is not None
        write_run(tmp_path, config, invented(number, config.epochs))
    text = tables.report(frame.read_runs(str(tmp_path), "mnist"), "markdown")
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


def _with_errors(tmp_path: pathlib.Path, errors: dict[tuple[str, float, int], Sequence[float]]) -> list[frame.Run]:
    """Runs whose ST has these test errors in percent, one an epoch; M has twice and the ensemble half of them."""
    for (method, weight, seed), values in errors.items():
        contents = invented(0, len(values))
        for content, factor in zip(contents.values(), (1, 2, 0.5), strict=True):
            content["test_errors"] = np.array(values) * factor / 100
        write_run(tmp_path, _config(method, weight, seed, epochs=len(values)), contents)
    return frame.read_runs(str(tmp_path), "mnist")


def test_the_best_epoch_is_each_runs_own(tmp_path: pathlib.Path) -> None:
    """The mean of the lowest, not the lowest mean, which is 2.5, and not the last, whose mean is 4."""
    errors = {("L2", 0.1, 0): (1.0, 4.0, 3.0), ("L2", 0.1, 1): (8.0, 2.0, 5.0), ("L2", 0.1, 2): (3.0, 1.5, 4.0)}
    runs = _with_errors(tmp_path, errors)
    lowest = np.array(list(errors.values())).min(axis=1).mean()
    assert lowest == 1.5
    table = tables.final_table(runs, "best_error")
    assert table.loc[("L2", 0.1), ["ST", "M", "Ens"]].tolist() == pytest.approx([lowest, 2 * lowest, lowest / 2])
    assert table.loc[("L2", 0.1), ["ST low", "ST high"]].tolist() == pytest.approx([1, 2])
    assert tables.final_table(runs, "error").loc[("L2", 0.1), "ST"] == pytest.approx(4)


def test_each_output_has_a_best_epoch_of_its_own(tmp_path: pathlib.Path) -> None:
    contents = invented(0, 3)
    for content, values in zip(contents.values(), ([1, 2, 3], [6, 5, 4], [9, 7, 8]), strict=True):
        content["test_errors"] = np.array(values) / 100
    write_run(tmp_path, _config("L2", 0.1, epochs=3), contents)
    table = tables.final_table(frame.read_runs(str(tmp_path), "mnist"), "best_error")
    assert table.loc[("L2", 0.1), ["ST", "M", "Ens"]].tolist() == pytest.approx([1, 4, 7])


def test_the_table_of_best_epochs_warns_and_has_nothing_of_the_paper(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    assert tables.final_table(runs, "best_error").columns.tolist() == _OWN_COLUMNS
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


def _bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, with other random numbers than the code's."""
    random = np.random.default_rng(777)
    means = random.choice(np.array(values), (200_000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@pytest.mark.parametrize("values", [(1.0, 3.0), (1.0, 2.0, 6.0), (1.1, 1.9, 1.4, 2.2, 1.6, 1.3, 2.0, 1.5)])
def test_the_mean_of_several_seeds_has_its_bootstrap_interval(
    tmp_path: pathlib.Path, values: tuple[float, ...]
) -> None:
    # Directories stand in the order of digests, not of seeds.
    finals = {("L2", 0.01, seed): (value, 2 * value, 3 * value) for seed, value in enumerate(values)}
    row = tables.final_table(_runs(tmp_path, finals), "error").loc[("L2", 0.01)]
    assert row["ST"] == pytest.approx(np.mean(values))
    for model, factor in (("ST", 1), ("M", 2), ("Ens", 3)):
        expected = _bootstrap([factor * value for value in values])
        assert (row[f"{model} low"], row[f"{model} high"]) == pytest.approx(expected, rel=0.02)
    if len(values) <= 3:
        assert (row["ST low"], row["ST high"]) == pytest.approx((min(values), max(values)))


def test_one_seed_has_no_interval(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    assert tables.final_table(runs, "error").loc[("L2", 0.01), ["ST low", "ST high"]].isna().all()
    text = tables.report(runs, "markdown")
    assert "[" not in text
    assert "bootstrap" not in text


def test_the_interval_stands_behind_the_mean_and_is_not_marked(tmp_path: pathlib.Path) -> None:
    finals = {("L2", 0.01, seed): (value, 9.0, 0.5) for seed, value in enumerate((1.0, 1.25, 1.5))}
    runs = _runs(tmp_path, {**finals, ("CE", 0.1, 0): (2.0, 9.0, 0.75)})
    header, ce, l2 = _cells(tables.render(tables.final_table(runs, "error"), "error", "markdown"))
    assert header[:6] == ["method", "weight", "ST", "M", "Ens", "Seeds"]
    assert ce[:6] == ["CE", "0.1", "2.00", "**9.00**", "0.75", "1"]
    assert l2[:6] == ["L2", "0.01", "**1.25** [1.00, 1.50]", "**9.00** [9.00, 9.00]", "**0.50** [0.50, 0.50]", "3"]
    assert r"\textbf{1.25} [1.00, 1.50]" in tables.render(tables.final_table(runs, "error"), "error", "latex")
    assert "95 % bootstrap interval of the mean over seeds" in tables.report(runs, "markdown")


def test_the_difference_to_the_paper_has_a_sign(tmp_path: pathlib.Path) -> None:
    """The paper has 0.56, 0.5 and 0.5 for L2 with 0.01."""
    finals = {("L2", 0.01, seed): (error, 0.4, 0.504) for seed, error in enumerate((0.6, 0.8))}
    table = tables.final_table(_runs(tmp_path, finals), "error")
    differences = table.loc[("L2", 0.01), ["ST - paper", "M - paper", "Ens - paper"]].tolist()
    assert differences == pytest.approx([0.7 - 0.56, 0.4 - 0.5, 0.504 - 0.5])
    header, row = _cells(tables.render(table, "error", "markdown"))
    assert header[-3:] == ["ST - paper", "M - paper", "Ens - paper"]
    # What is shown as zero has no sign.
    assert row[-3:] == ["+0.14", "-0.10", "0.00"]
    text = tables.render(table, "error", "latex")
    assert "ST $-$ paper" in text
    assert "$+0.14$ & $-0.10$ & 0.00" in text


def test_costs_are_compared_with_the_papers_costs(tmp_path: pathlib.Path) -> None:
    table = tables.final_table(_runs(tmp_path, {("L2", 0.01, 0): (3.0, 2.0, 1.0)}), "cost")
    assert table.loc[("L2", 0.01), "ST - paper"] == pytest.approx(0.03 - 0.0257211)
    assert _cells(tables.render(table, "cost", "markdown"))[1][-3:] == ["+0.004279", "+0.000209", "-0.006800"]


def test_counts_of_seeds_that_differ_are_shown_and_said(tmp_path: pathlib.Path) -> None:
    finals = {(method, 0.1, seed): (1, 2, 3) for method in ("CE", "L1", "L2") for seed in (0, 1)}
    del finals["L1", 0.1, 0]
    runs = _runs(tmp_path, finals)
    assert [row[5] for row in _cells(tables.render(tables.final_table(runs, "error"), "error", "markdown"))] == [
        "Seeds",
        "2",
        "1",
        "2",
    ]
    assert tables.report(runs, "markdown").count("Rows differ in their seeds: L1 0.1 has 1; the others have 0, 1.") == 3


def test_seeds_that_differ_though_their_counts_do_not_are_said(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("CE", 0.1, 0): (1, 2, 3), ("L1", 0.1, 0): (1, 2, 3), ("L2", 0.1, 7): (1, 2, 3)})
    text = tables.report(runs, "markdown")
    assert "Seeds" not in text
    assert "Rows differ in their seeds: L2 0.1 has 7; the others have 0." in text
    assert "Rows differ" not in tables.report(runs[:1], "markdown")


def test_runs_of_two_lengths_are_not_mixed(tmp_path: pathlib.Path) -> None:
    runs = _with_errors(tmp_path, {("L2", 0.1, 0): (1.0, 2.0), ("L2", 0.1, 1): (4.0, 5.0, 6.0)})
    with pytest.raises(DataError, match=r"in one setting; received: mnist \(epochs=\d\); mnist \(epochs=\d\)"):
        tables.final_table(runs, "error")
    read = tables.long_table(runs).set_index(["setting", "model"])["test_error_percent"]
    assert read.loc[[("epochs=2", "ST"), ("epochs=3", "ST")]].tolist() == pytest.approx([2, 6])


def test_no_runs_and_runs_of_two_data_sets_are_no_table(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="received: no runs"):
        tables.final_table([], "error")
    for dataset in ("mnist", "cifar10"):
        write_run(tmp_path, _config("L2", 0.1, dataset=dataset), invented(0, 30))
    runs = [run for dataset in ("mnist", "cifar10") for run in frame.read_runs(str(tmp_path), dataset)]
    for function in (lambda: tables.final_table(runs, "error"), lambda: tables.long_table(runs)):
        with pytest.raises(DataError, match=r"mnist \(default settings\); cifar10 \(default settings\)"):
            function()


def test_a_run_that_is_there_twice_is_not_averaged(tmp_path: pathlib.Path) -> None:
    (run,) = _runs(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    for quantity in tables.QUANTITIES:
        with pytest.raises(DataError, match=r"both hold L2 0\.01, seed 0 of mnist"):
            tables.final_table([run, run], quantity)


def test_unfinished_runs_are_counted_under_the_tables_of_their_setting(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    write_run(tmp_path, _config("CE", 0.1, resnet="fixed"), invented(0, 30))
    plain = _config("L2", 0.1)
    left_out = [
        plain,
        _config("L2", 0.1, 1, resnet="fixed"),
        _config("L2", 0.1, resnet="fixed"),
        _config("L2", 1.0, epochs=2),
    ]
    runs = frame.read_runs(str(tmp_path), "mnist")
    sections = _sections(tables.report(runs, "markdown", left_out))
    assert len(sections) == 6
    for section in sections:
        (said,) = [text for text in section if "left out" in text and "epochs=2" not in text]
        fixed = "resnet=fixed" in section[0]
        assert said == f"{'2 runs are' if fixed else '1 run is'} not finished and left out"
    assert sections[-1][-1] == "epochs=2: 1 run is not finished and left out"
    assert "left out" not in tables.report(runs, "markdown")
    text = tables.report(runs, "latex", left_out)
    assert text.count("2 runs are not finished and left out") == 3
    assert text.endswith("% epochs=2: 1 run is not finished and left out")


def test_digits_stand_below_each_other_though_some_are_marked(tmp_path: pathlib.Path) -> None:
    finals = {("CE", 1.0, 0): (0.5, 10.0, 6), ("L2", 0.1, 0): (12.25, 2.0, 5), ("L2", 0.1, 1): (12.75, 2.5, 5)}
    lines = tables.render(tables.final_table(_runs(tmp_path, finals), "error"), "error", "markdown").splitlines()
    points = [
        [line.index(text) + text.index(".") for text in texts] for line, texts in zip(lines[2:], _MEANS, strict=True)
    ]
    assert points[0] == points[1]


_MEANS = (["**0.50**", "10.00", "6.00", "0.72", "**0.53**"], ["12.50", "**2.25**", "**5.00**", "**0.54**", "0.54"])


def _latex_problems(text: str) -> list[str]:
    """What LaTeX would stumble over."""
    text = "\n".join(re.sub(r"(?<!\\)%.*", "", line) if line.startswith("%") else line for line in text.splitlines())
    problems = [f"bare {match.group()}" for match in re.finditer(r"(?<!\\)[%_#^~]", text)]
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
    ],
)
def test_the_check_of_latex_finds_problems(damaged: str) -> None:
    assert _latex_problems(damaged)


def test_a_report_in_latex_has_nothing_that_latex_would_stumble_over(tmp_path: pathlib.Path) -> None:
    finals = {("L2", 0.01, seed): (1.0 + seed, 2.0, 3.0) for seed in range(3)}
    _runs(tmp_path, {**finals, ("CE", 1.0, 0): (1, 2, 3)})
    write_run(tmp_path, _config("L2", 0.1, batch_size=32, members=("ST", "ST")), invented(0, 30))
    runs = frame.read_runs(str(tmp_path), "mnist")
    text = tables.report(runs, "latex", [runs[0].config, _config("L2", 0.1, decay_scope="all")])
    assert _latex_problems(text) == []
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 6
    assert r"\caption{MNIST, final test error in \% after 30 epochs (default settings)}" in text
    assert r"batch\_size=32" in text
    assert r"ST\_2" in text
    assert r"95 \% bootstrap" in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & 50 %", r"a\_b \& 50 \%"),
        ("{#$}", r"\{\#\$\}"),
        ("a\\b", r"a\textbackslash{}b"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
    ],
)
def test_every_character_that_latex_takes_for_its_own_is_escaped(text: str, escaped: str) -> None:
    assert table_text.escape(text) == escaped


def test_html_has_a_cell_for_each_cell_and_escapes(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("L2", 0.01, seed): (1.0 + seed, 2.0, 3.0) for seed in range(2)})
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


def test_csv_has_means_intervals_best_epochs_and_differences(tmp_path: pathlib.Path) -> None:
    """Compared with pandas, from the errors that were written."""
    random = np.random.default_rng(5)
    contents = {seed: invented(seed, 30) for seed in range(3)}
    for seed, content in contents.items():
        for values in content.values():
            values["test_errors"], values["test_costs"] = random.uniform(0.001, 0.02, (2, 30))
        write_run(tmp_path, _config("L2", 0.01, seed), content)
    read = pd.read_csv(io.StringIO(tables.report(frame.read_runs(str(tmp_path), "mnist"), "csv")))
    assert read.columns.tolist() == _CSV_COLUMNS
    assert read["model"].tolist() == ["ST", "M", "Ens"]
    published = {"ST": (0.56, 0.0257211), "M": (0.5, 0.0197911), "Ens": (0.5, 0.0168002)}
    for (_, row), end in zip(read.iterrows(), ("000", "001", "Ensemble"), strict=True):
        errors = pd.DataFrame({seed: 100 * content[end]["test_errors"] for seed, content in contents.items()})
        costs = pd.DataFrame({seed: content[end]["test_costs"] for seed, content in contents.items()})
        error, cost = published[row["model"]]
        expected = {"weight": 0.01, "seeds": 3, "paper_test_error_percent": error, "paper_test_cost": cost}
        expected["test_error_percent_minus_paper"] = errors.iloc[-1].mean() - error
        expected["test_cost_minus_paper"] = costs.iloc[-1].mean() - cost
        for name, values in (
            ("test_error_percent", errors.iloc[-1]),
            ("best_test_error_percent", errors.min()),
            ("test_cost", costs.iloc[-1]),
        ):
            # Of three seeds the interval is their range.
            expected |= {name: values.mean(), f"{name}_low": values.min(), f"{name}_high": values.max()}
        assert row.drop(["setting", "method", "model"]).to_dict() == pytest.approx(expected, rel=1e-6, abs=1e-9)


_CSV_COLUMNS = [
    *("setting", "method", "weight", "model", "seeds"),
    *("test_error_percent", "test_error_percent_low", "test_error_percent_high"),
    *("paper_test_error_percent", "test_error_percent_minus_paper"),
    *("best_test_error_percent", "best_test_error_percent_low", "best_test_error_percent_high"),
    *("test_cost", "test_cost_low", "test_cost_high", "paper_test_cost", "test_cost_minus_paper"),
]


def test_csv_has_the_same_columns_where_there_is_nothing_to_compare(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path, _config("L2", 0.01, dataset="digits"), invented(0, 30))
    read = pd.read_csv(io.StringIO(tables.report(frame.read_runs(str(tmp_path), "digits"), "csv")))
    assert read.columns.tolist() == _CSV_COLUMNS
    assert (
        read[[name for name in _CSV_COLUMNS if "paper" in name or name.endswith(("low", "high"))]].isna().all(axis=None)
    )


def _run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "analysis.tables", *flags],
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("style", tables.FORMATS)
def test_the_command_prints_both_tables(tmp_path: pathlib.Path, style: str) -> None:
    _runs(tmp_path, {("L2", 0.01, 0): (0.75, 0.5, 0.25), ("CE", 1.0, 0): (1, 2, 3)})
    result = _run(f"--log_dir={tmp_path}", "--dataset=mnist", f"--format={style}")
    assert (result.returncode, result.stderr) == (0, "")
    if style == "csv":
        read = pd.read_csv(io.StringIO(result.stdout)).set_index(["method", "weight"]).loc[("L2", 0.01)]
        assert read["test_error_percent"].tolist() == pytest.approx([0.75, 0.5, 0.25])
        assert read["test_cost"].tolist() == pytest.approx([0.0075, 0.005, 0.0025])
    else:
        start, end = ("**", "**") if style == "markdown" else (r"\textbf{", "}")
        for text in ("0.75", "0.50", "0.25", "0.007500", "0.005000", "0.002500"):
            assert f"{start}{text}{end}" in result.stdout


@pytest.mark.parametrize("style", tables.FORMATS)
def test_the_command_says_how_many_runs_are_left_out(tmp_path: pathlib.Path, style: str) -> None:
    """Under the tables, or, where there is no such place, as a warning."""
    _runs(tmp_path, {("L2", 0.01, 0): (0.75, 0.5, 0.25)})
    write_run(tmp_path, _config("L1", 0.1), {}, state="running")
    result = _run(f"--log_dir={tmp_path}", "--dataset=mnist", f"--format={style}")
    assert result.returncode == 0
    said = "1 run is not finished and left out"
    assert (result.stdout.count(said), result.stderr) == ((0, f"warning: {said}\n") if style == "csv" else (3, ""))


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path / "a", _config("L2", 0.01), invented(0, 30))
    write_run(tmp_path / "b", _config("L2", 0.01), invented(1, 30))
    for dataset, words in (("mnist", "both hold L2 0.01, seed 0"), ("cifar10", "it holds runs of mnist (2)")):
        result = _run(f"--log_dir={tmp_path}", f"--dataset={dataset}")
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith("error: ")
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
