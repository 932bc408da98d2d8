"""Test error of head 1 against one setting of multi-head runs: figure 3 of Song and Chai (2018), and its sweeps.

Figure 3 varies the share of noisy labels. What temperature, beta and split point do is in a supplement that is not
available: the lines are ours, and marks are the errors that the paper has for its own values.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from analysis import comparison, drawing, intervals, recorded_run, table_notes
from analysis import figure_style as style
from analysis.drawing import Drawing
from analysis.methods.multihead import song_chai
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, DataError
from collab_ensembles.methods.multihead.options import MultiheadConfig
from collab_ensembles.networks.sizes import parse_network
from collab_ensembles.settings.config import RunConfig

_MARK: dict[str, Any] = {"marker": "D", "markeredgecolor": "black", "markersize": 7, "zorder": 4, "linestyle": "none"}


@dataclasses.dataclass(frozen=True)
class Axis:
    """A setting that runs are compared by.

    Attributes:
      name: of the figure's files.
      label: of the axis, and of a table's first column.
      grid: that trains such runs.
      caption: what the figure shows; a network's name is put in.
      place: where a run's value stands on the axis; None where a run has no such setting, or several of them.
      usual: a run with the value at its default: the rest of the runs of a line is the same.
      fewest: places that make a line; of sweeps three, since the tables of the paper have two of them.
      ticks: of a network, the texts of the places 0, 1, ...; None for an axis of numbers.
      given: whether the value is part of the data and not chosen; tables then mark the best line of each value, and
        otherwise the best value of each line.
    """

    name: str
    label: str
    grid: str
    caption: str
    place: Callable[[Any], float | None]
    usual: Callable[[Any], RunConfig]
    fewest: int = 3
    ticks: Callable[[str], list[str]] | None = None
    given: bool = False


def _learns_from_others(config: RunConfig) -> bool:
    return not isinstance(config, MultiheadConfig) or config.graph != "single"


def _split_place(config: RunConfig) -> float | None:
    """0 where heads share nothing, 1 where they share all up to the network's first split point, and so on."""
    if not isinstance(config, MultiheadConfig) or config.graph not in ("instances", "simple"):
        return None
    if config.graph == "instances":
        return 0.0
    return 1.0 + parse_network(config.members[0]).split_points.index(config.split_points[0])


def _split_usual(config: MultiheadConfig) -> RunConfig:
    default: Any = None
    return dataclasses.replace(config, graph="simple", split_points=default)


def _split_ticks(network: str) -> list[str]:
    return ["nothing", *parse_network(network).split_points]


LABEL_NOISE = Axis(
    "label_noise",
    "noise level: share of noisy labels in %",
    "song-chai-figure3",
    "Test error of {} against label noise, as in figure 3 of Song and Chai (2018).",
    lambda config: 100 * config.label_noise,
    lambda config: dataclasses.replace(config, label_noise=0.0),
    fewest=2,
    given=True,
)
TEMPERATURE = Axis(
    "temperature",
    "temperature T of the soft labels",
    "song-chai-temperature",
    "Test error of {} against the temperature; Song and Chai (2018) take T = 2 everywhere.",
    lambda config: config.temperature if _learns_from_others(config) else None,
    lambda config: dataclasses.replace(config, temperature=2.0),
)
BETA = Axis(
    "beta",
    "share β of the labels in the loss",
    "song-chai-beta",
    "Test error of {} against β; Song and Chai (2018) take β = 0.5 everywhere.",
    lambda config: config.beta if _learns_from_others(config) else None,
    lambda config: dataclasses.replace(config, beta=0.5),
)
SPLIT_POINT = Axis(
    "split_point",
    "layers that heads share, up to",
    "song-chai-split-points",
    "Test error of {} against the split point; Song and Chai (2018) take the first, of ResNet-50 conv3_x.",
    _split_place,
    _split_usual,
    ticks=_split_ticks,
)
AXES = (LABEL_NOISE, TEMPERATURE, BETA, SPLIT_POINT)


def curves(runs: Sequence[Run], axis: Axis) -> dict[str, dict[float, list[Run]]]:
    """For each line, in the order of tables, its runs by their place on the axis, which rises.

    A line is an arrangement that was trained at enough places; it has the name that it has at the usual value.
    """
    lines: dict[str, dict[float, list[Run]]] = {}
    for run in (run for row in comparison.rows_of(runs).values() for run in row):
        place = axis.place(run.config)
        if place is None:
            continue
        try:
            name = axis.usual(run.config).description()
        except ConfigError:
            # Instances may have settings that heads on one trunk do not.
            continue
        lines.setdefault(name, {}).setdefault(recorded_run.without_rounding(place), []).append(run)
    return {name: dict(sorted(line.items())) for name, line in lines.items() if len(line) >= axis.fewest}


def errors(runs: Sequence[Run]) -> np.ndarray:
    """The final test errors [runs] of head 1 in percent."""
    return np.array([comparison.error(run, comparison.member_output(run)) for run in runs])


def draw(runs: Sequence[Run], axis: Axis, axes: Axes) -> Axes:
    """A line for each arrangement; bands are intervals over seeds, diamonds the paper's errors.

    Args:
      runs: multi-head runs of one network on one data set in one setting, at several values of the setting.
      axis: which.
      axes: the panel.

    Returns:
      The axes.

    Raises:
      DataError: no arrangement was trained at enough values.
    """
    lines = curves(runs, axis)
    if not lines:
        name = axis.name.replace("_", " ")
        raise DataError(f"no arrangement was trained at {axis.fewest} values of {name}; use --grid={axis.grid}")
    for number, (name, line) in enumerate(lines.items()):
        look = _look(number)
        _draw_line(axes, {place: errors(row) for place, row in line.items()}, label=name, **look)
        marks = {place: _published(row[0].config)[0] for place, row in line.items()}
        known = {place: error for place, error in marks.items() if not math.isnan(error)}
        if known:
            label = f"{name}, in the paper"
            axes.plot(list(known), list(known.values()), label=label, markerfacecolor=look["color"], **_MARK)
    if axis.ticks:
        texts = axis.ticks(runs[0].config.members[0])
        axes.set_xticks(range(len(texts)), texts)
    axes.set(xlabel=axis.label, ylabel="test error of head 1 in %")
    axes.grid(alpha=0.3)
    style.legend_below(axes)
    axes.set_title(style.title(runs, f"test error against {axis.name.replace('_', ' ')}"), fontsize=10)
    return axes


def _published(config: RunConfig) -> tuple[float, float]:
    return song_chai.published_error(config, config.member_names()[0]) or (math.nan, math.nan)


def _look(number: int) -> dict[str, Any]:
    """The first line, of label noise the single network's, is black."""
    colour = "black" if number == 0 else matplotlib.colormaps["tab10"]((number - 1) % 10)
    return {"color": colour, "marker": style.MARKERS[number % len(style.MARKERS)], "markersize": 5}


def _draw_line(axes: Axes, line: dict[float, np.ndarray], **look: Any) -> None:
    places = list(line)
    axes.plot(places, [values.mean() for values in line.values()], **look)
    # A place that has one seed has no interval: the band has a gap there.
    nothing = np.array([np.nan]), np.array([np.nan])
    ends = [intervals.band(values[:, None]) or nothing for values in line.values()]
    low, high = (np.concatenate(side) for side in zip(*ends, strict=True))
    axes.fill_between(places, low, high, color=look["color"], alpha=0.15, linewidth=0)


def drawings(runs: Sequence[Run]) -> Iterator[Drawing]:
    """A figure for each axis and network, of runs of one data set in one setting."""
    for network, own in comparison.by_network(runs).items():
        for axis in AXES:
            panel = functools.partial(_on_first, own, axis)
            figure = functools.partial(drawing.figure, panel, 1, (7, 5.4))
            yield Drawing(f"{axis.name}_{network}{drawing.ending(runs)}", axis.caption.format(network), figure)


def _on_first(runs: Sequence[Run], axis: Axis, axes: Sequence[Axes]) -> None:
    draw(runs, axis, axes[0])


def text_tables(runs: Sequence[Run]) -> list[Table]:
    """The same numbers as tables: a row for each place of an axis, a column for each line, and one for the paper's.

    Args:
      runs: finished multi-head runs of one data set in one setting.
    """
    found = (_text_table(own, axis) for own in comparison.by_network(runs).values() for axis in AXES)
    return [table for table in found if table is not None]


def _text_table(runs: Sequence[Run], axis: Axis) -> Table | None:
    lines = curves(runs, axis)
    if not lines:
        return None
    places = sorted({place for line in lines.values() for place in line})
    columns: dict[str, list[Cell]] = {}
    for name, line in lines.items():
        values = [comparison.mean_and_deviation(list(errors(line.get(place, [])))) for place in places]
        columns[name] = comparison.cells_of(*zip(*values, strict=True))
        paper = [_published(line[place][0].config) if place in line else (math.nan, math.nan) for place in places]
        if not all(math.isnan(error) for error, _ in paper):
            columns[f"paper {name}"] = comparison.cells_of(*zip(*paper, strict=True))
    # Noise is not chosen: there the lines of a row are compared.
    compared = [columns[name] for name in lines]
    by_row = [song_chai.marked(cells) for cells in zip(*compared, strict=True)]
    marked = zip(*by_row, strict=True) if axis.given else map(song_chai.marked, compared)
    columns |= {name: list(cells) for name, cells in zip(lines, marked, strict=True)}
    config = runs[0].config
    texts = axis.ticks(config.members[0]) if axis.ticks else None
    rows = [
        [Cell(texts[int(place)] if texts else f"{place:g}"), *cells]
        for place, *cells in zip(places, *columns.values(), strict=True)
    ]
    heading = (
        f"{catalogue.label(config.dataset)}, {config.members[0]}, test error of head 1 in % against "
        f"{axis.name.replace('_', ' ')} ({recorded_run.setting(config)})"
    )
    several = any(len(row) > 1 for line in lines.values() for row in line.values())
    return Table(heading, [axis.label, *columns], rows, [table_notes.DEVIATION] if several else [])
