"""Colours, widths and titles."""

import colorsys
import itertools
from typing import Any

import numpy as np
import pytest
from figure_runs import WEIGHTS, bands_of, invented_runs, line_of, make_panels, title_of
from matplotlib.colors import to_rgba

from analysis import figure_style
from analysis.methods.ensemble import noel_figures, weight_figures
from analysis.methods.ensemble.noel_looks import ALPHA
from analysis.recorded_run import Run

_HUES = {"CE": (190, 225), "L2": (240, 290), "L1": (100, 150)}


def test_lines_are_wider_and_lie_lower_the_smaller_the_weight() -> None:
    for panel in noel_figures.last_epochs(invented_runs(), "ST", make_panels(3)):
        lines = [line_of(panel, f"{ALPHA} = {weight:g}") for weight in WEIGHTS]
        widths = [line.get_linewidth() for line in lines]
        assert all(narrow + 0.3 < wide for narrow, wide in itertools.pairwise(widths))
        heights = [line.get_zorder() for line in lines]
        assert heights == sorted(heights, reverse=True)
        assert len(set(heights)) == 4


def test_lines_and_bands_go_past_epochs_without_a_test() -> None:
    (panel,) = make_panels(1)
    values = np.array([[1.0, np.nan, 3.0], [2.0, np.nan, 5.0]])
    line = figure_style.draw(panel, values, first_epoch=4, label="a")
    assert line.get_xydata().tolist() == [[4.0, 1.5], [6.0, 4.0]]
    (band,) = bands_of(panel)
    corners = band.get_paths()[0].vertices
    assert set(np.asarray(corners)[:, 0]) == {4.0, 6.0}
    (alone,) = make_panels(1)
    assert figure_style.draw(alone, values[:, 1:]).get_marker() == "o"


def _drawn_colours() -> dict[tuple[str, str, str], Any]:
    """By figure, method and label."""
    runs = invented_runs()
    result = {}
    for name, axes in (
        ("last epochs", noel_figures.last_epochs(runs, "ST", make_panels(3))),
        ("alpha", weight_figures.alpha(runs, make_panels(3))),
    ):
        for panel, method in zip(axes, ("CE", "L2", "L1"), strict=True):
            for line in panel.get_lines():
                label = str(line.get_label())
                if not label.startswith("_"):
                    result[name, "Single" if "plain" in label else method, label] = line.get_color()
    for name, axes in (
        ("training", noel_figures.training(runs, make_panels(6))),
        ("disagreement", weight_figures.disagreement(runs, make_panels(2))),
    ):
        for line in axes[0].get_lines():
            label = str(line.get_label())
            method = label.removeprefix("author's ").split(",")[0]
            result[name, "Single" if "plain" in label else method, label] = line.get_color()
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
    assert colours["training", "L2", f"L2, {ALPHA} = 0.01: training (running average)"] == expected
    assert colours["disagreement", "L2", f"L2, {ALPHA} = 0.01"] == expected
    assert (
        len(
            {
                tuple(colours["disagreement", method, f"{method}, {ALPHA} = {weight:g}"])
                for method in _HUES
                for weight in WEIGHTS
            }
        )
        == 12
    )


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (invented_runs(), ["MNIST", "(1 seed)"]),
        (invented_runs(seeds=3), ["MNIST", "(3 seeds; means and ranges over seeds)"]),
        (invented_runs(seeds=5), ["MNIST", "(5 seeds; means and 95 % bootstrap intervals)"]),
        (invented_runs(seeds=2)[:-1], ["(1 to 2 seeds;"]),
        (invented_runs(dataset="digits", resnet="fixed"), ["digits", "resnet=fixed"]),
    ],
)
def test_titles_name_data_set_seeds_and_unusual_settings(runs: list[Run], expected: list[str]) -> None:
    drawn = [
        noel_figures.last_epochs(runs, "ST", make_panels(3)),
        weight_figures.alpha(runs, make_panels(3)),
        weight_figures.disagreement(runs, make_panels(2)),
    ]
    for axes in drawn:
        for text in expected:
            assert text in title_of(axes[0])
        assert "default settings" not in title_of(axes[0])
