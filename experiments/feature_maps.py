"""Draws the features of one test image: the outputs of one convolution of each member, side by side.

Several runs are drawn one below the other, with the same scales of colours. The poster of Das and Dutta Roy (2022)
compares in this way networks that learned to differ with networks that did not.

Example:
  python -m experiments.feature_maps WITH_FDL WITHOUT_FDL --image=3 --layer=convolution --out=feature_maps.png
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from collab_ensembles import canvas, files
from collab_ensembles.errors import ConfigError
from collab_ensembles.runs import run_data, run_directory
from collab_ensembles.settings import grid
from collab_ensembles.settings.config import RunConfig
from experiments import command_line, path_flags, runtime

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_DOTS_PER_INCH = 150


def main(arguments: list[str]) -> None:
    """Restores the newest checkpoint of each run, computes the features and draws them."""
    arguments = command_line.some_arguments(arguments, "the directory of one run, or of several")
    configs = [run_directory.read_located(directory) for directory in arguments]
    names = names_of(configs)
    if not flags.FLAGS.out.endswith(".png"):
        raise ConfigError(f"--out={flags.FLAGS.out}: the name must end in .png")
    files.check_can_write(flags.FLAGS.out)
    runtime.start_tensorflow(None)

    from collab_ensembles.runs import run_model

    models = [run_model.restore(directory) for directory in arguments]
    dataset, *_ = [run_data.load_again(directory, flags.FLAGS.data_dir) for directory in arguments]
    if not 0 <= flags.FLAGS.image < len(dataset.test_labels):
        raise ConfigError(f"--image={flags.FLAGS.image}: allowed: 0 to {len(dataset.test_labels) - 1}")
    image = np.asarray(dataset.test_images[flags.FLAGS.image])
    rows, layer = {}, flags.FLAGS.layer
    for name, (model, status) in zip(names, models, strict=True):
        layer, maps = feature_maps(model.members, image, layer)
        rows[f"{name}, after epoch {status.epoch_of_weights}"] = maps
    label = dataset.label_names[int(dataset.test_labels[flags.FLAGS.image])]
    title = f"{dataset.name}, test image {flags.FLAGS.image}: {label}; {layer}"
    with canvas.default_style(), files.atomic_write(flags.FLAGS.out) as file:
        draw(image, rows, title).savefig(file, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    for name, maps in zip(names, rows.values(), strict=True):
        start = f"{name}: " if len(names) > 1 else ""
        for (one, other), difference in differences(maps).items():
            print(f"{start}mean squared difference of {one} and {other}: {difference:.6g}")
    print(f"written: {flags.FLAGS.out}")


def names_of(configs: Sequence[RunConfig]) -> list[str]:
    """The names of the runs in the figure.

    Raises:
      ConfigError: two are the same run, or were trained on different data.
    """
    data = {(config.dataset, config.split) for config in configs}
    if len(data) > 1:
        received = ", ".join(sorted({config.dataset for config in configs}))
        raise ConfigError(
            f"received runs of different data or splits ({received}); give runs with the same test images"
        )
    if len(set(configs)) < len(configs):
        raise ConfigError(
            f"received {len(configs)} directories of {len(set(configs))} different runs; give each run once"
        )
    return grid.names(configs)


def feature_maps(
    members: Mapping[str, Any], image: np.ndarray, layer: str | None = None
) -> tuple[str, dict[str, np.ndarray]]:
    """The outputs of a convolution for an image, see `networks.features.with_features`.

    Args:
      members: networks by name.
      image: uint8 [height, width, channels].
      layer: the name of the convolution, without the number of a head; default: the first.

    Returns:
      The convolution's name, and for each member that has it the outputs, float32 [height, width, filters].

    Raises:
      ConfigError: no member has such a convolution.
    """
    from collab_ensembles.networks.features import convolutions, with_features
    from collab_ensembles.networks.segments import target_layer

    names = {member: [target_layer(name) for name in convolutions(network)] for member, network in members.items()}
    known = list(dict.fromkeys(itertools.chain.from_iterable(names.values())))
    if not known:
        raise ConfigError("these networks have no convolutions; give runs of others")
    chosen = layer or known[0]
    if chosen not in known:
        raise ConfigError(f"--layer={chosen}: no convolution of this name; allowed: {', '.join(known)}")
    maps = {}
    for member, network in members.items():
        if chosen in names[member]:
            _, *features = with_features(network)(image[None].astype(np.float32), training=False)
            maps[member] = np.asarray(features[names[member].index(chosen)], np.float32)[0]
    return chosen, maps


def differences(maps: Mapping[str, np.ndarray]) -> dict[tuple[str, str], float]:
    """The mean squared difference of the features of each pair of members with equal numbers of features."""
    return {
        (one, other): float(np.mean((maps[one] - maps[other]) ** 2))
        for one, other in itertools.combinations(maps, 2)
        if maps[one].shape == maps[other].shape
    }


def mosaic(maps: np.ndarray) -> np.ndarray:
    """Features [height, width, filters] as one picture: a grid of filters from the top left, with NaN between them."""
    height, width, filters = maps.shape
    columns = math.ceil(math.sqrt(filters))
    rows = math.ceil(filters / columns)
    picture = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan, np.float32)
    for number in range(filters):
        top, left = (number // columns) * (height + 1), (number % columns) * (width + 1)
        picture[top : top + height, left : left + width] = maps[:, :, number]
    return picture


def squared_difference(maps: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The squared difference of features: mean over all pairs of members with equal numbers of features, or None.

    [height, width, filters]. For two networks, the mean of this array is the poster's loss of one layer for one image.
    """
    pairs = [(maps[one] - maps[other]) ** 2 for one, other in differences(maps)]
    return np.mean(pairs, axis=0) if pairs and len({pair.shape for pair in pairs}) == 1 else None


def draw(image: np.ndarray, rows: Mapping[str, Mapping[str, np.ndarray]], title: str) -> "Figure":
    """Draws the image and, in one row for each run, the features of its members and their difference.

    All features have one scale of colours, and all differences another.

    Args:
      image: uint8 [height, width, channels], of 1 or 3 channels.
      rows: by run, and then by member, [height, width, filters].
      title: the title of the figure.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    members = max(map(len, rows.values()))
    squares = {run: squared_difference(maps) for run, maps in rows.items()}
    differing = [square for square in squares.values() if square is not None]
    columns = 1 + members + bool(differing)
    size = (2.2 + 3.8 * (columns - 1), 0.6 + 3.8 * len(rows))
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.15))
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    every = [maps for of_run in rows.values() for maps in of_run.values()]
    lowest, highest = min(maps.min() for maps in every), max(maps.max() for maps in every)
    most = max((square.max() for square in differing), default=0.0)
    for part, (run, maps) in zip(parts, rows.items(), strict=True):
        part.suptitle(run, fontsize=10, fontweight="bold")
        row = part.subplots(1, columns, width_ratios=[0.5, *[1] * (columns - 1)], squeeze=False)[0]
        row[0].imshow(image if image.shape[-1] == 3 else image[:, :, 0], cmap="gray")
        row[0].set_title("image", fontsize=10)
        for panel, (member, its) in zip(row[1:], maps.items(), strict=False):
            shown = panel.imshow(mosaic(its), vmin=lowest, vmax=highest, cmap="viridis", interpolation="nearest")
            panel.set_title(f"{member}: {its.shape[-1]} filters", fontsize=10)
        part.colorbar(shown, ax=list(row[1 : 1 + members]), shrink=0.8)
        square = squares[run]
        if square is not None:
            shown = row[-1].imshow(mosaic(square), vmin=0, vmax=most, cmap="magma", interpolation="nearest")
            row[-1].set_title(f"squared difference: mean {square.mean():.3g}", fontsize=10)
            part.colorbar(shown, ax=row[-1], shrink=0.8)
        for panel in row:
            panel.set_axis_off()
    figure.suptitle(title, fontsize=11)
    return figure


if __name__ == "__main__":
    flags.DEFINE_integer("image", 0, "which test image, counted from 0")
    flags.DEFINE_string("layer", None, "which convolution, by its name; default: the first")
    path_flags.define("out", "feature_maps.png", "the file to write, ending in .png")
    path_flags.data_dir()
    command_line.launch(main)
