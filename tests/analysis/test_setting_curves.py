"""Figure 3 and the sweeps of Song and Chai (2018): what is drawn and tabled, against what was written."""

import pathlib

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from system_runs import constant, heads, read, write
from table_runs import cells_of

from analysis import figures, table_text
from analysis.intervals import interval
from analysis.methods.multihead import setting_curves, song_chai
from collab_ensembles.errors import DataError
from collab_ensembles.methods.multihead import grids as heads_grids

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
    panel = setting_curves.draw(read(tmp_path), setting_curves.LABEL_NOISE, _panel())
    lines = {str(line.get_label()): line for line in panel.get_lines() if line.get_linestyle() != "None"}
    assert list(lines) == ["resnet32, single", "resnet32, 4 heads hierarchical"]
    bands = [shape for shape in panel.collections if isinstance(shape, PolyCollection)]
    for line, band, of_graph in zip(lines.values(), bands, errors.values(), strict=True):
        np.testing.assert_allclose(line.get_xdata(), [0, 20, 40])
        np.testing.assert_allclose(line.get_ydata(), of_graph.mean(axis=1))
        vertices = np.asarray(band.get_paths()[0].vertices)
        for level, row in zip((0, 20, 40), of_graph, strict=True):
            ends = vertices[np.isclose(vertices[:, 0], level), 1]
            np.testing.assert_allclose((ends.min(), ends.max()), interval(list(row)))


def test_the_lowest_of_each_level_of_noise_is_marked(tmp_path: pathlib.Path) -> None:
    errors = {("single", 0.0): 3, ("simple", 0.0): 2, ("single", 0.4): 6, ("simple", 0.4): 7}
    for (graph, level), error in errors.items():
        write(tmp_path, heads(graph, label_noise=level), constant(error, *[9] * (2 * (graph == "simple"))))
    (table,) = setting_curves.text_tables(read(tmp_path))
    names = [name for name in table.header[1:] if not name.startswith("paper")]
    found = {
        row[0].text: [name for name, cell in zip(table.header, row, strict=True) if cell.marked] for row in table.rows
    }
    assert found == {"0": [names[1]], "40": [names[0]]}


def test_what_was_trained_at_one_level_is_no_line(tmp_path: pathlib.Path) -> None:
    for level in (0.0, 0.5):
        write(tmp_path, heads("single", label_noise=level), constant(9 * (1 + level)))
    write(tmp_path, heads("instances"), constant(5, 5, 5))
    panel = setting_curves.draw(read(tmp_path), setting_curves.LABEL_NOISE, _panel())
    line, published = panel.get_lines()
    np.testing.assert_allclose(line.get_ydata(), [9, 13.5])
    np.testing.assert_allclose(published.get_xydata(), [[0, 6.66]])


def test_without_noise_there_is_no_figure_3(tmp_path: pathlib.Path) -> None:
    write(tmp_path, heads("single"), constant(9))
    with pytest.raises(DataError, match="2 values of label noise; use --grid=song-chai-figure3"):
        setting_curves.draw(read(tmp_path), setting_curves.LABEL_NOISE, _panel())
    assert list(figures.all_figures(read(tmp_path))) == []


def test_each_network_has_a_figure_3_of_its_own(tmp_path: pathlib.Path) -> None:
    for member in ("resnet32", "resnet20"):
        for level in (0.0, 0.5):
            write(tmp_path, heads("single", label_noise=level, members=(member,)), constant(9))
    names = [drawing.name for drawing in figures.drawings(read(tmp_path)) if drawing.name.startswith("label_noise")]
    assert sorted(names) == ["label_noise_resnet20_cifar10_epochs=3", "label_noise_resnet32_cifar10_epochs=3"]
    assert len(list(figures.all_figures(read(tmp_path)))) == 2


_SWEEPS = [
    (setting_curves.TEMPERATURE, "temperature", (1.0, 2.0, 5.0), 2.0),
    (setting_curves.BETA, "beta", (0.1, 0.5, 1.0), 0.5),
]


@pytest.mark.parametrize(("axis", "name", "values", "usual"), _SWEEPS)
def test_a_sweep_is_a_line_and_a_column_with_the_papers_error_at_its_own_value(
    tmp_path: pathlib.Path, axis: setting_curves.Axis, name: str, values: tuple[float, ...], usual: float
) -> None:
    errors = {value: [5 + value, 6 + value] for value in values}
    for value, finals in errors.items():
        for seed, final in enumerate(finals):
            write(tmp_path, heads("simple", seed, **{name: value}), constant(final, 50, 60))
    # A single network has no such setting, and instances were trained at two values alone.
    write(tmp_path, heads("single"), constant(9))
    for value in values[:2]:
        write(tmp_path, heads("instances", **{name: value}), constant(30, 30, 30))
    panel = setting_curves.draw(read(tmp_path), axis, _panel())
    line, published = panel.get_lines()
    assert line.get_label() == "resnet32, 2 heads simple"
    np.testing.assert_allclose(line.get_xydata(), [[value, 5.5 + value] for value in values])
    np.testing.assert_allclose(published.get_xydata(), [[usual, 5.97]])
    (table,) = setting_curves.text_tables(read(tmp_path))
    header, *rows = cells_of(table_text.markdown(table.header, table.rows))
    assert header[1:] == ["resnet32, 2 heads simple", "paper resnet32, 2 heads simple"]
    assert [[cell.replace("*", "").split() for cell in row] for row in rows] == [
        [[f"{value:g}"], [f"{5.5 + value:.2f}", "±", "0.71"], ["5.97", "±", "0.07"] if value == usual else []]
        for value in values
    ]


def test_split_points_stand_in_the_order_of_the_network_after_sharing_nothing(tmp_path: pathlib.Path) -> None:
    for number, config in enumerate(heads_grids.song_chai_split_points({"dataset": "cifar10", "epochs": 3, "seed": 0})):
        write(tmp_path, config, constant(8 - number, 50, 60))
    for other in (heads("hierarchical"), heads("instances", optimization="alternating")):
        write(tmp_path, other, constant(*[30] * (other.heads + 1)))
    panel = setting_curves.draw(read(tmp_path), setting_curves.SPLIT_POINT, _panel())
    assert [text.get_text() for text in panel.get_xticklabels()] == ["nothing", "stage1", "stage2"]
    line, published = panel.get_lines()
    np.testing.assert_allclose(line.get_xydata(), [[0, 8], [1, 7], [2, 6]])
    expected = [song_chai.published_error(heads(graph), "head1") for graph in ("instances", "simple")]
    np.testing.assert_allclose(published.get_xydata(), [[place, error[0]] for place, error in enumerate(expected)])
    (table,) = setting_curves.text_tables(read(tmp_path))
    assert [row[0].text for row in table.rows] == ["nothing", "stage1", "stage2"]
    assert [row[1].marked for row in table.rows] == [False, False, True]


def test_table_1_alone_is_no_sweep(tmp_path: pathlib.Path) -> None:
    for config in heads_grids.song_chai_table1({"dataset": "cifar10", "epochs": 3}):
        write(tmp_path, config, constant(*[6] * (config.heads + (config.heads > 1))))
    assert setting_curves.text_tables(read(tmp_path)) == []
    assert list(figures.all_figures(read(tmp_path))) == []
