"""The comparison of arrangements: every number against pandas or NumPy, from what was written."""

import dataclasses
import io
import math
import pathlib

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import with_final, write_run
from system_runs import constant, distilled, heads, networks, read, snapshots, write
from table_runs import cells_of

from analysis import comparison, frame, recorded_run, tables
from collab_ensembles.errors import DataError
from collab_ensembles.settings.config import RunConfig

_MIB = 2**20


def _row(runs: list[recorded_run.Run], name: str) -> dict[str, float]:
    return {str(column): float(value) for column, value in comparison.compare(runs).loc[name].items()}


def test_errors_are_means_and_deviations_over_seeds_of_the_first_head_and_of_the_ensemble(
    tmp_path: pathlib.Path,
) -> None:
    random = np.random.default_rng(3)
    # [seeds, outputs, epochs]
    errors = random.uniform(1, 9, (4, 3, 3))
    for seed, of_run in enumerate(errors):
        write(tmp_path, heads("simple", seed), of_run, seconds=100 + seed, memory=(50 + seed) * _MIB)
    row = _row(read(tmp_path), "resnet32, 2 heads simple")
    for index, name in ((0, "first member"), (2, "ensemble")):
        final, best = pd.Series(errors[:, index, -1]), pd.Series(errors[:, index].min(axis=1))
        assert row[name] == pytest.approx(final.mean())
        assert row[f"{name} sd"] == pytest.approx(final.std())
        assert row[f"best epoch, {name}"] == pytest.approx(best.mean())
        assert row[f"best epoch, {name} sd"] == pytest.approx(best.std())
    assert row["runs"] == 4
    assert (row["seconds"], row["memory"]) == (101.5, 51.5 * _MIB)


def test_time_and_memory_are_also_relative_to_the_same_network_alone(tmp_path: pathlib.Path) -> None:
    for seed, (seconds, memory) in enumerate([(10, 100), (30, 300)]):
        write(tmp_path, heads("single", seed), constant(7), seconds=seconds, memory=memory)
    write(tmp_path, heads("hierarchical"), constant(5, 5, 5, 5, 4), seconds=35, memory=300)
    write(tmp_path, heads("single", label_noise=0.4), constant(20), seconds=50, memory=500)
    write(tmp_path, heads("simple", label_noise=0.4), constant(18, 18, 17), seconds=60, memory=750)
    write(tmp_path, heads("simple", members=("resnet110",)), constant(5, 5, 5), seconds=60, memory=750)
    table = comparison.compare(read(tmp_path))
    relative = table[["relative seconds", "relative memory"]]
    assert relative.loc["resnet32, 4 heads hierarchical"].tolist() == [35 / 20, 300 / 200]
    assert relative.loc["resnet32, single"].tolist() == [1, 1]
    assert relative.loc["resnet32, 2 heads simple, label_noise 0.4"].tolist() == [60 / 50, 750 / 500]
    assert relative.loc["resnet110, 2 heads simple"].isna().all()


def test_a_setting_of_the_training_is_that_of_the_network_alone_too(tmp_path: pathlib.Path) -> None:
    write(tmp_path, heads("single", early_stopping=2), constant(7), seconds=10)
    write(tmp_path, heads("simple", early_stopping=2), constant(6, 6, 5), seconds=30)
    assert comparison.compare(read(tmp_path))["relative seconds"].tolist() == [1.0, 3.0]


def test_a_table_without_the_network_alone_does_not_speak_of_multiples(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "pair", heads("instances"), constant(5, 6, 4), seconds=9)
    assert "in multiples" not in tables.report(read(tmp_path / "pair"), "markdown")
    write(tmp_path / "both", heads("instances"), constant(5, 6, 4), seconds=9)
    write(tmp_path / "both", heads("single"), constant(5), seconds=9)
    assert "in multiples" in tables.report(read(tmp_path / "both"), "markdown")


def test_networks_of_feature_difference_ensembles_are_measured_by_one_alone(tmp_path: pathlib.Path) -> None:
    write(tmp_path, networks(1, fdl=False), constant(7), seconds=10, memory=100)
    write(tmp_path, networks(2), constant(6, 6, 5), seconds=40, memory=250)
    write(tmp_path, snapshots(), constant(6, 6, 6, 5), seconds=11, memory=110)
    relative = comparison.compare(read(tmp_path))["relative seconds"]
    assert relative.to_dict() == {"vgg16, single": 1.0, "vgg16, 2 x FDL": 4.0, "vgg16, 3 snapshots": 1.1}


def test_one_member_has_no_ensemble_one_seed_no_deviation_and_old_runs_no_memory(tmp_path: pathlib.Path) -> None:
    write(tmp_path, heads("single"), [[9, 6, 7]])
    (run,) = read(tmp_path)
    assert list(run.statistics) == ["head1"]
    row = _row([run], "resnet32, single")
    assert (row["first member"], row["best epoch, first member"]) == (pytest.approx(7), pytest.approx(6))
    absent = ["ensemble", "ensemble sd", "first member sd", "seconds", "memory", "relative seconds", "relative memory"]
    assert all(math.isnan(row[name]) for name in absent)
    final, best = comparison.text_tables([run])
    assert list(final.header) == ["arrangement", "first member"]
    assert [cell.text for cell in final.rows[0]] == ["resnet32, single", "7.00"]
    assert [cell.text for cell in best.rows[0]] == ["resnet32, single", "6.00"]


def test_of_snapshots_the_last_stands_for_a_network_alone(tmp_path: pathlib.Path) -> None:
    write(tmp_path, snapshots(), [[9, 9, 9], [8, 8, 8], [5, 7, 6], [4, 4, 3]])
    row = _row(read(tmp_path), "vgg16, 3 snapshots")
    assert (row["first member"], row["best epoch, first member"]) == (pytest.approx(6), pytest.approx(5))
    assert (row["ensemble"], row["best epoch, ensemble"]) == (pytest.approx(3), pytest.approx(3))


def test_rows_go_from_small_networks_to_large_ones_and_from_one_network_to_many(tmp_path: pathlib.Path) -> None:
    configs = [
        heads("single"),
        heads("single", label_smoothing=0.05),
        heads("instances"),
        heads("instances", heads=4),
        heads("simple"),
        heads("hierarchical"),
        heads("single", label_noise=0.2),
        heads("single", members=("resnet110",)),
    ]
    for number, config in enumerate(configs):
        outputs = config.heads + (config.heads > 1)
        # Directories stand in another order.
        write(tmp_path / f"{(5 * number) % 8}", config, constant(*[5] * outputs))
    assert list(comparison.rows_of(read(tmp_path))) == [
        "resnet32, single",
        "resnet32, single, label_smoothing 0.05",
        "resnet32, 2 instances",
        "resnet32, 4 instances",
        "resnet32, 2 heads simple",
        "resnet32, 4 heads hierarchical",
        "resnet32, single, label_noise 0.2",
        "resnet110, single",
    ]


def test_pairs_of_networks_stand_with_those_of_their_size(tmp_path: pathlib.Path) -> None:
    for member in ("convnet16", "convnet4"):
        for count, fdl in ((2, True), (2, False), (1, False)):
            write(tmp_path, networks(count, fdl, member), constant(*[5] * (count + (count > 1))))
    names = ["single", "2 x RIE", "2 x FDL"]
    assert list(comparison.rows_of(read(tmp_path))) == [f"convnet{m}, {name}" for m in (4, 16) for name in names]


def test_distilled_networks_of_several_teachers_are_told_apart(tmp_path: pathlib.Path) -> None:
    for name in ("one.keras", "two.keras"):
        (tmp_path / name).touch()
    one, two = str(tmp_path / "one.keras"), str(tmp_path / "two.keras")
    write(tmp_path, distilled(one), constant(7, 6, 5))
    write(tmp_path, distilled(two, seed=1), constant(9, 6, 5))
    # A teacher for each seed: one row.
    assert comparison.compare(read(tmp_path))["first member"].to_dict() == {"resnet32, distilled": pytest.approx(8)}
    write(tmp_path, distilled(one, two), constant(3, 6, 5))
    assert comparison.compare(read(tmp_path))["first member"].to_dict() == {
        "resnet32, distilled from one.keras": pytest.approx(7),
        "resnet32, distilled from one.keras, two.keras": pytest.approx(3),
        "resnet32, distilled from two.keras": pytest.approx(9),
    }
    elsewhere = str(tmp_path / "elsewhere" / "one.keras")
    write(tmp_path, distilled(elsewhere), constant(4, 6, 5))
    table = comparison.compare(read(tmp_path))
    assert table["first member"][f"resnet32, distilled from {elsewhere}"] == pytest.approx(4)
    assert table["first member"][f"resnet32, distilled from {one}"] == pytest.approx(7)
    # Student and teacher together are no ensemble that anybody wants.
    assert table["ensemble"].isna().all()
    assert any("that of its teachers comes on top" in note for note in comparison.text_tables(read(tmp_path))[0].notes)
    write(tmp_path / "alone", heads("simple"), constant(6, 6.5, 5))
    assert "teachers" not in str(comparison.text_tables(read(tmp_path / "alone"))[0].notes)


def _mixed(tmp_path: pathlib.Path) -> list[recorded_run.Run]:
    """Collaborative ensembles, heads, feature differences and snapshots on one data set."""
    write_run(tmp_path, RunConfig(dataset="cifar10"), with_final((26, 22, 20), (1, 2, 3), 30))
    for seed in (0, 1):
        write(tmp_path, heads("single", seed), constant(7 + seed), seconds=600, memory=100 * _MIB)
    write(tmp_path, heads("simple"), constant(6, 6.5, 5), seconds=900, memory=150 * _MIB)
    write(tmp_path, networks(2), constant(6, 6, 4), seconds=60, memory=70 * _MIB)
    write(tmp_path, snapshots(), constant(6, 6, 6, 5), seconds=20, memory=10 * _MIB)
    return read(tmp_path)


def test_each_system_has_a_table_of_its_own(tmp_path: pathlib.Path) -> None:
    runs = _mixed(tmp_path)
    assert {name: len(group) for name, group in frame.by_setting(runs).items()} == {
        "default settings": 1,
        "system=multihead, epochs=3": 3,
        "system=fdl or snapshot, epochs=3": 2,
    }
    parts = tables.report(runs, "markdown").split("\n\n")
    headings = {part.split(" (")[0]: number for number, part in enumerate(parts) if part.startswith("CIFAR10, ")}
    assert len(headings) > 3
    heading = "CIFAR10, final test error in % after 3 epochs, time and memory of training"
    multihead = next(number for number, part in enumerate(parts) if part == f"{heading} (system=multihead, epochs=3)")
    assert cells_of(parts[multihead + 1]) == [
        ["arrangement", "runs", "first member", "ensemble", "minutes", "time / single", "MiB", "memory / single"],
        ["resnet32, single", "2", "7.50 ± 0.71", "", "10.0", "1.00", "100", "1.00"],
        ["resnet32, 2 heads simple", "1", "6.00", "5.00", "15.0", "1.50", "150", "1.50"],
    ]
    assert "Rows differ in their seeds: resnet32, 2 heads simple has 0; the others have 0, 1." in parts
    fdl = next(n for n, part in enumerate(parts) if part == f"{heading} (system=fdl or snapshot, epochs=3)")
    assert cells_of(parts[fdl + 1]) == [
        ["arrangement", "first member", "ensemble", "seconds", "MiB"],
        ["vgg16, 2 x FDL", "6.00", "4.00", "60.0", "70"],
        ["vgg16, 3 snapshots", "6.00", "5.00", "20.0", "10"],
    ]


def test_the_tables_of_collaborative_ensembles_do_not_change(tmp_path: pathlib.Path) -> None:
    mixed = tables.report(_mixed(tmp_path / "mixed"), "markdown")
    write_run(tmp_path / "alone", RunConfig(dataset="cifar10"), with_final((26, 22, 20), (1, 2, 3), 30))
    alone = tables.report(read(tmp_path / "alone"), "markdown")
    assert alone in mixed
    assert alone.count("|---") < mixed.count("|---")


def test_csv_holds_all_systems_in_one_table(tmp_path: pathlib.Path) -> None:
    table = pd.read_csv(io.StringIO(tables.report(_mixed(tmp_path), "csv")))
    assert len(table) == 3 + 1 + 3 + 3 + 4
    noel = table[table["setting"] == "default settings"]
    assert noel["paper_test_error_percent"].notna().all()
    assert noel["arrangement"].isna().all()
    rows = table.set_index(["arrangement", "model"])
    single = rows.loc[("resnet32, single", "head1")]
    assert single[["seeds", "test_error_percent", "test_cost", "training_seconds"]].tolist() == [2, 7.5, 0.75, 600]
    assert single["test_error_percent_sd"] == pytest.approx(np.std([7, 8], ddof=1))
    assert single["training_memory_bytes"] == 100 * _MIB
    assert rows.loc[("resnet32, 2 heads simple", "head2"), "test_error_percent"] == 6.5
    assert rows.loc[("resnet32, 2 heads simple", "Ens"), "best_test_error_percent"] == 5
    assert rows.loc[("vgg16, 3 snapshots", "snapshot2"), "test_error_percent"] == 6


def test_latex_has_the_sign_of_the_deviation_and_says_what_is_left_out(tmp_path: pathlib.Path) -> None:
    runs = _mixed(tmp_path)
    left_out = dataclasses.replace(runs[0], config=heads("instances"))
    text = tables.report(runs, "latex", [left_out])
    assert r"7.50 $\pm$ 0.71" in text
    assert text.count("1 run is not finished and left out") == 2
    assert "±" not in text


def test_runs_of_other_settings_or_there_twice_are_no_table(tmp_path: pathlib.Path) -> None:
    write(tmp_path, heads("single"), constant(7))
    write(tmp_path, heads("single", batch_size=64), constant(7))
    runs = read(tmp_path)
    with pytest.raises(DataError, match=r"in one setting; received: .*batch_size=64"):
        comparison.compare(runs)
    with pytest.raises(DataError, match="both have resnet32, single, seed 0 of cifar10"):
        comparison.compare([runs[0], runs[0]])


def test_networks_with_a_length_of_their_own_share_a_table(tmp_path: pathlib.Path) -> None:
    """200 epochs are the default of resnet32, 300 that of densenet40-12."""
    for member, epochs in (("resnet32", 200), ("densenet40-12", 300)):
        config = RunConfig(system="multihead", dataset="cifar10", members=(member,), graph="single")
        write(tmp_path, config, [[*[9] * (epochs - 1), 5]])
    (setting, runs), *others = frame.by_setting(read(tmp_path)).items()
    assert (setting, others) == ("system=multihead", [])
    assert comparison.text_tables(runs)[0].heading.startswith("CIFAR10, final test error in % after 200 to 300 epochs")
    assert comparison.compare(runs)["first member"].tolist() == pytest.approx([5, 5])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (heads("single", precision="mixed_bfloat16"), "system=multihead, epochs=3, precision=mixed_bfloat16"),
        (heads("simple", temperature=4.0, label_noise=0.2, heads=3), "system=multihead, epochs=3"),
        (networks(3), "system=fdl or snapshot, epochs=3"),
        (snapshots(snapshots=2, batch_size=32), "system=fdl or snapshot, epochs=3, batch_size=32"),
    ],
)
def test_a_setting_is_what_the_name_of_a_row_does_not_say(config: RunConfig, words: str) -> None:
    assert recorded_run.setting(config) == words


def test_frames_name_runs_of_other_systems_by_their_arrangement(tmp_path: pathlib.Path) -> None:
    write(tmp_path, heads("simple"), constant(6, 7, 5))
    table = frame.load(str(tmp_path), "cifar10")
    assert set(table.columns.get_level_values("Method")) == {"resnet32, 2 heads simple"}
    assert set(table.columns.get_level_values("Model")) == {"head1", "head2", "Ens"}


def test_has_settings_means_these_and_no_others() -> None:
    config = heads("simple", heads=4, rescaling="loss")
    assert comparison.has_settings(config, graph="simple", heads=4, rescaling="loss")
    assert not comparison.has_settings(config, graph="simple", heads=4)
    assert not comparison.has_settings(config, graph="simple", heads=4, rescaling="loss", beta=0.3)
    assert not comparison.has_settings(
        dataclasses.replace(config, label_noise=0.1), graph="simple", heads=4, rescaling="loss"
    )
