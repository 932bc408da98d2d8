"""How the weights of each layer are distributed after training, as in figure 4 of Song and Chai (2018).

How widely they lie, and how many are near zero: the paper sees a large spike there in the lowest layers of a network
trained alone, "dead" weights, and fewer of them with shared layers. Weights are those of the first head, or first
member, at the newest checkpoint of each run.

Example:
  python -m analysis.weight_distributions runs/digits/ONE_RUN runs/digits/ANOTHER --out=figures
"""

import functools
import math
import os
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from absl import flags, logging
from matplotlib.axes import Axes

from analysis import drawing, methods, table_text
from analysis import figure_style as style
from analysis.table_text import Cell, Table
from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError, DataError, RunDirectoryError
from collab_ensembles.runs import checkpoint_file, naming, run_directory
from collab_ensembles.settings.fields import check_number
from experiments import command_line, path_flags

Kernels = Mapping[str, np.ndarray]
"""The kernels of convolutions and dense layers by name, from the input on."""

NEAR_ZERO = 1e-3
"""Weights of a smaller magnitude count as near zero. The paper gives no number; this one is declared here."""

_FEWEST_BINS, _MOST_BINS = 21, 121
_INCHES_A_LAYER, _MOST_INCHES = 0.26, 22.0
_ALL_LAYERS = "all layers"
_NEAR_ZERO_NOTE = (
    "The paper does not say what counts as near zero. A narrow distribution has more weights there even without a "
    "spike: read the numbers beside the standard deviations."
)


def read_kernels(directory: str) -> dict[str, np.ndarray]:
    """The kernels of a run's first member; layers of a head have the names that the network alone gives them.

    Damaged checkpoints are skipped with a warning, as when a training is resumed.

    Raises:
      DataError: there is no checkpoint that can be used.
      RunDirectoryError: the directory holds no run.
    """
    member = run_directory.read_config(directory).member_names()[0]
    parent = os.path.join(directory, checkpoint_file.DIRECTORY)
    for epoch in reversed(checkpoint_file.saved_epochs(parent)):
        try:
            return _kernels(checkpoint_file.path(parent, epoch), member)
        except RunDirectoryError as error:
            logging.warning("%s; the one before it is used", error)
    raise DataError(f"{directory}: no checkpoint to read weights from; train the run, or give another")


def _kernels(path: str, member: str) -> dict[str, np.ndarray]:
    kernels = {}
    for key, values in checkpoint_file.read(path).items():
        owner, _, rest = key.partition("/")
        layer, _, variable = rest.rpartition("/")
        if owner == member and variable == "kernel":
            kernels[layer.removeprefix(f"{member}_")] = values.astype(np.float64)
    if not kernels:
        raise RunDirectoryError(f"{path}: has no kernel of {member}")
    return kernels


def standard_deviations(runs: Mapping[str, Kernels]) -> pd.DataFrame:
    """The standard deviation of each layer's weights: a row a layer, a column a run.

    Raises:
      DataError: the runs are of networks of other layers.
    """
    _check_same_layers(runs)
    return pd.DataFrame(
        {name: {layer: float(kernel.std()) for layer, kernel in kernels.items()} for name, kernels in runs.items()}
    )


def near_zero(runs: Mapping[str, Kernels], below: float = NEAR_ZERO) -> pd.DataFrame:
    """How many weights of each layer have a magnitude below a number: a row a layer, a column a run, and `weights`.

    Args:
      runs: the kernels by name, of one network.
      below: the number, above 0; one for all layers and runs.

    Returns:
      Integers; the column `weights` holds how many each layer has.

    Raises:
      DataError: the runs are of networks of other layers.
    """
    _check_same_layers(runs)
    counts = {
        name: {layer: int(np.count_nonzero(np.abs(kernel) < below)) for layer, kernel in kernels.items()}
        for name, kernels in runs.items()
    }
    sizes = {layer: kernel.size for layer, kernel in next(iter(runs.values())).items()}
    return pd.DataFrame({"weights": sizes, **counts})


def _check_same_layers(runs: Mapping[str, Kernels]) -> None:
    shapes = {name: {layer: kernel.shape for layer, kernel in kernels.items()} for name, kernels in runs.items()}
    if not shapes:
        raise DataError("no runs; give the directories of some")
    first = next(iter(shapes))
    for name in shapes:
        if shapes[name] != shapes[first]:
            raise DataError(f"{name} and {first} are of different networks; compare runs of one network")


def deviations_table(runs: Mapping[str, Kernels], network: str) -> Table:
    """`standard_deviations` to be written in any style; the smallest value of each layer is marked."""
    table = standard_deviations(runs)
    rows = []
    for layer, *values in table.itertuples():
        texts = [table_text.number(value, ".4f") for value in values]
        least = min(texts, key=float)
        rows.append([Cell(layer), *(Cell(text, marked=len(texts) > 1 and text == least) for text in texts)])
    return Table(f"{network}: standard deviations of the weights of each layer", ["layer", *table.columns], rows)


def near_zero_table(runs: Mapping[str, Kernels], network: str, below: float = NEAR_ZERO) -> Table:
    """`near_zero` and its sums, with shares in percent; the fewest of each row are marked."""
    table = near_zero(runs, below)
    table.loc[_ALL_LAYERS] = table.sum()
    rows = []
    for layer, size, *counts in table.itertuples():
        cells = [
            Cell(str(count), f"({100 * count / size:.1f} %)", marked=len(counts) > 1 and count == min(counts))
            for count in counts
        ]
        rows.append([Cell(layer), Cell(str(size)), *cells])
    heading = f"{network}: numbers of weights near zero, of a magnitude below {below:g}"
    return Table(heading, ["layer", *table.columns], rows, [_NEAR_ZERO_NOTE])


def distributions(runs: Mapping[str, Kernels], axes: Sequence[Axes], below: float = NEAR_ZERO) -> Sequence[Axes]:
    """Histograms of the weights of each layer, the input's at the top; beside them standard deviations and shares.

    The shares are those of weights near zero, in percent.

    A layer's histograms are densities in one unit for all runs, so that their heights can be compared, and the highest
    of them fills the layer's row. Weights beyond the axis are counted but not shown.

    Args:
      runs: the kernels by name, of one network.
      axes: as many panels.
      below: what counts as near zero, see `near_zero`.

    Returns:
      The axes.

    Raises:
      DataError: the runs are of different networks.
    """
    deviations, counts = standard_deviations(runs), near_zero(runs, below)
    shares = 100 * counts[list(runs)].div(counts["weights"], axis=0)
    layers = list(deviations.index)
    limit = 3 * float(np.quantile(deviations.to_numpy(), 0.75)) or 1.0
    for place, layer in enumerate(layers):
        middles, densities = _densities([kernels[layer] for kernels in runs.values()], limit)
        # Above its row's line, and below the next.
        heights = 0.95 * densities / (densities.max() or 1.0) - place
        colour = matplotlib.colormaps["viridis"](0.9 * place / max(len(layers) - 1, 1))
        numbers = zip(deviations.loc[layer], shares.loc[layer], strict=True)
        for panel, own, (deviation, share) in zip(axes, heights, numbers, strict=True):
            panel.fill_between(middles, -place, own, color=colour, alpha=0.8, linewidth=0, label=layer)
            text = f"{deviation:.3f}  {share:.1f} %"
            panel.text(1.01, -place, text, fontsize=6.5, transform=panel.get_yaxis_transform())
    for panel, name in zip(axes, runs, strict=True):
        panel.set_title(name, fontsize=9)
        panel.set(xlim=(-limit, limit), ylim=(0.6 - len(layers), 1.2), xlabel="weight")
        panel.set_yticks([])
        panel.grid(axis="x", alpha=0.3)
    axes[0].set_yticks([-place for place in range(len(layers))], layers, fontsize=6.5)
    title = f"weights of each layer; at the right their standard deviation and the share of magnitudes below {below:g}"
    # A single panel is too narrow for one line.
    axes[0].figure.suptitle(title.replace("; ", ";\n"), fontsize=11)
    return axes


def _densities(kernels: Sequence[np.ndarray], limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Histograms of one layer in several runs.

    Returns:
      The middles of the bins, and for each run the share of all its weights, also those beyond the limit, for each
      unit of the axis: [runs, bins].
    """
    # An odd number, so that one bin has 0 in its middle.
    bins = 2 * (min(max(math.isqrt(kernels[0].size), _FEWEST_BINS), _MOST_BINS) // 2) + 1
    edges = np.linspace(-limit, limit, bins + 1)
    counts = np.array([np.histogram(kernel, edges)[0] / kernel.size for kernel in kernels])
    return (edges[:-1] + edges[1:]) / 2, counts / np.diff(edges)


def _name(directory: str) -> str:
    config = run_directory.read_config(directory)
    sources = methods.of(config).sources(config)
    return naming.describe(config) + (f" from {', '.join(sources)}" if sources else "")


def tables_of(runs: Mapping[str, Kernels], dataset: str, network: str, below: float = NEAR_ZERO) -> list[Table]:
    """Both tables of runs of one network on one data set."""
    of_network = f"{catalogue.label(dataset)}, {network}"
    return [deviations_table(runs, of_network), near_zero_table(runs, of_network, below)]


def figure(runs: Mapping[str, Kernels], below: float = NEAR_ZERO) -> drawing.Figure:
    """See `distributions`."""
    _check_same_layers(runs)
    layers = len(next(iter(runs.values())))
    size = (1.5 + 3.2 * len(runs), min(1.5 + _INCHES_A_LAYER * layers, _MOST_INCHES))
    return drawing.figure(functools.partial(distributions, runs, below=below), len(runs), size)


def _main(arguments: list[str]) -> None:
    arguments = command_line.some_arguments(arguments, "the directories of one run or more")
    below = flags.FLAGS.near_zero
    check_number("near_zero", below, above=True)
    runs = {_name(directory): read_kernels(directory) for directory in arguments}
    if len(runs) < len(arguments):
        raise ConfigError(f"received {len(arguments)} directories of {len(runs)} different runs; give each run once")
    config = run_directory.read_config(arguments[0])
    for table in tables_of(runs, config.dataset, config.members[0], below):
        print(table_text.write(table, flags.FLAGS.format))
        print()
    name = f"weights_{catalogue.label(config.dataset).lower()}_{config.members[0]}"
    print(*style.save(figure(runs, below), flags.FLAGS.out, name), sep="\n")


if __name__ == "__main__":
    path_flags.define("out", "figures", "the directory that the figure is written to")
    flags.DEFINE_enum("format", "markdown", ["markdown", "latex"], "how the tables are written")
    flags.DEFINE_float("near_zero", NEAR_ZERO, "weights of a smaller magnitude count as near zero")
    command_line.launch(_main)
