"""What figures show, against the statistics they are drawn from."""

import colorsys
import dataclasses
import itertools
import pathlib
import xml.etree.ElementTree
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from synthetic_runs import KEYS, OUTPUTS, write_run

import command_runner
from analysis import efficiency, figure_style, figures, frame
from analysis.figure_style import ALPHA
from analysis.intervals import interval
from analysis.recorded_run import Run
from collab_ensembles.config import RunConfig
from collab_ensembles.errors import CollabError, ConfigError, DataError
from collab_ensembles.run_directory import Status

_WEIGHTS = (1.0, 0.1, 0.01, 0.0001)
_GRID = [("None", 1.0), *((method, weight) for method in ("CE", "L1", "L2") for weight in _WEIGHTS)]
_OUTPUT_NAMES = ("ST", "M", "Ens")
_HUES = {"CE": (190, 225), "L2": (240, 290), "L1": (100, 150)}


def _statistics(method: str, weight: float, seed: int, epochs: int, further: bool = True) -> dict[str, pd.DataFrame]:
    """Errors that fall from about 5 to about 0.5 %, a little different in every cell; costs a hundredth."""
    number = _GRID.index((method, weight))
    result = {}
    for place, output in enumerate(_OUTPUT_NAMES):
        random = np.random.default_rng((number, seed, place))
        data = {}
        for scale, name in ((1.0, "TestError"), (0.01, "TestCost"), (0.8, "TrainError"), (0.008, "TrainCost")):
            level = 0.5 + 0.02 * number + 4.5 * np.exp(-np.arange(epochs) / 3)
            data[name] = scale * (level + random.uniform(0, 0.03, epochs))
        if output == "Ens" and further:
            data["Disagreement"] = 2 + random.uniform(0, 1, epochs)
            data["LogitDistance"] = 20 + random.uniform(0, 5, epochs)
        result[output] = pd.DataFrame(data, index=pd.RangeIndex(1, epochs + 1, name="Epoch"))
    return result


def _runs(
    seeds: int = 1, grid: Sequence[tuple[str, float]] = _GRID, further: bool = True, **settings: Any
) -> list[Run]:
    runs = []
    for seed in range(seeds):
        for method, weight in grid:
            config = RunConfig(**{"dataset": "mnist", "method": method, "weight": weight, "seed": seed, **settings})
            assert config.epochs is not None
            statistics = _statistics(method, weight, seed, config.epochs, further)
            runs.append(Run(f"runs/{method} {weight}", config, Status(state="done"), statistics))
    return runs


def _panels(number: int) -> list[Axes]:
    figure = Figure(layout="constrained")
    return [figure.add_subplot(1, number, place + 1) for place in range(number)]


def _values(runs: Sequence[Run], method: str, weight: float, output: str, data: str = "TestError") -> np.ndarray:
    """[seeds, epochs]."""
    chosen = [run for run in runs if (run.method, run.config.weight) == (method, weight)]
    return np.array([run.statistics[output][data] for run in chosen])


def _line(axes: Axes, label: str) -> Line2D:
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return line


def _bands(axes: Axes) -> list[PolyCollection]:
    return [collection for collection in axes.collections if isinstance(collection, PolyCollection)]


def _texts(axes: Axes) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in axes.texts)


def _title(axes: Axes) -> str:
    return axes.figure.get_suptitle()  # type: ignore[union-attr]


def _make_bad(runs: list[Run], method: str, weight: float, error: float) -> list[Run]:
    """The same runs, with one ensemble's errors raised to this."""
    result = []
    for run in runs:
        if (run.method, run.config.weight) == (method, weight):
            statistics = {output: table.assign(TestError=error) for output, table in run.statistics.items()}
            run = dataclasses.replace(run, statistics=statistics)
        result.append(run)
    return result


@pytest.mark.parametrize("model", _OUTPUT_NAMES)
def test_the_last_ten_epochs_of_each_weight_are_drawn_in_its_methods_panel(model: str) -> None:
    runs = _runs()
    axes = figures.last_epochs(runs, model, _panels(3))
    for panel, method in zip(axes, ("CE", "L2", "L1"), strict=True):
        assert panel.get_title() == method
        for weight in _WEIGHTS:
            line = _line(panel, f"{ALPHA} = {weight:g}")
            np.testing.assert_array_equal(line.get_xdata(), np.arange(21, 31))
            np.testing.assert_array_equal(line.get_ydata(), _values(runs, method, weight, model)[0, -10:])
        for output in _OUTPUT_NAMES:
            line = _line(panel, f"plain {output}")
            np.testing.assert_array_equal(line.get_ydata(), _values(runs, "Single", 1.0, output)[0, -10:])
        shown = [line for line in panel.get_lines() if not str(line.get_label()).startswith("_")]
        assert len(shown) == 7
        legend = panel.get_legend()
        assert legend is not None
        assert {text.get_text() for text in legend.get_texts()} == {
            *(str(line.get_label()) for line in shown),
            "paper's final values",
        }


def test_several_seeds_are_drawn_as_mean_and_bootstrap_interval() -> None:
    runs = _runs(seeds=4)
    for panel, method in zip(figures.last_epochs(runs, "M", _panels(3)), ("CE", "L2", "L1"), strict=True):
        for weight, collection in zip(_WEIGHTS, _bands(panel)[:4], strict=True):
            values = _values(runs, method, weight, "M")[:, -10:]
            line = _line(panel, f"{ALPHA} = {weight:g}")
            np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0), rtol=1e-12)
            assert to_rgba(line.get_color())[:3] == tuple(collection.get_facecolor()[0, :3])  # type: ignore[index]
            corners = collection.get_paths()[0].vertices
            for epoch, column in zip(range(21, 31), values.T, strict=True):
                at_epoch = np.asarray(corners)[np.asarray(corners)[:, 0] == epoch, 1]
                assert (at_epoch.min(), at_epoch.max()) == pytest.approx(interval(column.tolist()), rel=1e-9)
        assert len(_bands(panel)) == 7


def test_one_seed_has_no_band() -> None:
    assert not any(_bands(panel) for panel in figures.last_epochs(_runs(), "ST", _panels(3)))


def test_lines_are_wider_and_lie_lower_the_smaller_the_weight() -> None:
    for panel in figures.last_epochs(_runs(), "ST", _panels(3)):
        lines = [_line(panel, f"{ALPHA} = {weight:g}") for weight in _WEIGHTS]
        widths = [line.get_linewidth() for line in lines]
        assert all(narrow + 0.3 < wide for narrow, wide in itertools.pairwise(widths))
        heights = [line.get_zorder() for line in lines]
        assert heights == sorted(heights, reverse=True)
        assert len(set(heights)) == 4


def _drawn_colours() -> dict[tuple[str, str, str], Any]:
    """By figure, method and label."""
    runs = _runs()
    result = {}
    for name, axes in (
        ("last epochs", figures.last_epochs(runs, "ST", _panels(3))),
        ("alpha", figures.alpha(runs, _panels(3))),
    ):
        for panel, method in zip(axes, ("CE", "L2", "L1"), strict=True):
            for line in panel.get_lines():
                label = str(line.get_label())
                if not label.startswith("_"):
                    result[name, "Single" if "plain" in label else method, label] = line.get_color()
    for name, axes in (
        ("training", figures.training(runs, "ST", _panels(2))),
        ("disagreement", figures.disagreement(runs, _panels(2))),
    ):
        for line in axes[0].get_lines():
            label = str(line.get_label())
            result[name, "Single" if "plain" in label else label.split(",")[0], label] = line.get_color()
    return result


def test_each_method_has_one_family_of_colours_in_all_figures() -> None:
    colours = _drawn_colours()
    assert {(name, method) for name, method, _ in colours} >= {
        *((name, method) for name in ("last epochs", "disagreement") for method in ("CE", "L2", "L1", "Single")),
        ("training", "L2"),
        ("training", "Single"),
    }
    for (_, method, label), colour in colours.items():
        red, green, blue, _ = to_rgba(colour)
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        if method == "Single":
            assert saturation < 0.01, label
        else:
            assert saturation > 0.15, label
            assert _HUES[method][0] <= 360 * hue <= _HUES[method][1], (method, label, 360 * hue)
        assert value < 0.9


def test_a_method_and_weight_have_the_same_colour_in_all_figures() -> None:
    colours = _drawn_colours()
    expected = colours["last epochs", "L2", f"{ALPHA} = 0.01"]
    assert colours["training", "L2", f"L2, {ALPHA} = 0.01: test"] == expected
    assert colours["training", "L2", f"L2, {ALPHA} = 0.01: training"] == expected
    assert colours["disagreement", "L2", f"L2, {ALPHA} = 0.01"] == expected
    assert (
        len(
            {
                tuple(colours["disagreement", method, f"{method}, {ALPHA} = {weight:g}"])
                for method in _HUES
                for weight in _WEIGHTS
            }
        )
        == 12
    )


@pytest.mark.parametrize(
    ("dataset", "model", "method", "weight", "published"),
    [("mnist", "ST", "L2", 0.01, 0.56), ("mnist", "M", "L1", 1.0, 2.75), ("cifar10", "M", "L2", 0.0001, 21.99)],
)
def test_the_papers_final_values_are_marked_at_the_last_epoch(
    dataset: str, model: str, method: str, weight: float, published: float
) -> None:
    axes = figures.last_epochs(_runs(dataset=dataset), model, _panels(3))
    mark = _line(axes[("CE", "L2", "L1").index(method)], f"_paper's {ALPHA} = {weight:g}")
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([30], [published])  # type: ignore[arg-type]
    assert mark.get_marker() == "D"
    assert (
        mark.get_markerfacecolor() == _line(axes[("CE", "L2", "L1").index(method)], f"{ALPHA} = {weight:g}").get_color()
    )


def test_marks_stand_whole_within_their_panel() -> None:
    panels = figures.last_epochs(_runs(), "ST", _panels(3))
    figure = panels[0].figure
    assert isinstance(figure, Figure)
    figure.set_size_inches(11.5, 4.9)
    figure.canvas.draw()
    for panel in panels:
        box = panel.get_window_extent()
        mark = _line(panel, "_paper's plain ST")
        place = panel.transData.transform(np.asarray(mark.get_xydata()))[0, 0]
        assert place + float(mark.get_markersize()) * figure.dpi / 72 / np.sqrt(2) < box.x1


def test_the_papers_plain_ensemble_is_marked_in_every_panel() -> None:
    for panel in figures.last_epochs(_runs(), "ST", _panels(3)):
        marks = [_line(panel, f"_paper's plain {output}").get_ydata() for output in _OUTPUT_NAMES]
        assert [list(mark) for mark in marks] == [[0.77], [0.62], [0.52]]  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"resnet": "fixed"}, {"epochs": 20}, {"dataset": "digits"}])
def test_runs_trained_otherwise_are_not_marked_with_the_papers_values(settings: dict[str, Any]) -> None:
    for panel in figures.last_epochs(_runs(**settings), "ST", _panels(3)):
        assert not [line for line in panel.get_lines() if line.get_marker() == "D"]
        legend = panel.get_legend()
        assert legend is not None
        assert "paper's final values" not in [text.get_text() for text in legend.get_texts()]


def test_limits_come_from_the_data_unless_the_papers_are_asked_for() -> None:
    runs = _runs()
    for panel in figures.last_epochs(runs, "ST", _panels(3), paper_axes=True):
        assert panel.get_ylim() == (0.4, 1.0)
    shown = [_values(runs, "CE", weight, "ST")[0, -10:] for weight in _WEIGHTS]
    for panel in figures.last_epochs(runs, "ST", _panels(3)):
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
    left, right = figures.training(_runs(dataset=dataset), "ST", _panels(2), paper_axes=True)
    assert (left.get_ylim(), right.get_ylim()) == (errors, costs)
    left, right = figures.training(_runs(dataset=dataset), "ST", _panels(2))
    assert errors != left.get_ylim()
    assert costs != right.get_ylim()


@pytest.mark.parametrize("dataset", ["digits", "notmnist/small"])
def test_the_paper_has_no_limits_for_other_data(dataset: str) -> None:
    with pytest.raises(ConfigError, match="MNIST, notMNIST, CIFAR10"):
        figures.last_epochs(_runs(dataset=dataset), "ST", _panels(3), paper_axes=True)
    with pytest.raises(ConfigError, match="MNIST, notMNIST, CIFAR10"):
        figures.training(_runs(dataset=dataset), "ST", _panels(2), paper_axes=True)


def test_one_bad_line_does_not_flatten_the_others_and_is_named() -> None:
    runs = _runs(epochs=25)
    for panel in figures.last_epochs(runs, "M", _panels(3)):
        assert not panel.texts
    bad = _make_bad(runs, "L1", 1.0, 7.25)
    ce, l2, l1 = figures.last_epochs(bad, "M", _panels(3))
    assert l1.get_ylim()[1] < 2
    assert _texts(l1) == f"outside: {ALPHA} = 1 (7.25)"
    assert not ce.texts
    assert not l2.texts
    assert ce.get_ylim() == l2.get_ylim() == l1.get_ylim()


def test_a_published_value_outside_is_named_too() -> None:
    """The paper's L1 with weight 1 has 2.75 %."""
    ce, _, l1 = figures.last_epochs(_runs(), "M", _panels(3), paper_axes=True)
    assert f"paper's {ALPHA} = 1 (2.75)" in _texts(l1)
    assert "paper's" not in _texts(ce)


def test_notes_stand_above_the_lines() -> None:
    # Of all lines those of L2 are the highest.
    bad = _make_bad(_runs(epochs=25), "L2", 1.0, 7.25)
    panels = figures.last_epochs(bad, "M", _panels(3))
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


def test_training_curves_show_all_epochs_of_both_ensembles() -> None:
    runs = _runs()
    for panel, quantity, label in zip(
        figures.training(runs, "M", _panels(2)), ("Error", "Cost"), ("error in %", "cost"), strict=True
    ):
        assert panel.get_ylabel() == label
        assert len(panel.get_lines()) == 4
        for name, key in (("plain", ("Single", 1.0)), (f"L2, {ALPHA} = 0.01", ("L2", 0.01))):
            for data, kind, dash in (("test", "Test", "-"), ("training", "Train", "--")):
                line = _line(panel, f"{name}: {data}")
                assert line.get_linestyle() == dash
                np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 31))
                np.testing.assert_array_equal(line.get_ydata(), _values(runs, *key, "M", f"{kind}{quantity}")[0])


def test_training_curves_find_the_weight_however_it_was_rounded() -> None:
    runs = [
        dataclasses.replace(run, config=dataclasses.replace(run.config, weight=0.1**2))
        if (run.method, run.config.weight) == ("L2", 0.01)
        else run
        for run in _runs()
    ]
    assert len(figures.training(runs, "ST", _panels(2))[0].get_lines()) == 4


@pytest.mark.parametrize(
    ("missing", "message"), [(("None", 1.0), "plain ensemble"), (("L2", 0.01), f"L2, {ALPHA} = 0.01")]
)
def test_training_curves_take_both_ensembles(missing: tuple[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        figures.training(_runs(grid=[row for row in _GRID if row != missing]), "ST", _panels(2))


def test_final_errors_stand_at_their_weights_with_intervals_over_seeds() -> None:
    runs = _runs(seeds=3)
    for panel, method in zip(figures.alpha(runs, _panels(3)), ("CE", "L2", "L1"), strict=True):
        assert panel.get_xscale() == "log"
        containers = {c.get_label(): c for c in panel.containers if isinstance(c, ErrorbarContainer)}
        assert list(containers) == list(_OUTPUT_NAMES)
        for output, container in containers.items():
            line, _, (bars,) = container.lines
            finals = [_values(runs, method, weight, str(output))[:, -1] for weight in _WEIGHTS[::-1]]
            np.testing.assert_allclose(line.get_xdata(), _WEIGHTS[::-1], rtol=0.11)
            np.testing.assert_allclose(line.get_ydata(), np.mean(finals, axis=1), rtol=1e-12)
            for segment, values in zip(bars.get_segments(), finals, strict=True):
                assert tuple(segment[:, 1]) == pytest.approx(interval(values.tolist()), rel=1e-9)
        places = [container.lines[0].get_xdata()[0] for container in containers.values()]
        assert places == sorted(places)
        assert len(set(places)) == 3
        for output in _OUTPUT_NAMES:
            expected = _values(runs, "Single", 1.0, output)[:, -1].mean()
            assert list(_line(panel, f"plain {output}").get_ydata()) == pytest.approx([expected] * 2)  # type: ignore[arg-type]


def test_a_weight_of_0_is_left_out_of_the_logarithmic_axis() -> None:
    runs = _runs()
    zero = [
        dataclasses.replace(run, config=dataclasses.replace(run.config, weight=0.0))
        if (run.method, run.config.weight) == ("L2", 0.0001)
        else run
        for run in runs
    ]
    panels = figures.alpha(zero, _panels(3))
    containers = [[len(c.lines[0].get_xdata()) for c in panel.containers] for panel in panels]  # type: ignore[attr-defined]
    assert containers == [[4] * 3, [3] * 3, [4] * 3]


@pytest.mark.parametrize("draw", [figures.alpha, lambda runs, axes: figures.last_epochs(runs, "ST", axes)])
def test_figures_of_weights_take_a_collaborating_run(draw: Callable[..., object]) -> None:
    with pytest.raises(DataError, match="no run has a collaboration method"):
        draw(_runs(grid=[("None", 1.0)]), _panels(3))


def test_a_method_without_runs_keeps_an_honest_panel() -> None:
    runs = _runs(grid=[("None", 1.0), ("L2", 0.1)])
    panels = figures.last_epochs(runs, "ST", _panels(3))
    assert [panel.get_title() for panel in panels] == ["CE (no runs)", "L2", "L1 (no runs)"]
    figures.alpha(runs, _panels(3))


def test_disagreement_shows_every_method_and_weight() -> None:
    runs = _runs(seeds=2)
    left, right = figures.disagreement(runs, _panels(2))
    assert "%" in left.get_ylabel()
    for panel, data in ((left, "Disagreement"), (right, "LogitDistance")):
        assert len(panel.get_lines()) == 13
        for method in ("CE", "L2", "L1", "Single"):
            for weight in _WEIGHTS if method != "Single" else (1.0,):
                line = _line(panel, "plain" if method == "Single" else f"{method}, {ALPHA} = {weight:g}")
                expected = _values(runs, method, weight, "Ens", data)
                assert expected.shape == (2, 30)
                np.testing.assert_allclose(line.get_ydata(), expected.mean(axis=0), rtol=1e-12)
    assert len(left.figure.legends[0].get_texts()) == 13


def test_disagreement_that_was_not_recorded_cannot_be_shown() -> None:
    with pytest.raises(DataError, match="Disagreement of Ens was not recorded"):
        figures.disagreement(_runs(further=False), _panels(2))


def test_unknown_outputs_are_named() -> None:
    with pytest.raises(DataError, match="no output 'B3R5F16'; there are ST, M, Ens"):
        figures.last_epochs(_runs(), "B3R5F16", _panels(3))


_EFFICIENCY = pd.DataFrame(
    {
        "model": ["ST", "M", "Ens"],
        "parameters": [40_000, 200_000, 240_000],
        "seconds_per_image": [0.001, 0.003, 0.004],
        "test_error": [0.7, 0.6, 0.5],
    }
)


def test_efficiency_shows_error_against_size_and_time() -> None:
    left, right = efficiency.efficiency(_EFFICIENCY, _panels(2))
    for panel, expected in ((left, [40, 200, 240]), (right, [1, 3, 4])):
        *points, claim = panel.get_lines()
        assert [line.get_xdata()[0] for line in points] == pytest.approx(expected)  # type: ignore[index]
        assert [line.get_ydata()[0] for line in points] == [0.7, 0.6, 0.5]  # type: ignore[index]
        assert len({line.get_marker() for line in points}) == 3
        # As Noel (2017) claims: a fifth of 200 thousand parameters, a third of 3 ms.
        assert claim.get_xdata()[0] == pytest.approx(expected[0])  # type: ignore[index]
        assert claim.get_label() == "paper's claim for ST"
        assert panel.get_xlim()[0] == 0
    assert [line.get_label() for line in left.get_lines()][:3] == ["ST: 20 % of M", "M", "Ens: 120 % of M"]
    assert [line.get_label() for line in right.get_lines()][:3] == [
        "ST: 3 times as fast as M",
        "M",
        "Ens: 0.75 times as fast as M",
    ]


def test_efficiency_without_m_compares_with_the_largest_and_claims_nothing() -> None:
    rows = _EFFICIENCY.replace({"model": {"M": "B3R5F16", "Ens": "B4R5F16"}})
    left, right = efficiency.efficiency(rows, _panels(2))
    assert [line.get_label() for line in left.get_lines()] == [
        "ST: 17 % of B4R5F16",
        "B3R5F16: 83 % of B4R5F16",
        "B4R5F16",
    ]
    assert len(right.get_lines()) == 3


@pytest.mark.parametrize("column", efficiency.EFFICIENCY_COLUMNS)
def test_efficiency_names_what_is_missing(column: str) -> None:
    with pytest.raises(DataError, match=f"no {column}"):
        efficiency.efficiency(_EFFICIENCY.drop(columns=column), _panels(2))
    with pytest.raises(DataError, match="no rows"):
        efficiency.efficiency(_EFFICIENCY[:0], _panels(2))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (_runs(), ["MNIST", "(1 seed)"]),
        (_runs(seeds=3), ["MNIST", "(3 seeds; means and 95 % bootstrap intervals)"]),
        (_runs(seeds=2)[:-1], ["(1 to 2 seeds;"]),
        (_runs(dataset="digits", resnet="fixed"), ["digits", "resnet=fixed"]),
    ],
)
def test_titles_name_data_set_seeds_and_unusual_settings(runs: list[Run], expected: list[str]) -> None:
    drawn = [
        figures.last_epochs(runs, "ST", _panels(3)),
        figures.alpha(runs, _panels(3)),
        figures.disagreement(runs, _panels(2)),
    ]
    for axes in drawn:
        for text in expected:
            assert text in _title(axes[0])
        assert "default settings" not in _title(axes[0])


def test_few_epochs_are_all_shown() -> None:
    axes = figures.last_epochs(_runs(epochs=1), "ST", _panels(3))
    assert "last 1 of 1 epochs" in _title(axes[0])
    line = _line(axes[0], f"{ALPHA} = 1")
    assert list(line.get_xdata()) == [1]  # type: ignore[arg-type]
    assert line.get_marker() == "o"


def _write(log_dir: pathlib.Path, grid: Sequence[tuple[str, float]], further: bool = False, **settings: Any) -> None:
    for run in _runs(grid=grid, further=further, **settings):
        contents = {}
        for end, table in zip(OUTPUTS, run.statistics.values(), strict=True):
            contents[end] = {key: table["TestError"].to_numpy() / 100 for key in KEYS}
            if "Disagreement" in table:
                contents[end]["disagreement"] = table["Disagreement"].to_numpy() / 100
                contents[end]["logit_distance"] = table["LogitDistance"].to_numpy()
        write_run(log_dir, run.config, contents)


def test_the_command_writes_every_figure_twice_and_says_where(tmp_path: pathlib.Path) -> None:
    _write(tmp_path / "runs", _GRID, further=True, dataset="cifar10", epochs=3)
    flags = (f"--log_dir={tmp_path}/runs", "--dataset=cifar10", f"--out={tmp_path}/out")
    result = command_runner.run("analysis.figures", *flags)
    assert (result.exit_status, result.errors) == (0, "")
    names = ("a5_cifar10_st", "a6_cifar10_m", "b3_cifar10", "alpha_cifar10", "disagreement_cifar10")
    expected = [f"{tmp_path}/out/{name}_epochs=3.{end}" for name in names for end in ("png", "svg")]
    assert result.output.splitlines() == expected
    for path in map(pathlib.Path, expected):
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            assert xml.etree.ElementTree.parse(path).getroot().tag.endswith("svg")


def test_equal_runs_give_equal_files(tmp_path: pathlib.Path) -> None:
    written = []
    for name in ("one", "two"):
        drawing = next(iter(figures.drawings(_runs())))
        paths = figure_style.save(drawing.draw(), str(tmp_path / name), drawing.name)
        assert paths == [f"{tmp_path}/{name}/a1_mnist_st.{end}" for end in ("png", "svg")]
        written.append([pathlib.Path(path).read_bytes() for path in paths])
    assert written[0] == written[1]


def test_the_command_passes_the_papers_axes_on_and_says_what_it_leaves_out(tmp_path: pathlib.Path) -> None:
    _write(tmp_path / "runs", [("None", 1.0), ("L2", 0.01)])
    flags = (f"--log_dir={tmp_path}/runs", "--dataset=mnist", f"--out={tmp_path}/out", "--paper_axes")
    result = command_runner.run("analysis.figures", *flags)
    assert (result.exit_status, result.errors) == (0, "")
    assert "skipped disagreement_mnist: " in result.output
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {
        "a1_mnist_st",
        "a2_mnist_m",
        "b1_mnist",
        "alpha_mnist",
    }
    runs = frame.read_runs(str(tmp_path / "runs"), "mnist")
    for paper_axes in (True, False):
        for drawing in list(figures.drawings(runs, paper_axes))[:3]:
            path, _ = figure_style.save(drawing.draw(), str(tmp_path / "again"), drawing.name)
            same = pathlib.Path(path).read_bytes() == (tmp_path / "out" / f"{drawing.name}.png").read_bytes()
            assert same == paper_axes


def test_a_report_gets_the_figures_that_can_be_drawn_with_captions() -> None:
    pairs = list(figures.all_figures(_runs(further=False)))
    assert all(isinstance(figure, Figure) for figure, _ in pairs)
    assert [caption.split(". ")[0] for _, caption in pairs[:3]] == ["Figure A.1", "Figure A.2", "Figure B.1"]
    assert len(pairs) == 4
    captions = [caption for _, caption in figures.all_figures(_runs(dataset="digits"))]
    assert len(captions) == 5
    assert not any("Figure" in caption for caption in captions)
    assert len(efficiency.efficiency_figure(_EFFICIENCY).axes) == 2


def test_the_command_refuses_the_papers_axes_for_other_data(tmp_path: pathlib.Path) -> None:
    _write(tmp_path / "runs", [("L2", 0.01)], dataset="digits", epochs=2)
    flags = (f"--log_dir={tmp_path}/runs", "--dataset=digits", f"--out={tmp_path}/out", "--paper_axes")
    result = command_runner.run("analysis.figures", *flags)
    assert result.exit_status == 2
    assert "MNIST, notMNIST, CIFAR10" in result.errors
    assert not (tmp_path / "out").exists()


def test_settings_have_files_of_their_own(tmp_path: pathlib.Path) -> None:
    settings = ({}, {"members": ("M",)}, {"resnet": "fixed", "epochs": 3})
    names = set()
    for options in settings:
        found = [drawing.name for drawing in figures.drawings(_runs(grid=[("None", 1.0)], **options))]
        assert not names & set(found)
        names |= set(found)
        assert all(name.replace("_", "").replace("=", "").isalnum() for name in found)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(CollabError, match="out"):
        figure_style.save(Figure(), str(tmp_path / "out"), "name")


def test_frames_and_figures_agree(tmp_path: pathlib.Path) -> None:
    """Through files: what `frame.load` gives is what is drawn."""
    _write(tmp_path, _GRID)
    table = frame.load(str(tmp_path), "mnist")
    panel = figures.last_epochs(frame.read_runs(str(tmp_path), "mnist"), "ST", _panels(3))[1]
    column = table.xs(("ST", "L2", 0.1, "TestError"), axis=1, level=("Model", "Method", "Weight", "Data"))
    np.testing.assert_array_equal(_line(panel, f"{ALPHA} = 0.1").get_ydata(), column.to_numpy()[-10:, 0])
