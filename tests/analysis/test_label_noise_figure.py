"""Figure 3 of Song and Chai (2018): what is drawn, against what was written."""

import pathlib

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from system_runs import constant, heads, read, write

from analysis import figures, label_noise
from analysis.intervals import interval
from collab_ensembles.errors import DataError

_LEVELS = (0.0, 0.2, 0.4)


def _panel() -> Axes:
    return Figure(layout="constrained").add_subplot()


def _written(tmp_path: pathlib.Path) -> dict[str, np.ndarray]:
    """Errors of head 1 in percent by graph, [levels, seeds]; other outputs have others."""
    random = np.random.default_rng(11)
    errors = {"single": random.uniform(5, 9, (3, 3)), "hierarchical": random.uniform(20, 30, (3, 3))}
    for graph, of_graph in errors.items():
        for level, row in zip(_LEVELS, of_graph, strict=True):
            for seed, final in enumerate(row):
                others = [] if graph == "single" else [50, 60, 70, 80]
                write(tmp_path, heads(graph, seed, label_noise=level), constant(final, *others))
    return errors


def test_lines_are_means_of_head_1_over_seeds_within_their_intervals(tmp_path: pathlib.Path) -> None:
    errors = _written(tmp_path)
    panel = label_noise.error_by_noise(read(tmp_path), _panel())
    lines = {str(line.get_label()): line for line in panel.get_lines()}
    assert list(lines) == ["resnet32, single", "resnet32, 4 heads hierarchical"]
    bands = [shape for shape in panel.collections if isinstance(shape, PolyCollection)]
    for line, band, of_graph in zip(lines.values(), bands, errors.values(), strict=True):
        np.testing.assert_allclose(line.get_xdata(), [0, 20, 40])
        np.testing.assert_allclose(line.get_ydata(), of_graph.mean(axis=1))
        vertices = np.asarray(band.get_paths()[0].vertices)
        for level, row in zip((0, 20, 40), of_graph, strict=True):
            ends = vertices[np.isclose(vertices[:, 0], level), 1]
            np.testing.assert_allclose((ends.min(), ends.max()), interval(list(row)))


def test_what_was_trained_at_one_level_is_no_line(tmp_path: pathlib.Path) -> None:
    for level in (0.0, 0.5):
        write(tmp_path, heads("single", label_noise=level), constant(9 * (1 + level)))
    write(tmp_path, heads("instances"), constant(5, 5, 5))
    panel = label_noise.error_by_noise(read(tmp_path), _panel())
    (line,) = panel.get_lines()
    np.testing.assert_allclose(line.get_ydata(), [9, 13.5])


def test_without_noise_there_is_no_figure_3(tmp_path: pathlib.Path) -> None:
    write(tmp_path, heads("single"), constant(9))
    with pytest.raises(DataError, match="two levels of label noise"):
        label_noise.error_by_noise(read(tmp_path), _panel())
    assert list(figures.all_figures(read(tmp_path))) == []


def test_each_network_has_a_figure_3_of_its_own(tmp_path: pathlib.Path) -> None:
    for member in ("resnet32", "resnet20"):
        for level in (0.0, 0.5):
            write(tmp_path, heads("single", label_noise=level, members=(member,)), constant(9))
    names = [drawing.name for drawing in figures.drawings(read(tmp_path)) if drawing.name.startswith("label_noise")]
    assert sorted(names) == ["label_noise_resnet20_cifar10_epochs=3", "label_noise_resnet32_cifar10_epochs=3"]
    assert len(list(figures.all_figures(read(tmp_path)))) == 2
