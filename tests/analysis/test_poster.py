"""The table and the figures of Das and Dutta Roy (2022), against what was written."""

import pathlib
import re

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from system_runs import constant, networks, read, snapshots, write
from table_runs import cells_of

from analysis import figures, frame, table_text
from analysis.intervals import interval
from analysis.methods.fdl import poster, poster_figures
from collab_ensembles.errors import DataError
from collab_ensembles.methods.fdl.grids import fdl_mnist
from collab_ensembles.settings.config import RunConfig

# The poster's two tables, read off once more.
_CIFAR = [
    ("single", 93.66, 74.61),
    ("RIE (2x)", 93.7, 76.95),
    ("SSE", 94.05, 75.31),
    ("FGE", 94.34, 76.46),
    ("AE Full", 93.93, 72.16),
    ("FDL (2x)", 94.93, 77.02),
]
_IMAGENET = [("single", 76.38), ("RIE (2x)", 76.96), ("SSE", 76.67), ("FGE", 76.69), ("FDL (2x)", 77.06)]


def _panels(number: int) -> list[Axes]:
    figure = Figure(layout="constrained")
    return [figure.add_subplot(1, number, place + 1) for place in range(number)]


def test_the_reference_has_the_published_accuracies() -> None:
    table = poster.published().set_index(["dataset", "network", "row"])["accuracy_percent"]
    expected = {("CIFAR10", "vgg16", row): value for row, value, _ in _CIFAR}
    expected |= {("CIFAR100", "vgg16", row): value for row, _, value in _CIFAR}
    expected |= {("ImageNet", "resnet50", row): value for row, value in _IMAGENET}
    assert table.to_dict() == expected


@pytest.mark.parametrize(
    ("config", "row"),
    [
        (networks(1, fdl=False), "single"),
        (networks(2, fdl=False), "RIE (2x)"),
        (networks(2), "FDL (2x)"),
        (RunConfig(system="snapshot", dataset="cifar10"), "SSE"),
        (RunConfig(system="snapshot", dataset="cifar10", cycle="triangular"), "FGE"),
        (RunConfig(system="snapshot", dataset="cifar10", averaging="logits"), None),
        (networks(3), "FDL (3x)"),
        (networks(4, fdl=False), "RIE (4x)"),
        (networks(5, phases=("cross_entropy", "head")), "RIE (5x), head"),
        (networks(3, feature_learning_rate=0.5), None),
        (networks(2, phases=("joint",)), None),
        (networks(2, bn_updates="once"), None),
        (networks(2, label_noise=0.2), None),
        (snapshots(snapshots=3), None),
    ],
)
def test_a_run_is_in_one_row_or_in_none(config: RunConfig, row: str | None) -> None:
    assert poster.row_of(config) == row


def _vgg(tmp_path: pathlib.Path, dataset: str) -> dict[str, np.ndarray]:
    """Errors in percent by row, [seeds, epochs]: of the ensemble, or of the network alone; members have others."""
    random = np.random.default_rng(7)
    configs = {"single": (1, False), "RIE (2x)": (2, False), "FDL (2x)": (2, True)}
    errors = {row: random.uniform(4, 9, (2, 3)) for row in configs}
    for row, (count, fdl) in configs.items():
        for seed, values in enumerate(errors[row]):
            members = constant(*[30] * count) if count > 1 else []
            write(tmp_path, networks(count, fdl, dataset=dataset, seed=seed), [*members, list(values)])
    return errors


@pytest.mark.parametrize(("dataset", "place"), [("cifar10", 1), ("cifar100", 2)])
def test_accuracies_of_the_last_and_of_the_best_epoch_stand_beside_the_published(
    tmp_path: pathlib.Path, dataset: str, place: int
) -> None:
    errors = _vgg(tmp_path, dataset)
    (table,) = poster.poster_tables(read(tmp_path, dataset))
    header, *rows = cells_of(table_text.markdown(table.header, table.rows))
    assert header == ["method", "last epoch", "best epoch", "paper"]
    for row, published in zip(rows, _CIFAR, strict=True):
        name, *cells = row
        assert (name, cells[-1]) == (published[0], f"{published[place]:.2f}")
        if name not in errors:
            assert cells[:2] == ["", ""]
            continue
        for cell, values in zip(cells, (100 - errors[name][:, -1], 100 - errors[name].min(axis=1)), strict=False):
            assert cell == f"{values.mean():.2f} ± {values.std(ddof=1):.2f}"
    assert any("the test set itself chooses" in note for note in table.notes)


def test_snapshots_have_five_cycles_on_the_poster(tmp_path: pathlib.Path) -> None:
    config = RunConfig(system="snapshot", dataset="cifar10", epochs=5)
    write(tmp_path, config, [[9] * 5] * 5 + [[8, 7, 6, 5, 5.5]])
    (table,) = poster.poster_tables(read(tmp_path))
    assert [cell.text for cell in table.rows[2]] == ["SSE", "94.50", "95.00", "94.05"]


def test_fast_geometric_snapshots_have_a_row(tmp_path: pathlib.Path) -> None:
    config = RunConfig(system="snapshot", cycle="triangular", dataset="cifar10", epochs=5)
    write(tmp_path, config, [[9] * 5] * 2 + [[8, 7, 6, 5, 5.5]])
    (table,) = poster.poster_tables(read(tmp_path))
    assert [cell.text for cell in table.rows[3]] == ["FGE", "94.50", "95.00", "94.34"]


def test_several_networks_stand_in_the_order_of_their_number(tmp_path: pathlib.Path) -> None:
    for number in (4, 3, 2):
        for fdl in (True, False):
            write(tmp_path, networks(number, fdl), constant(*[30] * number, 10 - number - fdl))
    (table,) = poster.poster_tables(read(tmp_path))
    rows = [[cell.text for cell in row] for row in table.rows]
    assert rows == [
        ["single", "", "", "93.66"],
        ["RIE (2x)", "92.00", "92.00", "93.70"],
        ["RIE (3x)", "93.00", "93.00", ""],
        ["RIE (4x)", "94.00", "94.00", ""],
        ["SSE", "", "", "94.05"],
        ["FGE", "", "", "94.34"],
        ["AE Full", "", "", "93.93"],
        ["FDL (2x)", "93.00", "93.00", "94.93"],
        ["FDL (3x)", "94.00", "94.00", ""],
        ["FDL (4x)", "95.00", "95.00", ""],
    ]


def test_networks_that_the_poster_does_not_have_are_compared_without_it(tmp_path: pathlib.Path) -> None:
    write(tmp_path, networks(2, member="resnet32"), constant(5, 5, 4))
    # One row compares nothing.
    assert poster.poster_tables(read(tmp_path)) == []
    write(tmp_path, networks(1, member="resnet32", fdl=False, epochs=2), [[7, 6]])
    (table,) = poster.poster_tables(read(tmp_path))
    assert table.header == ["method", "epochs", "last epoch", "best epoch"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["single", "2", "94.00", "94.00"],
        ["FDL (2x)", "3", "96.00", "96.00"],
    ]


_LONG = 15
"""Epochs of one-layer networks."""


def _mnist(tmp_path: pathlib.Path, seeds: int) -> dict[tuple[str, int], list[float]]:
    """The grid fdl-mnist; gives the final accuracies in percent by row and number of filters in all."""
    random = np.random.default_rng(5)
    accuracies: dict[tuple[str, int], list[float]] = {}
    for seed in range(seeds):
        for config in fdl_mnist({"dataset": "mnist", "epochs": _LONG, "seed": seed}):
            final = float(random.uniform(90, 99))
            members = [] if len(config.members) == 1 else [[50] * _LONG] * 2
            write(tmp_path, config, [*members, [80, 1, *[99] * (_LONG - 3), 100 - final]])
            filters = int(re.findall(r"\d+$", config.members[0])[0]) * len(config.members)
            rows = {(1, 1): "single", (2, 1): "RIE (2x)", (2, 2): "RIE (2x), head", (2, 4): "FDL (2x)"}
            row = rows[len(config.members), len(config.phases)]
            accuracies.setdefault((row, filters), []).append(final)
    return accuracies


def test_filters_have_a_table_of_the_last_and_one_of_the_best_epoch(tmp_path: pathlib.Path) -> None:
    accuracies = _mnist(tmp_path, seeds=3)
    last, best = poster.poster_tables(read(tmp_path, "mnist"))
    rows = list(dict.fromkeys(row for row, _ in accuracies))
    assert last.header == best.header == ["M", *rows]
    for line, best_line in zip(last.rows, best.rows, strict=True):
        for row, cell, best_cell in zip(rows, line[1:], best_line[1:], strict=True):
            values = accuracies.get((row, int(line[0].text)), [])
            expected = f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}" if values else " "
            assert f"{cell.text} {cell.addition}" == expected
            assert best_cell.text == ("99.00" if values else "")
    assert any("the test set itself chooses" in note for note in best.notes)


def test_accuracy_stands_over_the_number_of_filters_of_all_networks(tmp_path: pathlib.Path) -> None:
    accuracies = _mnist(tmp_path, seeds=3)
    runs = read(tmp_path, "mnist")
    kind = poster.kind_of(runs[0].config.members[0])
    last, best, gains = _panels(3)
    poster_figures.accuracy_by_filters(runs, kind, last)
    poster_figures.accuracy_by_filters(runs, kind, best, best_epoch=True)
    poster_figures.gain_by_filters(runs, kind, gains)
    rows = list(dict.fromkeys(row for row, _ in accuracies))
    for panel, own in ((last, rows), (gains, rows[1:])):
        lines = [bars for bars in panel.containers if isinstance(bars, ErrorbarContainer)]
        assert [bars.get_label() for bars in lines] == [poster_figures.line_name(row) for row in own]
        for row, (line, _, (bars,)) in zip(own, lines, strict=True):
            places = [filters for name, filters in accuracies if name == row]
            np.testing.assert_allclose(line.get_xdata(), places, rtol=0.03)
            values = np.array([accuracies[row, filters] for filters in places])
            if panel is gains:
                values -= [accuracies["single", filters] for filters in places]
            np.testing.assert_allclose(line.get_ydata(), values.mean(axis=1))
            ends = [segment[:, 1] for segment in bars.get_segments()]
            np.testing.assert_allclose(ends, [interval(list(each)) for each in values])
    for bars in best.containers:
        np.testing.assert_allclose(bars[0].get_ydata(), 99)


def test_three_and_four_networks_are_lines_of_their_own(tmp_path: pathlib.Path) -> None:
    for number, filters in ((1, 12), (1, 24), (3, 4), (3, 8), (4, 3)):
        config = networks(number, fdl=number > 1, member=f"convnet{filters}")
        write(tmp_path, config, constant(*[30] * (number if number > 1 else 0), 5))
    (panel,) = _panels(1)
    poster_figures.accuracy_by_filters(read(tmp_path), "convnet", panel)
    assert [bars.get_label() for bars in panel.containers] == ["single network of M", "3 of M/3, FDL", "4 of M/4, FDL"]


def test_networks_that_collapse_are_named_and_leave_the_others_legible(tmp_path: pathlib.Path) -> None:
    errors = {4: 5.0, 8: 4.0, 16: 3.5, 32: 90.0, 64: 3.0}
    for filters, error in errors.items():
        write(tmp_path, networks(2, member=f"convnet{filters // 2}"), constant(9, 9, error))
        write(tmp_path, networks(1, fdl=False, member=f"convnet{filters}"), constant(4))
    runs = read(tmp_path)
    last, gains = _panels(2)
    poster_figures.accuracy_by_filters(runs, "convnet", last)
    poster_figures.gain_by_filters(runs, "convnet", gains)
    for panel, low, high, collapsed in ((last, 90, 95, "10"), (gains, -5, -1, "-86")):
        assert low < panel.get_ylim()[0] < high
        # All gains lie below 0, and the line at 0 is shown.
        assert panel is last or panel.get_ylim()[1] >= 0
        (note,) = [text.get_text() for text in panel.texts]
        assert note.split() == ["outside:", "FDL", "(2x)", "M", "=", "32", f"({collapsed})"]


def test_a_single_number_of_filters_is_no_line(tmp_path: pathlib.Path) -> None:
    write(tmp_path, networks(2, member="convnet4"), constant(5, 5, 4))
    write(tmp_path, networks(2), constant(5, 5, 4))
    with pytest.raises(DataError, match="--grid=fdl-mnist"):
        poster_figures.accuracy_by_filters(read(tmp_path), "convnet", _panels(1)[0])


def _pairs(tmp_path: pathlib.Path, number: int = 2) -> dict[bool, dict[str, np.ndarray]]:
    """With FDL and without: the ensemble's error and the two further series, [seeds, epochs]."""
    random = np.random.default_rng(9)
    names = ("error", "similarity_loss", "feature_difference")
    values = {fdl: {name: random.uniform(0.1, 3, (2, 3)) for name in names} for fdl in (True, False)}
    for fdl, of_kind in values.items():
        for seed in range(2):
            further = {name: of_kind[name][seed] for name in names[1:]}
            members = constant(*range(6, 6 + 2 * number, 2))
            write(tmp_path, networks(number, fdl, seed=seed), [*members, list(of_kind["error"][seed])], **further)
    return values


@pytest.mark.parametrize("number", [2, 3])
def test_similarity_and_difference_are_read_and_drawn_with_and_without_fdl(tmp_path: pathlib.Path, number: int) -> None:
    values = _pairs(tmp_path, number)
    runs = read(tmp_path)
    panels = poster_figures.curves(runs, _panels(3))
    for fdl, name in ((True, "with FDL"), (False, "without FDL")):
        drawn = [{str(line.get_label()): line for line in panel.get_lines()} for panel in panels]
        # Costs were written as a tenth of the errors in percent.
        expected = {
            (0, f"{name}: ensemble, test"): values[fdl]["error"] / 10,
            (1, name): values[fdl]["similarity_loss"],
            (2, name): values[fdl]["feature_difference"],
        }
        for (panel, label), series in expected.items():
            np.testing.assert_allclose(drawn[panel][label].get_ydata(), series.mean(axis=0))
        own = [run for run in runs if (len(run.config.phases) == 4) is fdl]
        names = own[0].config.member_names()
        assert len(names) == number
        costs = [run.statistics[member]["TrainCostMean"] for run in own for member in names]
        np.testing.assert_allclose(drawn[0][f"{name}: networks, training"].get_ydata(), np.mean(costs, axis=0))
    assert [panel.get_yscale() for panel in panels] == ["linear", "log", "log"]
    (twin,) = [axes for axes in panels[0].figure.axes if axes not in panels]
    (line,) = twin.get_lines()
    np.testing.assert_allclose(line.get_ydata(), -values[True]["feature_difference"].mean(axis=0))


def test_the_response_of_two_and_three_networks_is_drawn(tmp_path: pathlib.Path) -> None:
    values = {number: _pairs(tmp_path, number) for number in (2, 3)}
    differences, accuracies = poster_figures.response(read(tmp_path), _panels(2))
    for number, of_number in values.items():
        for fdl, name in ((True, "with FDL"), (False, "without FDL")):
            for panel, expected in (
                (differences, of_number[fdl]["feature_difference"]),
                (accuracies, 100 - of_number[fdl]["error"]),
            ):
                lines = {str(line.get_label()): line for line in panel.get_lines()}
                np.testing.assert_allclose(lines[f"{number}x {name}"].get_ydata(), expected.mean(axis=0))
    names = [drawing.name for drawing in figures.drawings(read(tmp_path))]
    assert names == [f"fdl_{name}_cifar10_epochs=3" for name in ("curves_vgg16", "curves_vgg16_3x", "networks_vgg16")]


def test_a_frame_has_the_further_series(tmp_path: pathlib.Path) -> None:
    write(tmp_path, networks(2), constant(5, 5, 4), similarity_loss=[3.0, 2, 1], feature_difference=[0.5, 0.25, 0])
    table = frame.load(str(tmp_path), "cifar10").xs("Ens", axis=1, level="Model")
    for data, values in (("SimilarityLoss", [3, 2, 1]), ("FeatureDifference", [0.5, 0.25, 0])):
        (column,) = table.xs(data, axis=1, level="Data").to_numpy().T
        assert column.tolist() == values


def test_losses_that_are_all_zero_are_drawn(tmp_path: pathlib.Path) -> None:
    for fdl in (True, False):
        zeros = {"similarity_loss": [0.0] * 3, "feature_difference": [0.0] * 3}
        write(tmp_path, networks(2, fdl), constant(5, 5, 4), **zeros)
    panels = poster_figures.curves(read(tmp_path), _panels(3))
    assert [panel.get_yscale() for panel in panels] == ["linear"] * 3


def test_curves_take_both_kinds_and_their_series(tmp_path: pathlib.Path) -> None:
    write(tmp_path, networks(2), constant(5, 5, 4), similarity_loss=[1.0] * 3, feature_difference=[1.0] * 3)
    with pytest.raises(DataError, match="no networks trained without FDL"):
        poster_figures.curves(read(tmp_path), _panels(3))
    write(tmp_path, networks(2, fdl=False), constant(5, 5, 4))
    with pytest.raises(DataError, match="SimilarityLoss of Ens was not recorded"):
        poster_figures.curves(read(tmp_path), _panels(3))
    assert list(figures.all_figures(read(tmp_path))) == []


def test_names_of_figures_say_network_and_setting(tmp_path: pathlib.Path) -> None:
    for filters in (4, 8):
        write(tmp_path, networks(1, fdl=False, member=f"convnet{filters}"), constant(5))
        write(tmp_path, networks(2, member=f"convnet{filters // 2}"), constant(5, 5, 4))
    names = [drawing.name for drawing in figures.drawings(read(tmp_path))]
    end = "_cifar10_epochs=3"
    assert names == [f"fdl_filters_convnet{end}", *(f"fdl_curves_convnet{filters}{end}" for filters in (2, 4))]
