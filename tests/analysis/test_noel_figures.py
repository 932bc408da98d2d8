"""What the paper's figures show, against the statistics they are drawn from."""

import csv
import dataclasses
import functools
import lzma
import pathlib
from typing import Any

import numpy as np
import pytest
from figure_runs import (
    GRID,
    OUTPUT_NAMES,
    WEIGHTS,
    bands_of,
    invented_runs,
    line_of,
    make_bad,
    make_panels,
    texts_of,
    title_of,
    values_of,
)
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from analysis import figure_style, figures
from analysis.intervals import interval
from analysis.methods.ensemble import noel_figures, noel_tables, weight_figures
from analysis.methods.ensemble.noel_looks import ALPHA
from analysis.methods.ensemble.noel_rows import is_plain, setting_of
from collab_ensembles.errors import ConfigError, DataError


@pytest.mark.parametrize("model", OUTPUT_NAMES)
def test_the_last_ten_epochs_of_each_weight_are_drawn_in_its_methods_panel(model: str) -> None:
    runs = invented_runs()
    axes = noel_figures.last_epochs(runs, model, make_panels(3))
    for panel, method in zip(axes, ("CE", "L2", "L1"), strict=True):
        assert panel.get_title() == method
        for weight in WEIGHTS:
            line = line_of(panel, f"{ALPHA} = {weight:g}")
            np.testing.assert_array_equal(line.get_xdata(), np.arange(21, 31))
            np.testing.assert_array_equal(line.get_ydata(), values_of(runs, method, weight, model)[0, -10:])
        for output in OUTPUT_NAMES:
            line = line_of(panel, f"plain {output}")
            np.testing.assert_array_equal(line.get_ydata(), values_of(runs, "Single", 1.0, output)[0, -10:])
        shown = [line for line in panel.get_lines() if not str(line.get_label()).startswith("_")]
        assert len(shown) == 7
        legend = panel.get_legend()
        assert legend is not None
        assert {text.get_text() for text in legend.get_texts()} == {
            *(str(line.get_label()) for line in shown),
            "paper's final values",
            "author's curves",
        }


@functools.cache
def _author_rows() -> dict[tuple[str, ...], list[dict[str, str]]]:
    path = pathlib.Path(__file__).resolve().parents[2] / "analysis/reference/noel_2017_epochs.csv.xz"
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault((row["dataset"], row["model"], row["method"], row["weight"]), []).append(row)
    return found


def _author(dataset: str, model: str, method: str, weight: str, column: str) -> list[float]:
    """The author's curve, read without the project's code."""
    rows = _author_rows()[dataset, model, method, weight]
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    return [float(row[column]) for row in rows]


@pytest.mark.parametrize(
    ("dataset", "settings", "epochs"),
    [("mnist", {}, 30), ("mnist", {"split": "author"}, 30), ("notmnist", {}, 15), ("cifar10", {}, 30)],
)
def test_the_authors_curves_are_thin_dashed_lines_in_the_colour_of_ours(
    dataset: str, settings: dict[str, str], epochs: int
) -> None:
    runs, label = invented_runs(dataset=dataset, **settings), {"mnist": "MNIST", "notmnist": "notMNIST"}
    name = label.get(dataset, "CIFAR10")
    for panel, method in zip(noel_figures.last_epochs(runs, "M", make_panels(3)), ("CE", "L2", "L1"), strict=True):
        drawn = [(f"{ALPHA} = {weight}", "M", method, weight) for weight in ("1", "0.1", "0.01", "0.0001")]
        drawn += [(f"plain {model}", model, "Single", "1") for model in OUTPUT_NAMES]
        for line_name, *place in drawn:
            ours, theirs = line_of(panel, line_name), line_of(panel, f"_author's {line_name}")
            assert list(theirs.get_xdata()) == list(range(epochs - 9, epochs + 1))  # type: ignore[arg-type]
            assert list(theirs.get_ydata()) == _author(name, *place, "test_error")[-10:]  # type: ignore[arg-type]
            assert (theirs.get_color(), theirs.get_linestyle()) == (ours.get_color(), "--")
            assert theirs.get_linewidth() < 1 <= ours.get_linewidth()
    panels = noel_figures.training(runs, make_panels(6))
    places = [(model, quantity) for model in OUTPUT_NAMES for quantity in ("error", "cost")]
    for panel, (model, quantity) in zip(panels, places, strict=True):
        for line_name, method, weight in (("plain", "Single", "1"), (f"L2, {ALPHA} = 0.01", "L2", "0.01")):
            for data, column in (("test", "test"), ("training", "train")):
                theirs = line_of(panel, f"author's {line_name}: {data}")
                expected = _author(name, model, method, weight, f"{column}_{quantity}")
                assert list(theirs.get_ydata()) == expected  # type: ignore[arg-type]
                assert theirs.get_linewidth() < 1
    assert all("author" in each.caption for each in figures.drawings(runs) if each.name[1].isdigit())


def test_the_authors_curves_end_in_the_published_values() -> None:
    published = noel_tables.paper_results()
    assert len(published) == 117
    for row in published.to_dict("records"):
        place = (row["dataset"], row["model"], row["method"], f"{row['weight']:g}")
        assert round(_author(*place, "test_error")[-1], 2) == row["test_error_percent"]
        assert _author(*place, "test_cost")[-1] == pytest.approx(row["test_cost"], rel=2e-5)


def test_several_seeds_are_drawn_as_mean_and_bootstrap_interval() -> None:
    runs = invented_runs(seeds=4)
    for panel, method in zip(noel_figures.last_epochs(runs, "M", make_panels(3)), ("CE", "L2", "L1"), strict=True):
        for weight, collection in zip(WEIGHTS, bands_of(panel)[:4], strict=True):
            values = values_of(runs, method, weight, "M")[:, -10:]
            line = line_of(panel, f"{ALPHA} = {weight:g}")
            np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0), rtol=1e-12)
            assert to_rgba(line.get_color())[:3] == tuple(collection.get_facecolor()[0, :3])  # type: ignore[index]
            corners = collection.get_paths()[0].vertices
            for epoch, column in zip(range(21, 31), values.T, strict=True):
                at_epoch = np.asarray(corners)[np.asarray(corners)[:, 0] == epoch, 1]
                assert (at_epoch.min(), at_epoch.max()) == pytest.approx(interval(column.tolist()), rel=1e-9)
        assert len(bands_of(panel)) == 7


def test_one_seed_has_no_band() -> None:
    assert not any(bands_of(panel) for panel in noel_figures.last_epochs(invented_runs(), "ST", make_panels(3)))


@pytest.mark.parametrize(
    ("dataset", "model", "method", "weight", "published"),
    [("mnist", "ST", "L2", 0.01, 0.56), ("mnist", "M", "L1", 1.0, 2.75), ("cifar10", "M", "L2", 0.0001, 21.99)],
)
def test_the_papers_final_values_are_marked_at_the_last_epoch(
    dataset: str, model: str, method: str, weight: float, published: float
) -> None:
    axes = noel_figures.last_epochs(invented_runs(dataset=dataset), model, make_panels(3))
    mark = line_of(axes[("CE", "L2", "L1").index(method)], f"_paper's {ALPHA} = {weight:g}")
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([30], [published])  # type: ignore[arg-type]
    assert mark.get_marker() == "D"
    assert (
        mark.get_markerfacecolor()
        == line_of(axes[("CE", "L2", "L1").index(method)], f"{ALPHA} = {weight:g}").get_color()
    )


def test_marks_stand_whole_within_their_panel() -> None:
    panels = noel_figures.last_epochs(invented_runs(), "ST", make_panels(3))
    figure = panels[0].figure
    assert isinstance(figure, Figure)
    figure.set_size_inches(11.5, 4.9)
    figure.canvas.draw()
    for panel in panels:
        box = panel.get_window_extent()
        mark = line_of(panel, "_paper's plain ST")
        place = panel.transData.transform(np.asarray(mark.get_xydata()))[0, 0]
        assert place + float(mark.get_markersize()) * figure.dpi / 72 / np.sqrt(2) < box.x1


def test_the_papers_plain_ensemble_is_marked_in_every_panel() -> None:
    for panel in noel_figures.last_epochs(invented_runs(), "ST", make_panels(3)):
        marks = [line_of(panel, f"_paper's plain {output}").get_ydata() for output in OUTPUT_NAMES]
        assert [list(mark) for mark in marks] == [[0.77], [0.62], [0.52]]  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"resnet": "fixed"}, {"epochs": 20}, {"dataset": "digits"}])
def test_runs_trained_otherwise_are_not_marked_with_the_papers_values(settings: dict[str, Any]) -> None:
    for panel in noel_figures.last_epochs(invented_runs(**settings), "ST", make_panels(3)):
        assert not [line for line in panel.get_lines() if line.get_marker() == "D" or "author" in str(line.get_label())]
        legend = panel.get_legend()
        assert legend is not None
        assert "paper's final values" not in [text.get_text() for text in legend.get_texts()]


def test_limits_come_from_the_data_unless_the_papers_are_asked_for() -> None:
    runs = invented_runs()
    for panel in noel_figures.last_epochs(runs, "ST", make_panels(3), paper_axes=True):
        assert panel.get_ylim() == (0.4, 1.0)
    shown = [values_of(runs, "CE", weight, "ST")[0, -10:] for weight in WEIGHTS]
    for panel in noel_figures.last_epochs(runs, "ST", make_panels(3)):
        low, high = panel.get_ylim()
        assert low < min(map(np.min, shown))
        assert max(map(np.max, shown)) < high < 2
        assert (low, high) != (0.4, 1.0)


@pytest.mark.parametrize(
    ("dataset", "errors", "costs"),
    [("mnist", (0, 2), (0, 0.15)), ("notmnist", (1.1, 11), (0.05, 0.4)), ("cifar10", (0, 60), (0, 2.5))],
)
def test_the_papers_limits_of_training_curves(
    dataset: str, errors: tuple[float, float], costs: tuple[float, float]
) -> None:
    panels = noel_figures.training(invented_runs(dataset=dataset), make_panels(6), paper_axes=True)
    assert [panel.get_ylim() for panel in panels] == 3 * [errors, costs]
    left, right = [panel.get_ylim() for panel in noel_figures.training(invented_runs(dataset=dataset), make_panels(6))][
        :2
    ]
    assert errors != left
    assert costs != right


@pytest.mark.parametrize("dataset", ["digits", "notmnist/small"])
def test_the_paper_has_no_limits_for_other_data(dataset: str) -> None:
    with pytest.raises(ConfigError, match="MNIST, notMNIST, CIFAR10"):
        noel_figures.last_epochs(invented_runs(dataset=dataset), "ST", make_panels(3), paper_axes=True)
    with pytest.raises(ConfigError, match="MNIST, notMNIST, CIFAR10"):
        noel_figures.training(invented_runs(dataset=dataset), make_panels(6), paper_axes=True)


def test_one_bad_line_does_not_flatten_the_others_and_is_named() -> None:
    runs = invented_runs(epochs=25)
    for panel in noel_figures.last_epochs(runs, "M", make_panels(3)):
        assert not panel.texts
    bad = make_bad(runs, "L1", 1.0, 7.25)
    ce, l2, l1 = noel_figures.last_epochs(bad, "M", make_panels(3))
    assert l1.get_ylim()[1] < 2
    assert texts_of(l1) == f"outside: {ALPHA} = 1 (7.25)"
    assert not ce.texts
    assert not l2.texts
    assert ce.get_ylim() == l2.get_ylim() == l1.get_ylim()


def test_a_published_value_outside_is_named_too() -> None:
    """The paper's L1 with weight 1 has 2.75 %."""
    ce, _, l1 = noel_figures.last_epochs(invented_runs(), "M", make_panels(3), paper_axes=True)
    assert f"paper's {ALPHA} = 1 (2.75)" in texts_of(l1)
    assert "paper's" not in texts_of(ce)


def test_notes_stand_above_the_lines() -> None:
    # Of all lines those of L2 are the highest.
    bad = make_bad(invented_runs(epochs=25), "L2", 1.0, 7.25)
    panels = noel_figures.last_epochs(bad, "M", make_panels(3))
    figure = panels[1].figure
    assert isinstance(figure, Figure)
    figure.set_size_inches(11.5, 4.9)
    figure.canvas.draw()
    note = panels[1].texts[0].get_window_extent()
    for line in panels[1].get_lines():
        if line.get_label() != f"{ALPHA} = 1":
            heights = panels[1].transData.transform(np.asarray(line.get_xydata()))[:, 1]
            assert heights.max() < note.y0


@pytest.mark.parametrize("bad", [[], [50.0], [50.0, 80.0]])
def test_robust_limits_hold_most_values_and_not_the_far_ones(bad: list[float]) -> None:
    good = np.linspace(1, 2, 21)
    low, high = figure_style.robust_limits([good, np.array(bad)])
    assert 0.9 < low < 1
    assert 2 < high < 2.1
    assert figure_style.robust_limits([good, np.array([3.0])])[1] > 3


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_robust_limits_of_equal_values_are_apart(value: float) -> None:
    low, high = figure_style.robust_limits([np.full(5, value)])
    assert low < value < high


def test_training_curves_show_all_epochs_of_every_output_of_both_ensembles() -> None:
    runs = invented_runs()
    (drawing,) = [each for each in figures.drawings(runs) if each.name == "b1_mnist"]
    figure = drawing.draw()
    places = [(model, *quantity) for model in OUTPUT_NAMES for quantity in (("Error", "error in %"), ("Cost", "cost"))]
    labels = set()
    for panel, (model, quantity, unit) in zip(figure.get_axes(), places, strict=True):
        assert panel.get_title() == f"{model}, {quantity.lower()}"
        assert panel.get_ylabel() == unit
        own = [line for line in panel.get_lines() if "author" not in str(line.get_label())]
        assert len(own) == 4
        for name, key in (("plain", ("Single", 1.0)), (f"L2, {ALPHA} = 0.01", ("L2", 0.01))):
            for data, kind, dash in (("test", "Test", "-"), ("training (running average)", "Train", "--")):
                line = line_of(panel, f"{name}: {data}")
                labels.add(f"{name}: {data}")
                assert line.get_linestyle() == dash
                np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 31))
                np.testing.assert_array_equal(line.get_ydata(), values_of(runs, *key, model, f"{kind}{quantity}")[0])
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts() if "author" not in text.get_text()} == labels


@pytest.mark.parametrize(
    ("epoch_means", "lacking", "drawn", "label"),
    [
        (False, False, "TrainError", "running average"),
        (True, False, "TrainErrorMean", "mean of the epoch"),
        (True, True, "TrainError", "running average"),
    ],
)
def test_training_curves_are_running_averages_as_published_or_means(
    epoch_means: bool, lacking: bool, drawn: str, label: str
) -> None:
    runs = [
        dataclasses.replace(
            run,
            statistics={
                name: table.assign(TrainErrorMean=table["TrainError"] + 1, TrainCostMean=table["TrainCost"] + 1)
                for name, table in run.statistics.items()
            },
        )
        for run in invented_runs()
    ]
    if lacking:  # as the author's files do
        runs[0].statistics["ST"] = runs[0].statistics["ST"].drop(columns=["TrainErrorMean", "TrainCostMean"])
    (plain,) = (run for run in runs if is_plain(run))
    lines = noel_figures.training(runs, make_panels(6), epoch_means=epoch_means)[0].get_lines()
    (line,) = (line for line in lines if str(line.get_label()).startswith("plain: training"))
    assert label in str(line.get_label())
    np.testing.assert_array_equal(line.get_ydata(), plain.statistics["ST"][drawn])


def test_training_curves_of_all_outputs_have_the_same_limits() -> None:
    panels = noel_figures.training(make_bad(invented_runs(), "L2", 0.01, 7.25), make_panels(6))
    for column in (0, 1):
        assert len({panel.get_ylim() for panel in panels[column::2]}) == 1
    assert panels[0].get_ylim() != panels[1].get_ylim()


def test_training_curves_find_the_weight_however_it_was_rounded() -> None:
    runs = [
        dataclasses.replace(run, config=dataclasses.replace(run.config, weight=0.1**2))
        if setting_of(run.config) == ("L2", 0.01)
        else run
        for run in invented_runs()
    ]
    lines = noel_figures.training(runs, make_panels(6))[0].get_lines()
    assert len([line for line in lines if "author" not in str(line.get_label())]) == 4


@pytest.mark.parametrize(
    ("missing", "message"), [(("plain", 1.0), "plain ensemble"), (("L2", 0.01), f"L2, {ALPHA} = 0.01")]
)
def test_training_curves_take_both_ensembles(missing: tuple[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        noel_figures.training(invented_runs(grid=[row for row in GRID if row != missing]), make_panels(6))


def test_a_method_without_runs_keeps_an_honest_panel() -> None:
    runs = invented_runs(grid=[("plain", 1.0), ("L2", 0.1)])
    panels = noel_figures.last_epochs(runs, "ST", make_panels(3))
    assert [panel.get_title() for panel in panels] == ["CE (no runs)", "L2", "L1 (no runs)"]
    weight_figures.alpha(runs, make_panels(3))


def test_unknown_outputs_are_named() -> None:
    with pytest.raises(DataError, match="no output 'B3R5F16'; there are ST, M, Ens"):
        noel_figures.last_epochs(invented_runs(), "B3R5F16", make_panels(3))


def test_few_epochs_are_all_shown() -> None:
    axes = noel_figures.last_epochs(invented_runs(epochs=1), "ST", make_panels(3))
    assert "last 1 of 1 epochs" in title_of(axes[0])
    line = line_of(axes[0], f"{ALPHA} = 1")
    assert list(line.get_xdata()) == [1]  # type: ignore[arg-type]
    assert line.get_marker() == "o"
