"""Sample images and principal components, against NumPy."""

import dataclasses
import itertools
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import command_runner
from analysis import sample_figures
from collab_ensembles.data import Dataset
from collab_ensembles.errors import DataError


def _dataset(examples: int = 60, channels: int = 1, classes: int = 3) -> Dataset:
    """Images of 6 x 4 pixels that vary most along two directions; each class has its own place there."""
    random = np.random.default_rng(5)
    directions = random.normal(size=(2, 6 * 4 * channels))
    labels = (np.arange(examples) % classes).astype(np.int32)
    plane = random.normal(size=(examples, 2)) * (9, 5) + 10 * labels[:, None]
    pixels = 100 + plane @ directions + random.normal(size=(examples, 6 * 4 * channels))
    images = np.clip(pixels, 0, 255).astype(np.uint8).reshape(examples, 6, 4, channels)
    names = tuple(f"class {label}" for label in range(classes))
    return Dataset("invented", images, labels, images[:4], labels[:4], names)


def _panels(number: int) -> list[Axes]:
    figure = Figure(layout="constrained")
    return [figure.add_subplot(1, number, place + 1) for place in range(number)]


def _svd(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates, components and shares of variance, up to sign."""
    flat = images.reshape(len(images), -1) / 255
    left, sizes, right = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    return left[:, :2] * sizes[:2], right[:2], sizes[:2] ** 2 / np.sum(sizes**2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("most", [25, 1000])
def test_projections_are_those_of_a_singular_value_decomposition(channels: int, most: int) -> None:
    dataset = _dataset(channels=channels)
    projection = sample_figures.project(dataset, most)
    coordinates, components, shares = _svd(dataset.train_images[:most])
    assert projection.coordinates.shape == (min(most, 60), 2)
    assert projection.components.shape == (2, 6, 4, channels)
    for number in range(2):
        received = projection.components[number].ravel()
        sign = np.sign(received @ components[number])
        np.testing.assert_allclose(sign * received, components[number], atol=1e-9)
        np.testing.assert_allclose(sign * projection.coordinates[:, number], coordinates[:, number], atol=1e-9)
    np.testing.assert_allclose(projection.shares, shares, rtol=1e-9)
    assert shares[0] > 1.2 * shares[1]


def test_projections_repeat() -> None:
    first, second = sample_figures.project(_dataset()), sample_figures.project(_dataset())
    np.testing.assert_array_equal(first.coordinates, second.coordinates)


@pytest.mark.parametrize("images", [_dataset(2).train_images, np.full((9, 6, 4, 1), 7, np.uint8)])
def test_data_without_two_components_are_refused(images: np.ndarray) -> None:
    dataset = dataclasses.replace(_dataset(), train_images=images, train_labels=np.zeros(len(images), np.int32))
    with pytest.raises(DataError, match="invented: principal components take"):
        sample_figures.project(dataset)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("block", [7, 500])
def test_the_most_similar_images_are_the_closest_pair_of_different_classes(
    seed: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_figures, "_BLOCK", block)
    random = np.random.default_rng(seed)
    # Few grey levels, so that several pairs are equally close.
    images, labels = random.integers(0, 3, (40, 2, 2, 1)).astype(np.uint8) * 127, random.integers(0, 4, 40)
    expected = min(
        (sum((int(a) - int(b)) ** 2 for a, b in zip(images[i].flat, images[j].flat, strict=True)), i, j)
        for i, j in itertools.combinations(range(40), 2)
        if labels[i] != labels[j]
    )
    assert sample_figures.most_similar(images, labels) == expected[1:]


def test_the_most_similar_images_are_not_the_closest_points_in_the_plane() -> None:
    """Two that differ only across the plane of the components coincide there, and look unlike each other."""
    spread = np.array([[0, 0, 1], [250, 0, 1], [0, 250, 1], [250, 250, 1]])
    images = np.concatenate([spread, [[100, 100, 0], [100, 100, 60], [130, 100, 0]]]).astype(np.uint8)
    images, labels = images.reshape(7, 1, 3, 1), np.array([0, 0, 0, 0, 0, 1, 2])
    dataset = Dataset("invented", images, labels, images, labels, ("a", "b", "c"))
    places = sample_figures.project(dataset).coordinates
    assert np.linalg.norm(places[4] - places[5]) < np.linalg.norm(places[4] - places[6])
    assert sample_figures.most_similar(images, labels) == (4, 6)
    plane, *_ = sample_figures.principal_components(dataset, _panels(5))
    assert [text.get_text() for text in plane.texts] == ["4: a", "6: c"]


def test_similar_images_take_two_classes() -> None:
    with pytest.raises(DataError, match="two classes"):
        sample_figures.most_similar(_dataset(4).train_images, np.zeros(4, np.int32))


def _shown(panel: Axes, place: int = 0) -> np.ndarray:
    return np.asarray(panel.get_images()[place].get_array())


@pytest.mark.parametrize("channels", [1, 3])
def test_sample_images_stand_under_their_index_and_label(channels: int) -> None:
    dataset = _dataset(channels=channels)
    panels = sample_figures.sample_images(dataset, _panels(5))
    indices = []
    for panel in panels:
        index, label = panel.get_title().split(": ")
        indices.append(int(index))
        assert label == dataset.label_names[dataset.train_labels[int(index)]]
        expected = dataset.train_images[int(index)]
        np.testing.assert_array_equal(_shown(panel), expected if channels == 3 else expected[..., 0])
    assert len(set(indices)) == 5
    assert "invented" in panels[0].figure.get_suptitle()  # type: ignore[union-attr]


def test_images_whose_pixels_end_at_16_are_not_shown_almost_black() -> None:
    dataset = dataclasses.replace(_dataset(), train_images=_dataset().train_images // 16)
    _, *overlays = sample_figures.principal_components(dataset, _panels(5))
    for panel in (*sample_figures.sample_images(dataset, _panels(60)), *overlays):
        assert panel.get_images()[0].get_clim() == (0, dataset.train_images.max())


def test_the_seed_chooses_the_images() -> None:
    titles = [
        [panel.get_title() for panel in sample_figures.sample_images(_dataset(), _panels(5), seed)]
        for seed in (0, 0, 1)
    ]
    assert titles[0] == titles[1] != titles[2]


def test_more_panels_than_images_are_refused() -> None:
    with pytest.raises(DataError, match="3 training images; needed: 5"):
        sample_figures.sample_images(_dataset(3), _panels(5))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_plane_shows_each_class_and_the_most_similar_images(channels: int) -> None:
    dataset = _dataset(channels=channels)
    projection = sample_figures.project(dataset)
    plane, *_ = sample_figures.principal_components(dataset, _panels(5))
    lines = {str(line.get_label()): line for line in plane.get_lines() if line.get_marker() == "o"}
    assert list(lines) == list(dataset.label_names)
    for label, name in enumerate(dataset.label_names):
        np.testing.assert_array_equal(lines[name].get_xydata(), projection.coordinates[dataset.train_labels == label])
    pair = sample_figures.most_similar(dataset.train_images, dataset.train_labels)
    stars = [line for line in plane.get_lines() if line.get_marker() == "*"]
    for star, index in zip(stars, pair, strict=True):
        np.testing.assert_array_equal(star.get_xydata(), projection.coordinates[[index]])
        of_class = lines[dataset.label_names[dataset.train_labels[index]]]
        assert to_rgba(star.get_color()) == to_rgba(of_class.get_color())
    assert dataset.train_labels[pair[0]] != dataset.train_labels[pair[1]]
    assert f"{100 * projection.shares[0]:.1f} %" in plane.get_xlabel()
    assert f"{100 * projection.shares[1]:.1f} %" in plane.get_ylabel()
    captions = [text.get_text() for text in plane.texts]
    assert captions == [f"{index}: {dataset.label_names[dataset.train_labels[index]]}" for index in pair]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_component_is_laid_over_both_images(channels: int) -> None:
    dataset = _dataset(channels=channels)
    projection = sample_figures.project(dataset)
    pair = sample_figures.most_similar(dataset.train_images, dataset.train_labels)
    _, *panels = sample_figures.principal_components(dataset, _panels(5))
    places = [(index, number) for index in pair for number in range(2)]
    for panel, (index, number) in zip(panels, places, strict=True):
        np.testing.assert_allclose(_shown(panel, 0), dataset.train_images[index].mean(axis=-1))
        expected = projection.components[number].mean(axis=-1)
        heat = panel.get_images()[1]
        np.testing.assert_allclose(_shown(panel, 1), expected)
        # As in the paper: blue is positive.
        blue, red = (heat.to_rgba(np.array([[sign * np.abs(expected).max()]]))[0, 0] for sign in (1, -1))
        assert red[0] > 2 * red[2]
        assert blue[2] > 2 * blue[0]
        assert (
            panel.get_title() == f"{index}: {dataset.label_names[dataset.train_labels[index]]}\ncomponent {number + 1}"
        )


def test_many_classes_have_colours_but_no_legend() -> None:
    plane, *_ = sample_figures.principal_components(_dataset(200, classes=50), _panels(5))
    points = [line for line in plane.get_lines() if line.get_marker() == "o"]
    assert len({to_rgba(line.get_color()) for line in points}) == 50
    assert plane.get_legend() is None
    assert sample_figures.principal_components(_dataset(), _panels(5))[0].get_legend() is not None


def test_the_command_writes_both_figures_and_says_where(tmp_path: pathlib.Path) -> None:
    flags = ("--dataset=digits", f"--data_dir={tmp_path}/data", f"--out={tmp_path}/out")
    result = command_runner.run("analysis.sample_figures", *flags)
    assert (result.exit_status, result.errors) == (0, "")
    expected = [f"{tmp_path}/out/{name}.{end}" for name in _NAMES for end in ("png", "svg")]
    assert [line for line in result.output.splitlines() if "/out/" in line] == expected
    assert all(pathlib.Path(path).stat().st_size > 5000 for path in expected)


_NAMES = ("3_digits_samples", "3_4_digits_components")


def test_tensorflow_stays_out() -> None:
    code = "import sys, analysis.sample_figures, analysis.figures; sys.exit('tensorflow' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=command_runner.REPOSITORY, check=False)
    assert result.returncode == 0
