"""Figures 3.1 to 3.4 of Noel (2017): sample images of a data set, and its two principal components.

Example:
  python -m analysis.sample_figures --dataset=mnist --out=figures
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from analysis import figure_style as style
from collab_ensembles import data
from collab_ensembles.data import Dataset, catalogue
from collab_ensembles.errors import DataError
from experiments import command_line, path_flags, runtime

SAMPLES = 5
MOST_IMAGES = 5_000
"""So many images are enough for the components, and as many points as a figure can show."""

_NUMBERS = {"MNIST": "3_1", "notMNIST": "3_2", "CIFAR10": "3_3"}
_MOST_NAMES = 20
_BLOCK = 500
"""Rows of distances that are computed at once: 20 MB for 5,000 images."""
_POSITIVE, _NEGATIVE = "blue", "red"
"""The colours of a component's weights, as in the paper."""
_WEIGHT_COLOURS = LinearSegmentedColormap.from_list("weights", [_NEGATIVE, "white", _POSITIVE])


@dataclasses.dataclass(frozen=True)
class Projection:
    """The first training images in the plane of their two principal components.

    Attributes:
      coordinates: float [images, 2]; the unit is the full range of a pixel.
      components: float [2, height, width, channels], of length 1 each.
      shares: of the variance that each component explains, [2].
    """

    coordinates: np.ndarray
    components: np.ndarray
    shares: np.ndarray


def sample_images(dataset: Dataset, axes: Sequence[Axes], seed: int = 0) -> Sequence[Axes]:
    """Figures 3.1 to 3.3: training images, each under its index and label.

    Args:
      dataset: where the images are from.
      axes: a panel for each image.
      seed: of the choice of images.

    Returns:
      The axes.

    Raises:
      DataError: there are fewer images than panels.
    """
    number = len(dataset.train_labels)
    if number < len(axes):
        raise DataError(f"{dataset.name} has {number} training images; needed: {len(axes)}")
    chosen = np.sort(np.random.default_rng(seed).choice(number, len(axes), replace=False))
    images = dataset.train_images[chosen]
    for panel, index, image in zip(axes, chosen, images, strict=True):
        _show(panel, image, int(images.max()))
        panel.set_title(_caption(dataset, int(index)), fontsize=10)
    axes[0].figure.suptitle(f"{dataset.name}: {len(axes)} of {number:,} training images, by index and label")
    return axes


def project(dataset: Dataset, most: int = MOST_IMAGES) -> Projection:
    """Principal component analysis of the first `most` training images.

    They are a random choice: data sets are in the order of their digests.

    Raises:
      DataError: there are fewer than three images, or they are all alike.
    """
    images = np.asarray(dataset.train_images[:most], np.float64).reshape(len(dataset.train_labels[:most]), -1) / 255
    if len(images) < 3 or images.shape[1] < 3 or np.ptp(images, axis=0).max() == 0:
        raise DataError(f"{dataset.name}: principal components take three different images of three pixels or more")
    # Only the two components that are shown, from the same start each time.
    analysis = PCA(n_components=2, svd_solver="arpack", random_state=0)
    coordinates = analysis.fit_transform(images)
    components = analysis.components_.reshape(2, *dataset.image_shape)
    return Projection(coordinates, components, analysis.explained_variance_ratio_)


def most_similar(images: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """The two most similar images of different classes: those with the smallest Euclidean distance of their pixels.

    Noel (2017) calls his two "visually quite similar" and names no measure; this one is ours.

    Args:
      images: uint8 [images, height, width, channels].
      labels: [images].

    Returns:
      Their indices, the smaller one first; of several pairs that are equally similar the first one.

    Raises:
      DataError: all images are of one class.
    """
    # The sums below are of whole numbers, hence exact: equal distances are found to be equal.
    pixels = images.reshape(len(images), -1).astype(np.float64)
    squares = np.square(pixels).sum(axis=1)
    best = (np.inf, 0, 0)
    for start in range(0, len(pixels), _BLOCK):
        rows = slice(start, start + _BLOCK)
        # Pairs with images before the block have been seen.
        distances = squares[rows, None] + squares[start:] - 2 * pixels[rows] @ pixels[start:].T
        distances[labels[rows, None] == labels[start:]] = np.inf
        row, column = np.unravel_index(np.argmin(distances), distances.shape)
        first, second = sorted((start + int(row), start + int(column)))
        best = min(best, (float(distances[row, column]), first, second))
    if not np.isfinite(best[0]):
        raise DataError("similar images of different classes take two classes")
    return best[1], best[2]


def principal_components(dataset: Dataset, axes: Sequence[Axes], most: int = MOST_IMAGES) -> Sequence[Axes]:
    """Figure 3.4: training images as points in the plane of their principal components.

    Stars are the two most similar images of different classes among them (see `most_similar`). These are
    shown with each component laid over: blue where its weight of a pixel is positive, red where negative.

    Args:
      dataset: where the images are from.
      axes: five panels: the plane, and for both images the first and the second component.
      most: use so many images, the first ones.

    Returns:
      The axes.

    Raises:
      DataError: the data have no two principal components, or only one class.
    """
    plane, *overlays = axes
    projection = project(dataset, most)
    labels = np.asarray(dataset.train_labels[:most])
    images = np.asarray(dataset.train_images[:most])
    pair = most_similar(images, labels)
    _points(plane, projection, labels, dataset.label_names)
    _stars(plane, projection.coordinates, pair, dataset)
    for place, index in enumerate(pair):
        for number, component in enumerate(projection.components):
            panel = overlays[2 * place + number]
            _overlay(panel, images[index], component, int(images.max()))
            panel.set_title(f"{_caption(dataset, index)}\ncomponent {number + 1}", fontsize=10)
    key = (
        "stars: of all pairs of different classes, the most similar one\n(smallest Euclidean distance of pixels)\n"
        f"{_POSITIVE}: positive weights of the component; {_NEGATIVE}: negative"
    )
    below: dict[str, Any] = {"transform": overlays[2].transAxes, "ha": "center", "va": "top"}
    # It spans two panels, which the layout would otherwise move apart.
    overlays[2].text(1.1, -0.08, key, fontsize=9, in_layout=False, **below)
    plane.figure.suptitle(f"{dataset.name}: principal components of {len(labels):,} training images")
    return axes


def _points(plane: Axes, projection: Projection, labels: np.ndarray, names: Sequence[str]) -> None:
    for label, name in enumerate(names):
        its = projection.coordinates[labels == label]
        look: dict[str, Any] = {"color": _class_colour(label, len(names)), "markeredgewidth": 0, "alpha": 0.6}
        plane.plot(its[:, 0], its[:, 1], "o", markersize=3, label=name, **look)
    first, second = projection.shares
    plane.set(xlabel=f"component 1 ({100 * first:.1f} % of the variance)", ylabel=f"component 2 ({100 * second:.1f} %)")
    if len(names) <= _MOST_NAMES:
        plane.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=5, markerscale=3, frameon=False, fontsize=9)


def _class_colour(label: int, classes: int) -> Any:
    if classes > _MOST_NAMES:
        return colormaps["hsv"](label / classes)
    return colormaps["tab10" if classes <= 10 else "tab20"](label)


def _stars(plane: Axes, coordinates: np.ndarray, pair: Sequence[int], dataset: Dataset) -> None:
    # The second star is smaller and its caption elsewhere, since the two points can all but coincide.
    # Captions stand towards the middle of the plane.
    middle = (coordinates.min(axis=0) + coordinates.max(axis=0)) / 2
    inwards = np.sign(middle - coordinates[pair[0]])
    for index, size, aside in zip(pair, (22, 12), (-70, 70), strict=True):
        offset = (aside + 90 * inwards[0], 50 * inwards[1])
        colour = _class_colour(int(dataset.train_labels[index]), dataset.num_classes)
        plane.plot(*coordinates[[index]].T, "*", markersize=size, color=colour, markeredgecolor="black", label="_star")
        plane.annotate(
            _caption(dataset, index),
            coordinates[index],
            xytext=offset,
            textcoords="offset points",
            ha="center",
            bbox={"facecolor": "white", "edgecolor": "black", "linewidth": 0.6},
            arrowprops={"arrowstyle": "-"},
        )


def _show(panel: Axes, image: np.ndarray, brightest: int) -> None:
    """The image, in colour or in grey; of the latter the brightest pixel is white, which is 16 in digits."""
    panel.set_axis_off()
    if image.shape[-1] == 3:
        panel.imshow(image)
    else:
        panel.imshow(image.mean(axis=-1), cmap="gray", vmin=0, vmax=brightest)


def _overlay(panel: Axes, image: np.ndarray, component: np.ndarray, brightest: int) -> None:
    """The image in grey under a component's mean over the channels."""
    _show(panel, image.mean(axis=-1, keepdims=True), brightest)
    heat = component.mean(axis=-1)
    strongest = float(np.abs(heat).max()) or 1.0
    panel.imshow(heat, cmap=_WEIGHT_COLOURS, vmin=-strongest, vmax=strongest, alpha=0.75 * np.abs(heat) / strongest)


def _caption(dataset: Dataset, index: int) -> str:
    return f"{index}: {dataset.label_names[int(dataset.train_labels[index])]}"


def _sample_figure(dataset: Dataset) -> Figure:
    figure = Figure(figsize=(9, 2.3), layout="constrained")
    sample_images(dataset, [figure.add_subplot(1, SAMPLES, place + 1) for place in range(SAMPLES)])
    return figure


def _component_figure(dataset: Dataset) -> Figure:
    figure = Figure(figsize=(11, 6), layout="constrained")
    panels = figure.subplot_mosaic([["plane", "a1", "a2"], ["plane", "b1", "b2"]], width_ratios=(2.4, 1, 1))
    principal_components(dataset, [panels[name] for name in ("plane", "a1", "a2", "b1", "b2")])
    return figure


def _main(arguments: list[str]) -> None:
    command_line.no_arguments(arguments)
    catalogue.check_name(flags.FLAGS.dataset)
    runtime.quiet_tensorflow()
    dataset = data.load(flags.FLAGS.dataset, flags.FLAGS.data_dir)
    label = dataset.name.lower()
    drawn = {f"{_NUMBERS.get(dataset.name, '3')}_{label}_samples": _sample_figure(dataset)}
    drawn[f"3_4_{label}_components"] = _component_figure(dataset)
    for name, figure in drawn.items():
        print(*style.save(figure, flags.FLAGS.out, name), sep="\n")


if __name__ == "__main__":
    flags.DEFINE_string("dataset", "digits", f"data set: {', '.join(catalogue.CATALOGUE)}, or the path of an .npz file")
    path_flags.data_dir()
    path_flags.define("out", "figures", "the directory for the figures")
    command_line.launch(_main)
