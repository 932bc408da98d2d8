"""Tables 1 to 3 of Song and Chai (2018): every cell by hand, and the published numbers beside ours."""

import io
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from system_runs import constant, heads, networks, read, write
from table_runs import cells_of

from analysis import table_text, tables
from analysis.methods.multihead import song_chai
from collab_ensembles.methods.multihead import grids as heads_grids
from collab_ensembles.settings.config import RunConfig

_ROWS_1 = [
    "single instance",
    "label smoothing (0.05)",
    "2 instances",
    "4 instances",
    "2 heads simple",
    "4 heads hierarchical",
]


def _written(tmp_path: pathlib.Path, configs: list[RunConfig]) -> None:
    """The run at a place has the error 5 + its place / 10 in head 1, one more in head 2, and so on."""
    for number, config in enumerate(configs):
        outputs = config.heads + (config.heads > 1)
        write(tmp_path, config, constant(*[5 + number / 10 + output for output in range(outputs)]))


def _published(table: int, **keys: str) -> tuple[float, float]:
    every = song_chai.paper_results()
    chosen = every[every["table"] == table]
    for column, value in keys.items():
        chosen = chosen[chosen[column] == value]
    (error,), (deviation,) = chosen["test_error_percent"], chosen["sd"]
    return error, deviation


def test_the_reference_has_the_published_numbers() -> None:
    """Read off the paper's tables once more."""
    table_1 = {
        "resnet32": [(6.66, 0.21), (6.83, 0.14), (6.19, 0.17), (6.16, 0.17), (5.97, 0.07), (5.86, 0.13)],
        "resnet110": [(5.56, 0.16), (5.66, 0.08), (5.21, 0.14), (5.16, 0.13), (5.15, 0.14), (4.98, 0.12)],
        "densenet40-12": [(5.26, 0.08), (5.40, 0.04), (5.11, 0.15), (5.00, 0.05), (5.04, 0.10), (4.86, 0.12)],
    }
    for network, column in table_1.items():
        for row, cell in zip(_ROWS_1, column, strict=True):
            assert _published(1, dataset="CIFAR10", network=network, row=row, output="head1") == cell
    table_2 = {"single": (30.52, 0.35), "head1": (26.32, 0.26), "head2": (26.36, 0.27)}
    for output, cell in table_2.items():
        assert _published(2, dataset="CIFAR100", row="simultaneous, T = 2", output=output) == cell
    assert _published(2, row="simultaneous, T = 1", output="head1") == (27.64, 0.36)
    assert _published(2, row="simultaneous, T = 1", output="head2") == (27.48, 0.37)
    assert [_published(2, row="alternating, T = 1", output=o)[0] for o in table_2] == [31.01, 29.25, 28.81]
    table_3 = {"no scaling": (6.04, 0.17), "loss scaling": (6.09, 0.24), "backprop rescaling": (5.82, 0.08)}
    for row, cell in table_3.items():
        assert _published(3, dataset="CIFAR10", network="resnet32", row=row) == cell
    reference = song_chai.paper_results()
    assert reference.groupby("table").size().to_dict() == {1: 18, 2: 9, 3: 3, 4: 6}
    of_table_4 = reference[reference["table"] == 4]
    assert of_table_4["test_error_percent"].tolist() == [23.47, 23.34, 22.65, 22.81, 22.70, 22.29]
    assert of_table_4["top5_error_percent"].tolist() == [6.83, 6.80, 6.34, 6.45, 6.37, 6.21]
    assert of_table_4["relative_time"].tolist() == [1, 1, 3.42, 2, 1.4, 1.75]
    assert of_table_4["relative_memory"].tolist() == [1, 1, 1.05, 2, 1.32, 1.5]


def test_every_row_of_table_1_is_a_run_of_its_grid(tmp_path: pathlib.Path) -> None:
    settings = {"dataset": "cifar10", "epochs": 3}
    resnet32 = heads_grids.song_chai_table1(settings)
    _written(tmp_path, [*resnet32, *heads_grids.song_chai_table1({**settings, "members": ("resnet110",)})])
    table = song_chai.layout_table(read(tmp_path), 1)
    expected_keys = [(network, row) for network in ("resnet32", "resnet110") for row in _ROWS_1]
    assert list(zip(table["network"], table["row"], strict=True)) == expected_keys
    cells = table.set_index(["network", "row"])
    for place, network in enumerate(("resnet32", "resnet110")):
        expected = [5 + (6 * place + number) / 10 for number in range(6)]
        assert cells.loc[network, "error"].tolist() == pytest.approx(expected)
        assert cells.loc[network, "runs"].tolist() == [1] * 6
        paper = [_published(1, dataset="CIFAR10", network=network, row=row) for row in _ROWS_1]
        assert list(zip(cells.loc[network, "paper"], cells.loc[network, "paper sd"], strict=True)) == paper


def test_table_1_shows_means_deviations_and_the_paper_and_marks_our_best(tmp_path: pathlib.Path) -> None:
    random = np.random.default_rng(1)
    errors = {"single": random.uniform(5, 9, 3), "simple": random.uniform(3, 4, 3)}
    for graph, finals in errors.items():
        for seed, final in enumerate(finals):
            write(tmp_path, heads(graph, seed), constant(*([final] if graph == "single" else [final, 9, 2])))
    (table,) = song_chai.text_tables(read(tmp_path))
    header, *rows = cells_of(table_text.markdown(table.header, table.rows))
    assert header == ["training graph", "resnet32", "paper resnet32"]
    texts = {
        graph: f"{pd.Series(finals).mean():.2f}{'**' if graph == 'simple' else ''} ± {pd.Series(finals).std():.2f}"
        for graph, finals in errors.items()
    }
    assert [" ".join(cell.split()) for cell in rows[0]] == ["single instance", texts["single"], "6.66 ± 0.21"]
    assert [" ".join(cell.split()) for cell in rows[4]] == ["2 heads simple", f"**{texts['simple']}", "5.97 ± 0.07"]
    assert rows[1] == ["label smoothing (0.05)", "", "6.83 ± 0.14"]
    assert any("standard deviation" in note for note in table.notes)


@pytest.mark.parametrize(
    ("graph", "settings"),
    [
        ("single", {"label_smoothing": 0.1}),
        ("single", {"label_noise": 0.2}),
        ("instances", {"heads": 3}),
        ("simple", {"temperature": 4.0}),
        ("simple", {"split_points": ("stage2",)}),
        ("hierarchical", {"beta": 0.7}),
        ("instances", {"target_gradient": True}),
    ],
)
def test_runs_of_other_settings_are_in_no_row(tmp_path: pathlib.Path, graph: str, settings: dict[str, Any]) -> None:
    _written(tmp_path, [heads(graph, **settings)])
    runs = read(tmp_path)
    for number in song_chai.LAYOUTS:
        assert song_chai.layout_table(runs, number)["runs"].sum() == 0
    assert song_chai.published_error(runs[0].config, "head1") is None
    assert song_chai.text_tables(runs) == []


def test_the_paper_is_beside_its_own_network_and_data_set_alone(tmp_path: pathlib.Path) -> None:
    for dataset, member in (("cifar10", "resnet20"), ("cifar100", "resnet32"), ("digits", "resnet32")):
        configs = [heads(graph, dataset=dataset, members=(member,)) for graph in ("single", "simple")]
        _written(tmp_path, configs)
        (table,) = song_chai.text_tables(read(tmp_path, dataset))
        assert list(table.header) == ["training graph", member]


def test_table_2_has_the_single_network_beside_both_heads(tmp_path: pathlib.Path) -> None:
    two = {"dataset": "cifar100", "heads": 2}
    _written(
        tmp_path,
        [
            heads("single", dataset="cifar100"),
            heads("instances", **two),
            heads("instances", temperature=1.0, **two),
            heads("instances", temperature=1.0, optimization="alternating", **two),
        ],
    )
    of_graphs, table = song_chai.text_tables(read(tmp_path, "cifar100"))
    assert list(of_graphs.header) == ["training graph", "resnet32"]
    assert "table 2" in table.heading
    assert "of resnet32" in table.heading
    header, *rows = cells_of(table_text.markdown(table.header, table.rows))
    assert header == ["optimization", "single", "paper single", "head 1", "paper head 1", "head 2", "paper head 2"]
    plain = [[cell.replace("*", "").strip() for cell in row] for row in rows]
    assert plain == [
        ["alternating, T = 1", "5.00", "31.01", "5.30", "29.25", "6.30", "28.81"],
        ["alternating, T = 2", "5.00", "", "", "", "", ""],
        ["simultaneous, T = 1", "5.00", "30.52 ± 0.35", "5.20", "27.64 ± 0.36", "6.20", "27.48 ± 0.37"],
        ["simultaneous, T = 2", "5.00", "30.52 ± 0.35", "5.10", "26.32 ± 0.26", "6.10", "26.36 ± 0.27"],
    ]
    assert any("Zhang et al." in note for note in table.notes)


def test_table_3_compares_ways_to_rescale(tmp_path: pathlib.Path) -> None:
    _written(tmp_path, heads_grids.song_chai_table3({"dataset": "cifar10", "epochs": 3}))
    (table,) = song_chai.text_tables(read(tmp_path))
    assert "table 3" in table.heading
    _, *rows = cells_of(table_text.markdown(table.header, table.rows))
    assert [[cell.replace("*", "").strip() for cell in row] for row in rows] == [
        ["no scaling", "5.00", "6.04 ± 0.17"],
        ["loss scaling", "5.10", "6.09 ± 0.24"],
        ["backprop rescaling", "5.20", "5.82 ± 0.08"],
    ]


def test_a_table_takes_two_rows(tmp_path: pathlib.Path) -> None:
    _written(tmp_path, [heads("single")])
    assert song_chai.text_tables(read(tmp_path)) == []
    _written(tmp_path, [heads("single"), heads("instances")])
    (table,) = song_chai.text_tables(read(tmp_path))
    assert "table 1" in table.heading


def test_csv_has_the_published_number_of_each_output(tmp_path: pathlib.Path) -> None:
    settings = {"dataset": "cifar10", "epochs": 3}
    _written(tmp_path, [*heads_grids.song_chai_table1(settings), *heads_grids.song_chai_table3(settings)])
    write(tmp_path, networks(2), constant(7, 8, 6))
    rows = pd.read_csv(io.StringIO(tables.report(read(tmp_path), "csv"))).set_index(["arrangement", "model"])
    paper = rows["paper_test_error_percent"].dropna()
    assert paper.to_dict() == {
        ("resnet32, single", "head1"): 6.66,
        ("resnet32, single, label_smoothing 0.05", "head1"): 6.83,
        ("resnet32, 2 instances", "head1"): 6.19,
        ("resnet32, 4 instances", "head1"): 6.16,
        ("resnet32, 2 heads simple", "head1"): 5.97,
        ("resnet32, 4 heads hierarchical", "head1"): 5.86,
        ("resnet32, 4 heads simple, rescaling none", "head1"): 6.04,
        ("resnet32, 4 heads simple, rescaling loss", "head1"): 6.09,
        ("resnet32, 4 heads simple", "head1"): 5.82,
    }
    assert rows.loc[("resnet32, 2 heads simple", "head1"), "paper_test_error_percent_sd"] == 0.07
    assert rows.loc[("vgg16, 2 x FDL", "Ens"), "paper_best_test_error_percent"] == pytest.approx(100 - 94.93)


def test_on_cifar_100_the_papers_own_single_network_counts_and_both_heads() -> None:
    single = heads("single", dataset="cifar100")
    assert song_chai.published_error(single, "head1") == (30.52, 0.35)
    pair = heads("instances", dataset="cifar100")
    assert song_chai.published_error(pair, "head2") == (26.36, 0.27)
    assert song_chai.published_error(pair, "Ens") is None
