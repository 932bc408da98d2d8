"""Final tables, beside the published ones: their numbers."""

import dataclasses
import io
import pathlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import invented, with_final, write_run
from table_runs import ORDER, cells_of, grid, make_config, render, runs_with

from analysis import frame, recorded_run, tables
from analysis.methods.ensemble import noel_tables
from analysis.methods.ensemble.noel_rows import setting_of
from collab_ensembles.errors import DataError

_OWN_COLUMNS = ["ST", "M", "Ens", "Seeds", "ST low", "ST high", "M low", "M high", "Ens low", "Ens high"]


def test_rows_stand_in_the_order_of_the_paper(tmp_path: pathlib.Path) -> None:
    runs = grid(tmp_path)
    assert [setting_of(run.config) for run in runs] != ORDER
    table = noel_tables.final_table(runs, "error")
    assert table.index.tolist() == ORDER
    paper = ["paper ST", "paper M", "paper Ens", "ST - paper", "M - paper", "Ens - paper"]
    assert table.columns.tolist() == [*_OWN_COLUMNS, *paper]
    assert table["ST"].tolist() == pytest.approx([1 + number / 10 for number in range(13)])
    assert table["Ens"].tolist() == pytest.approx([3 + number / 10 for number in range(13)])


def test_the_tables_show_the_last_epoch(tmp_path: pathlib.Path) -> None:
    contents = invented(0, 30)
    contents["000"]["test_errors"][:] = [0.5] * 29 + [0.25]
    contents["000"]["test_costs"][:] = [0.001] * 29 + [0.125]
    write_run(tmp_path, make_config("L2", 0.1), contents)
    runs = frame.read_runs(str(tmp_path), "mnist")
    assert noel_tables.final_table(runs, "error").loc[("L2", 0.1), "ST"] == 25
    assert noel_tables.final_table(runs, "cost").loc[("L2", 0.1), "ST"] == 0.125


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
    config = make_config(*row, dataset=dataset)
    assert config.epochs is not None
    write_run(tmp_path, config, with_final((1, 2, 3), (4, 5, 6), config.epochs))
    table = noel_tables.final_table(frame.read_runs(str(tmp_path), dataset), quantity)
    assert tuple(table.loc[row, ["paper ST", "paper M", "paper Ens"]]) == expected
    assert tuple(table.loc[row, ["ST", "M", "Ens"]]) == pytest.approx((1, 2, 3) if quantity == "error" else (4, 5, 6))


def test_the_reference_has_every_published_number_once() -> None:
    reference = noel_tables.paper_results()
    keys = list(zip(reference["dataset"], reference["method"], reference["weight"], reference["model"], strict=True))
    assert len(keys) == len(set(keys)) == 3 * 13 * 3
    assert set(keys) == {
        (dataset, method, weight, model)
        for dataset in ("MNIST", "notMNIST", "CIFAR10")
        for method, weight in ORDER
        for model in ("ST", "M", "Ens")
    }
    assert reference.notna().all(axis=None)


@pytest.mark.parametrize(
    "settings", [{"resnet": "fixed"}, {"epochs": 20}, {"dataset": "digits"}, {"split": "standard"}]
)
def test_runs_trained_otherwise_are_not_set_beside_the_paper(
    tmp_path: pathlib.Path, settings: dict[str, object]
) -> None:
    config = make_config("L2", 0.01, **settings)
    assert config.epochs is not None
    write_run(tmp_path, config, invented(0, config.epochs))
    table = noel_tables.final_table(frame.read_runs(str(tmp_path), config.dataset), "error")
    assert table.columns.tolist() == _OWN_COLUMNS


def test_a_power_of_a_tenth_finds_the_published_row_however_it_was_rounded(tmp_path: pathlib.Path) -> None:
    assert 0.1**2 != 0.01
    table = noel_tables.final_table(runs_with(tmp_path, {("L2", 0.1**2, 0): (1, 2, 3)}), "error")
    assert table["paper ST"].tolist() == [0.56]


def test_several_seeds_are_averaged_and_counted(tmp_path: pathlib.Path) -> None:
    finals = {("L2", 0.01, seed): (1.0 + seed**2, 2.0 + 2 * seed**2, 3.0) for seed in range(3)}
    runs = runs_with(tmp_path, {**finals, ("CE", 0.1, 1): (9.0, 9.0, 9.0)})
    table = noel_tables.final_table(runs, "error")
    assert table.loc[("L2", 0.01), ["ST", "M", "Ens"]].tolist() == pytest.approx([8 / 3, 16 / 3, 3.0])
    assert table["Seeds"].to_dict() == {("L2", 0.01): 3, ("CE", 0.1): 1}
    assert "Seeds" in render(table, "error", "markdown").splitlines()[0]


def test_csv_is_one_table_with_nothing_marked(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("L2", 0.01, 0): (0.12345678, 2, 3), ("CE", 0.0001, 0): (1 / 3, 2, 3)})
    read = pd.read_csv(io.StringIO(tables.report(runs, "csv"))).set_index(["method", "weight", "model"])
    assert len(read) == 6
    assert read.loc[("L2", 0.01, "ST"), "test_error_percent"] == pytest.approx(0.12345678, rel=1e-7)
    assert read.loc[("CE", 0.0001, "ST"), "test_error_percent"] == pytest.approx(1 / 3, rel=1e-7)
    assert read.loc[("L2", 0.01, "ST"), "paper_test_error_percent"] == 0.56
    assert read.loc[("L2", 0.01, "Ens"), "paper_test_cost"] == 0.0168002
    assert set(read["seeds"]) == {1}
    assert set(read["setting"]) == {recorded_run.DEFAULT_SETTINGS}


def _with_errors(
    tmp_path: pathlib.Path, errors: dict[tuple[str, float, int], Sequence[float]]
) -> list[recorded_run.Run]:
    """Runs whose ST has these test errors in percent, one an epoch; M has twice and the ensemble half of them."""
    for (method, weight, seed), values in errors.items():
        contents = invented(0, len(values))
        for content, factor in zip(contents.values(), (1, 2, 0.5), strict=True):
            content["test_errors"] = np.array(values) * factor / 100
        write_run(tmp_path, make_config(method, weight, seed, epochs=len(values)), contents)
    return frame.read_runs(str(tmp_path), "mnist")


def test_the_best_epoch_is_each_runs_own(tmp_path: pathlib.Path) -> None:
    """The mean of the lowest, not the lowest mean, which is 2.5, and not the last, whose mean is 4."""
    errors = {("L2", 0.1, 0): (1.0, 4.0, 3.0), ("L2", 0.1, 1): (8.0, 2.0, 5.0), ("L2", 0.1, 2): (3.0, 1.5, 4.0)}
    runs = _with_errors(tmp_path, errors)
    lowest = np.array(list(errors.values())).min(axis=1).mean()
    assert lowest == 1.5
    table = noel_tables.final_table(runs, "best_error")
    assert table.loc[("L2", 0.1), ["ST", "M", "Ens"]].tolist() == pytest.approx([lowest, 2 * lowest, lowest / 2])
    assert table.loc[("L2", 0.1), ["ST low", "ST high"]].tolist() == pytest.approx([1, 2])
    assert noel_tables.final_table(runs, "error").loc[("L2", 0.1), "ST"] == pytest.approx(4)


def test_each_output_has_a_best_epoch_of_its_own(tmp_path: pathlib.Path) -> None:
    contents = invented(0, 3)
    for content, values in zip(contents.values(), ([1, 2, 3], [6, 5, 4], [9, 7, 8]), strict=True):
        content["test_errors"] = np.array(values) / 100
    write_run(tmp_path, make_config("L2", 0.1, epochs=3), contents)
    table = noel_tables.final_table(frame.read_runs(str(tmp_path), "mnist"), "best_error")
    assert table.loc[("L2", 0.1), ["ST", "M", "Ens"]].tolist() == pytest.approx([1, 4, 7])


def test_runs_that_were_tested_rarely_stand_beside_the_paper_and_say_so_of_the_best_epoch(
    tmp_path: pathlib.Path,
) -> None:
    contents = invented(0, 30)
    for content in contents.values():
        content["test_errors"][:] = np.nan
        content["test_errors"][[9, 19, 29]] = [0.03, 0.01, 0.02]
    write_run(tmp_path, dataclasses.replace(make_config("L2", 0.1), test_every=10), contents)
    runs = frame.read_runs(str(tmp_path), "mnist")
    final = noel_tables.final_table(runs, "error").loc[("L2", 0.1)]
    assert (final["ST"], final["ST - paper"]) == (pytest.approx(2), pytest.approx(2 - final["paper ST"]))
    assert noel_tables.final_table(runs, "best_error").loc[("L2", 0.1), "ST"] == pytest.approx(1)
    notes = {table.heading: " ".join(table.notes) for table in tables.text_tables(runs)}
    said = [heading for heading, text in notes.items() if "Of every 10 epochs only the last was tested" in text]
    assert [heading.split("(")[0] for heading in said] == ["MNIST, best test error over 30 epochs in % "]


def _bootstrap(values: Sequence[float], tail: float) -> tuple[float, float]:
    """The percentiles of resampled means, with other random numbers than the code's."""
    random = np.random.default_rng(777)
    means = random.choice(np.array(values), (200_000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


# Of 8 values Student's 2.365 times the root of 8 / 7 is 2.528, beyond which lie 0.574 % of a normal distribution.
@pytest.mark.parametrize(
    ("values", "tail"), [((1.0, 3.0), 0), ((1.0, 2.0, 6.0), 0), ((1.1, 1.9, 1.4, 2.2, 1.6, 1.3, 2.0, 1.5), 0.574)]
)
def test_the_mean_of_several_seeds_has_its_bootstrap_interval(
    tmp_path: pathlib.Path, values: tuple[float, ...], tail: float
) -> None:
    # Directories stand in the order of digests, not of seeds.
    finals = {("L2", 0.01, seed): (value, 2 * value, 3 * value) for seed, value in enumerate(values)}
    row = noel_tables.final_table(runs_with(tmp_path, finals), "error").loc[("L2", 0.01)]
    assert row["ST"] == pytest.approx(np.mean(values))
    for model, factor in (("ST", 1), ("M", 2), ("Ens", 3)):
        expected = _bootstrap([factor * value for value in values], tail)
        assert (row[f"{model} low"], row[f"{model} high"]) == pytest.approx(expected, rel=0.02)
    if len(values) <= 3:
        assert (row["ST low"], row["ST high"]) == pytest.approx((min(values), max(values)))


def test_the_order_in_which_runs_were_found_does_not_matter(tmp_path: pathlib.Path) -> None:
    values = (1.1, 1.9, 1.4, 2.2, 1.6, 1.3, 2.0, 1.5)
    runs = runs_with(tmp_path, {("L2", 0.01, seed): (value, value, value) for seed, value in enumerate(values)})
    pd.testing.assert_frame_equal(
        noel_tables.final_table(runs, "error"), noel_tables.final_table(runs[::-1], "error"), check_exact=True
    )


def test_best_epochs_have_nothing_of_the_paper(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    assert noel_tables.final_table(runs, "best_error").columns.tolist() == _OWN_COLUMNS


def test_one_seed_has_no_interval(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    assert noel_tables.final_table(runs, "error").loc[("L2", 0.01), ["ST low", "ST high"]].isna().all()
    text = tables.report(runs, "markdown")
    assert "[" not in text
    assert "bootstrap" not in text


def test_costs_are_compared_with_the_papers_costs(tmp_path: pathlib.Path) -> None:
    table = noel_tables.final_table(runs_with(tmp_path, {("L2", 0.01, 0): (3.0, 2.0, 1.0)}), "cost")
    assert table.loc[("L2", 0.01), "ST - paper"] == pytest.approx(0.03 - 0.0257211)
    assert cells_of(render(table, "cost", "markdown"))[1][-3:] == ["+0.004279", "+0.000209", "-0.006800"]


def test_runs_of_two_lengths_are_not_mixed(tmp_path: pathlib.Path) -> None:
    runs = _with_errors(tmp_path, {("L2", 0.1, 0): (1.0, 2.0), ("L2", 0.1, 1): (4.0, 5.0, 6.0)})
    with pytest.raises(DataError, match=r"in one setting; received: mnist \(epochs=\d\); mnist \(epochs=\d\)"):
        noel_tables.final_table(runs, "error")
    read = tables.long_table(runs).set_index(["setting", "model"])["test_error_percent"]
    assert read.loc[[("epochs=2", "ST"), ("epochs=3", "ST")]].tolist() == pytest.approx([2, 6])


def test_no_runs_and_runs_of_two_data_sets_are_no_table(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="received: no runs"):
        noel_tables.final_table([], "error")
    for dataset in ("mnist", "cifar10"):
        write_run(tmp_path, make_config("L2", 0.1, dataset=dataset), invented(0, 30))
    runs = [run for dataset in ("mnist", "cifar10") for run in frame.read_runs(str(tmp_path), dataset)]
    for function in (lambda: noel_tables.final_table(runs, "error"), lambda: tables.long_table(runs)):
        with pytest.raises(DataError, match=r"mnist \(default settings\); cifar10 \(default settings\)"):
            function()


def test_a_run_that_is_there_twice_is_not_averaged(tmp_path: pathlib.Path) -> None:
    (run,) = runs_with(tmp_path, {("L2", 0.01, 0): (1, 2, 3)})
    for quantity in noel_tables.QUANTITIES:
        with pytest.raises(DataError, match=r"both have L2 0\.01, seed 0 of mnist"):
            noel_tables.final_table([run, run], quantity)


def test_csv_has_means_intervals_best_epochs_and_differences(tmp_path: pathlib.Path) -> None:
    """Compared with pandas, from the errors that were written."""
    random = np.random.default_rng(5)
    contents = {seed: invented(seed, 30) for seed in range(3)}
    for seed, content in contents.items():
        for values in content.values():
            values["test_errors"], values["test_costs"] = random.uniform(0.001, 0.02, (2, 30))
        write_run(tmp_path, make_config("L2", 0.01, seed), content)
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
    write_run(tmp_path, make_config("L2", 0.01, dataset="digits"), invented(0, 30))
    read = pd.read_csv(io.StringIO(tables.report(frame.read_runs(str(tmp_path), "digits"), "csv")))
    assert read.columns.tolist() == _CSV_COLUMNS
    assert (
        read[[name for name in _CSV_COLUMNS if "paper" in name or name.endswith(("low", "high"))]].isna().all(axis=None)
    )
