"""Table 4 of Song and Chai (2018): what was written in run directories, in its rows, and the published numbers."""

import pathlib

import pytest
from system_runs import constant, distilled, heads, read, write
from table_runs import cells_of

from analysis import table_text, tables
from analysis.methods.multihead import song_chai, song_chai_top5
from collab_ensembles.runs import top_errors
from collab_ensembles.settings.config import RunConfig


def _written(tmp_path: pathlib.Path, dataset: str, with_top5: bool = True) -> None:
    """Two of the rows, the second of two seeds, and runs of no row."""
    teacher = [str(tmp_path / name) for name in ("one.keras", "two.keras")]
    common = {"dataset": dataset, "members": ("resnet50",)}

    def one(config: RunConfig, error: float, top5: float, seconds: float) -> None:
        outputs = len(config.member_names()) + (len(config.member_names()) > 1)
        directory = write(tmp_path / "runs", config, constant(error, *[90] * (outputs - 1)), seconds=seconds, memory=4)
        if with_top5:
            others = dict.fromkeys(config.member_names()[1:], 0.9)
            top_errors.write(str(directory), 3, 5, {config.member_names()[0]: top5 / 100, **others})

    one(heads("single", **common), 30, 10, 100)
    one(heads("simple", 0, **common), 20, 6, 150)
    one(heads("simple", 1, **common), 22, 7, 130)
    one(distilled(*teacher, **common), 25, 8, 110)
    one(distilled(*teacher[:1], **common), 50, 50, 1)
    one(heads("single", label_smoothing=0.05, **common), 50, 50, 1)
    one(heads("simple", temperature=4.0, **common), 50, 50, 1)


def test_rows_have_means_over_seeds_and_costs_over_the_single_network(tmp_path: pathlib.Path) -> None:
    _written(tmp_path, "cifar100")
    table = song_chai_top5.table_4(read(tmp_path / "runs", "cifar100"))
    assert table["runs"].to_dict() == {
        "single instance": 1,
        "label smoothing (0.1)": 0,
        "distilled from 2": 1,
        "2 instances": 0,
        "2 heads simple": 2,
        "4 heads hierarchical": 0,
    }
    known = table[table["runs"] > 0]
    assert known["error"].tolist() == pytest.approx([30, 25, 21])
    assert known["top5"].tolist() == pytest.approx([10, 8, 6.5])
    assert known["top5 sd"].iloc[-1] == pytest.approx(0.5**0.5)
    assert known["seconds"].tolist() == pytest.approx([1, 1.1, 1.4])
    assert known["memory"].tolist() == [1, 1, 1]
    assert not table.filter(like="paper").notna().any(axis=None)


def test_the_published_numbers_stand_beside_resnet_50_on_imagenet(tmp_path: pathlib.Path) -> None:
    dataset = str(tmp_path / "ImageNet.npz")
    _written(tmp_path, dataset)
    found = tables.text_tables(read(tmp_path / "runs", dataset))
    (table,) = [table for table in found if "table 4 of Song and Chai" in table.heading]
    header, *rows = cells_of(table_text.markdown(table.header, table.rows))
    assert [name for name in header[1:] if not name.startswith("paper")] == [
        "top-1",
        "top-5",
        "time / single",
        "memory / single",
    ]
    published = song_chai.paper_results()
    published = published[published["table"] == 4]
    for title, column in (("top-1", "test_error_percent"), ("top-5", "top5_error_percent"), ("time", "relative_time")):
        place = header.index(f"paper {title}")
        assert [float(row[place]) for row in rows] == published[column].tolist()
    assert [row[0] for row in rows] == published["row"].tolist()
    assert rows[4][3].replace("*", "").split() == ["6.50", "±", "0.71"]
    assert [cell.marked for cell in (row[3] for row in table.rows)] == [False, False, False, False, True, False]


def test_without_top_5_errors_there_is_no_table_4(tmp_path: pathlib.Path) -> None:
    _written(tmp_path, "cifar100", with_top5=False)
    assert song_chai_top5.text_tables(read(tmp_path / "runs", "cifar100")) == []
