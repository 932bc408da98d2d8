"""Draws what one convolution of each member gives out for one test image, the members side by side.

As on the poster of Das and Dutta Roy (2022), where networks that were trained to differ give out other features.

Example:
  python -m experiments.feature_maps RUN_DIRECTORY --image=3 --layer=convolution --out=feature_maps.png
"""

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from collab_ensembles import files, naming, run_directory
from collab_ensembles.errors import ConfigError
from experiments import command_line, runtime

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_DOTS_PER_INCH = 150


def main(arguments: list[str]) -> None:
    """Restores the newest checkpoint, computes the features and draws them."""
    directory = command_line.one_argument(arguments, "the directory of a run")
    config = run_directory.read_config(directory)
    if not flags.FLAGS.out.endswith(".png"):
        raise ConfigError(f"--out={flags.FLAGS.out}: the name must end in .png")
    runtime.start_tensorflow(None)

    from collab_ensembles import datasets, run

    model, status = run.restore(directory)
    dataset = datasets.load(config.dataset, flags.FLAGS.data_dir, config.split)
    if not 0 <= flags.FLAGS.image < len(dataset.test_labels):
        raise ConfigError(f"--image={flags.FLAGS.image}: allowed: 0 to {len(dataset.test_labels) - 1}")
    image = np.asarray(dataset.test_images[flags.FLAGS.image])
    layer, maps = feature_maps(model.members, image, flags.FLAGS.layer)
    label = dataset.label_names[int(dataset.test_labels[flags.FLAGS.image])]
    title = f"{dataset.name}, test image {flags.FLAGS.image}: {label}; {layer} after epoch {status.epochs_done}"
    with files.atomic_write(flags.FLAGS.out) as file:
        draw(image, maps, title).savefig(file, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    for (one, other), difference in differences(maps).items():
        print(f"mean squared difference of {one} and {other}: {difference:.6g}")
    print(f"written: {flags.FLAGS.out}")


def feature_maps(
    members: Mapping[str, Any], image: np.ndarray, layer: str | None = None
) -> tuple[str, dict[str, np.ndarray]]:
    """What a convolution gives out for an image, see `networks.features.with_features`.

    Args:
      members: networks by name.
      image: uint8 [height, width, channels].
      layer: the name of the convolution, without the number of a head; default: the first.

    Returns:
      The convolution's name, and for each member that has it float32 [height, width, filters].

    Raises:
      ConfigError: no member has such a convolution.
    """
    from collab_ensembles.networks.features import convolutions, with_features

    names = {
        member: [naming.target_layer(name) for name in convolutions(network)] for member, network in members.items()
    }
    known = list(dict.fromkeys(itertools.chain.from_iterable(names.values())))
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
    """The mean squared difference of the features of each pair of members that have as many."""
    return {
        (one, other): float(np.mean((maps[one] - maps[other]) ** 2))
        for one, other in itertools.combinations(maps, 2)
        if maps[one].shape == maps[other].shape
    }


def mosaic(maps: np.ndarray) -> np.ndarray:
    """Features [height, width, filters] as one picture, filter by filter from the top left, with gaps of NaN."""
    height, width, filters = maps.shape
    columns = math.ceil(math.sqrt(filters))
    rows = math.ceil(filters / columns)
    picture = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan, np.float32)
    for number in range(filters):
        top, left = (number // columns) * (height + 1), (number % columns) * (width + 1)
        picture[top : top + height, left : left + width] = maps[:, :, number]
    return picture


def draw(image: np.ndarray, maps: Mapping[str, np.ndarray], title: str) -> "Figure":
    """The image, and the features of each member in one scale of colours.

    Args:
      image: uint8 [height, width, channels], of 1 or 3 channels.
      maps: [height, width, filters] by member.
      title: stands above.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(2.2 + 3.8 * len(maps), 4.2), layout=ConstrainedLayoutEngine(w_pad=0.15))
    panels = figure.subplots(1, 1 + len(maps), width_ratios=[0.5, *[1] * len(maps)], squeeze=False)[0]
    panels[0].imshow(image if image.shape[-1] == 3 else image[:, :, 0], cmap="gray")
    panels[0].set_title("image", fontsize=10)
    lowest, highest = min(its.min() for its in maps.values()), max(its.max() for its in maps.values())
    for panel, (member, its) in zip(panels[1:], maps.items(), strict=True):
        shown = panel.imshow(mosaic(its), vmin=lowest, vmax=highest, cmap="viridis", interpolation="nearest")
        panel.set_title(f"{member}: {its.shape[-1]} filters", fontsize=10)
    figure.colorbar(shown, ax=list(panels[1:]), shrink=0.8)
    for panel in panels:
        panel.set_axis_off()
    figure.suptitle(title, fontsize=11)
    return figure


if __name__ == "__main__":
    flags.DEFINE_integer("image", 0, "which test image, counted from 0")
    flags.DEFINE_string("layer", None, "which convolution, by its name; default: the first")
    flags.DEFINE_string("out", "feature_maps.png", "the file to write, ending in .png")
    flags.DEFINE_string("data_dir", None, "where data are kept; default: the user's cache directory")
    command_line.launch(main)
