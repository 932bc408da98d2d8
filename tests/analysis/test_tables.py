"""Final tables, beside the published ones."""

import io
import math
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import pandas as pd
import pytest
from synthetic_runs import invented, with_final, write_run

from analysis import frame, tables
from collab_ensembles.config import RunConfig

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# The order of figures A.7 to A.12.
_ORDER = [*((method, weight) for method in ("CE", "L1", "L2") for weight in (1.0, 0.1, 0.01, 0.0001)), ("Single", 1.0)]


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
    assert table.columns.tolist() == ["ST", "M", "Ens", "Seeds", "paper ST", "paper M", "paper Ens"]
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
    assert table.columns.tolist() == ["ST", "M", "Ens", "Seeds"]


def test_a_weight_that_the_paper_does_not_have_gets_empty_cells(tmp_path: pathlib.Path) -> None:
    runs = _runs(tmp_path, {("L2", 0.5, 0): (1, 2, 3), ("L2", 0.01, 0): (2, 3, 4)})
    table = tables.final_table(runs, "error")
    assert math.isnan(table.loc[("L2", 0.5), "paper ST"])
    row = tables.render(table, "error", "markdown").splitlines()[2]
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "L2",
        "0.5",
        "**1.00**",
        "**2.00**",
        "**3.00**",
        "",
        "",
        "",
    ]


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


def _marked(text: str) -> dict[str, set[str]]:
    """By column, the rows (method and weight) whose cell is marked."""
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
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
    assert lines[0] == r"\begin{tabular}{lrrrrrrr}"
    assert lines[-1] == r"\end{tabular}"
    assert [line for line in lines[1:-1] if "&" not in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    rows = [line for line in lines if "&" in line]
    assert len(rows) == 14
    assert all(row.endswith(r" \\") and row.count("&") == 7 for row in rows)
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
    assert sorted(headings) == sorted(
        f"MNIST, final test {what} after {epochs} epochs ({setting})"
        for what in ("error in %", "cost")
        for epochs, setting in ((30, "default settings"), (30, "resnet=fixed"), (3, "epochs=3"))
    )
    assert text.count("| L2 ") == 6


@pytest.mark.parametrize("style", tables.FORMATS)
def test_the_command_prints_both_tables(tmp_path: pathlib.Path, style: str) -> None:
    _runs(tmp_path, {("L2", 0.01, 0): (0.75, 0.5, 0.25), ("CE", 1.0, 0): (1, 2, 3)})
    flags = [f"--log_dir={tmp_path}", "--dataset=mnist", f"--format={style}"]
    result = subprocess.run(
        [sys.executable, "-m", "analysis.tables", *flags],
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    if style == "csv":
        read = pd.read_csv(io.StringIO(result.stdout)).set_index(["method", "weight"]).loc[("L2", 0.01)]
        assert read["test_error_percent"].tolist() == pytest.approx([0.75, 0.5, 0.25])
        assert read["test_cost"].tolist() == pytest.approx([0.0075, 0.005, 0.0025])
    else:
        start, end = ("**", "**") if style == "markdown" else (r"\textbf{", "}")
        for text in ("0.75", "0.50", "0.25", "0.007500", "0.005000", "0.002500"):
            assert f"{start}{text}{end}" in result.stdout
