"""experiments.feature_maps: features against a convolution by hand, and the command."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
from matplotlib.image import imread

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.assembly import build_model
from collab_ensembles.runs import checkpoint, checkpoint_file, run_data, run_directory
from collab_ensembles.runs.logger import Record
from collab_ensembles.runs.run_directory import DataFacts, Status
from collab_ensembles.settings.config import RunConfig
from command_runner import run as run_command
from experiments import feature_maps

_PAIR = RunConfig(system="fdl", dataset="digits", members=("convnet4",) * 2, epochs=2, train_limit=128)


def _by_hand(network: keras.Model, image: np.ndarray) -> np.ndarray:
    """ReLU of the 3x3 convolution with bias of the normalised pixels, beyond the border 0; [height, width, 4]."""
    kernel, bias = (np.asarray(variable, np.float64) for variable in network.get_layer("convolution").variables)
    layer = network.get_layer("input_normalization")
    mean, variance = (np.asarray(variable, np.float64) for variable in (layer.moving_mean, layer.moving_variance))
    padded = np.pad((image - mean) / np.sqrt(variance + 1e-5), ((1, 1), (1, 1), (0, 0)))
    height, width, _ = image.shape
    result = np.empty((height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            patch = padded[row : row + 3, column : column + 3]
            result[row, column] = np.einsum("ijc,ijcf->f", patch, kernel) + bias
    return np.maximum(result, 0)


def test_features_are_those_of_the_convolution(rng: np.random.Generator) -> None:
    members = build_model(_PAIR, (8, 8, 1), 10).members
    image = rng.integers(0, 256, (8, 8, 1), np.uint8)
    layer, maps = feature_maps.feature_maps(members, image)
    assert layer == "convolution"
    expected = {name: _by_hand(network, image) for name, network in members.items()}
    assert list(maps) == ["convnet4", "convnet4_2"]
    for name, its in maps.items():
        np.testing.assert_allclose(its, expected[name], atol=1e-4)
    ((pair, difference),) = feature_maps.differences(maps).items()
    assert pair == ("convnet4", "convnet4_2")
    assert difference == pytest.approx(np.mean((expected["convnet4"] - expected["convnet4_2"]) ** 2), rel=1e-4)
    assert difference > 0


def test_heads_share_the_features_of_their_trunk_under_one_name(rng: np.random.Generator) -> None:
    config = RunConfig(system="multihead", members=("resnet8",), graph="hierarchical")
    members = build_model(config, (8, 8, 1), 10).members
    image = rng.integers(0, 256, (8, 8, 1), np.uint8)
    for layer, same in (("stage1_block1_convolution2", 4), ("stage2_block1_convolution1", 2), ("logits", 0)):
        if same == 0:
            with pytest.raises(ConfigError, match=r"--layer=logits: no convolution of this name; allowed: first_con"):
                feature_maps.feature_maps(members, image, layer)
            continue
        _, maps = feature_maps.feature_maps(members, image, layer)
        assert list(maps) == ["head1", "head2", "head3", "head4"]
        assert sum(np.array_equal(maps["head1"], its) for its in maps.values()) == same


def test_members_of_other_sizes_are_not_subtracted(rng: np.random.Generator) -> None:
    maps = {"a": rng.random((2, 2, 3)), "b": rng.random((2, 2, 4)), "c": rng.random((2, 2, 3))}
    assert list(feature_maps.differences(maps)) == [("a", "c")]


def test_a_mosaic_holds_the_filters_line_by_line() -> None:
    maps = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    picture = feature_maps.mosaic(maps)
    assert picture.shape == (2 + 1 + 2, 3 + 1 + 3 + 1 + 3)
    np.testing.assert_array_equal(picture[:2, :3], maps[:, :, 0])
    np.testing.assert_array_equal(picture[:2, 8:], maps[:, :, 2])
    np.testing.assert_array_equal(picture[3:, 4:7], maps[:, :, 4])
    assert np.isnan(picture[2]).all()
    assert np.isnan(picture[:, [3, 7]]).all()
    assert np.isfinite(picture).sum() == maps.size


def test_members_of_all_runs_are_drawn_in_one_scale_and_their_differences_in_another(rng: np.random.Generator) -> None:
    rows = {row: {name: rng.random((8, 8, 4)) * (number + 1) for name in "ab"} for number, row in enumerate("xy")}
    figure = feature_maps.draw(rng.integers(0, 256, (8, 8, 1), np.uint8), rows, "title")
    panels = [axes for axes in figure.axes if axes.get_title()]
    squares = {name: (maps["a"] - maps["b"]) ** 2 for name, maps in rows.items()}
    for own, (name, maps) in zip((panels[:4], panels[4:]), rows.items(), strict=True):
        assert [axes.get_title() for axes in own[:3]] == ["image", "a: 4 filters", "b: 4 filters"]
        assert own[3].get_title() == f"squared difference: mean {squares[name].mean():.3g}"
        features = [image.get_array() for axes in own[1:3] for image in axes.get_images()]
        for shown, its in zip(features, maps.values(), strict=True):
            np.testing.assert_array_equal(shown.filled(np.nan), feature_maps.mosaic(its))
        np.testing.assert_array_equal(
            own[3].get_images()[0].get_array().filled(np.nan), feature_maps.mosaic(squares[name])
        )
    every = [its for maps in rows.values() for its in maps.values()]
    scales = [axes.get_images()[0].get_clim() for axes in panels]
    assert {*scales[1:3], *scales[5:7]} == {(min(map(np.min, every)), max(map(np.max, every)))}
    assert {scales[3], scales[7]} == {(0, max(map(np.max, squares.values())))}
    assert [part._suptitle.get_text() for part in figure.subfigs] == ["x", "y"]


def test_the_difference_of_several_members_is_the_mean_over_pairs(rng: np.random.Generator) -> None:
    a, b, c = (rng.random((2, 3, 4)) for _ in range(3))
    expected = ((a - b) ** 2 + (a - c) ** 2 + (b - c) ** 2) / 3
    np.testing.assert_allclose(feature_maps.squared_difference({"a": a, "b": b, "c": c}), expected)
    assert feature_maps.squared_difference({"a": a, "b": rng.random((2, 3, 5))}) is None


def test_each_run_is_given_once_and_all_have_the_same_images() -> None:
    with pytest.raises(ConfigError, match="received 2 directories of 1 different runs; give each run once"):
        feature_maps.names_of([_PAIR, _PAIR])
    with pytest.raises(ConfigError, match=r"different data or splits \(digits, mnist\)"):
        feature_maps.names_of([_PAIR, dataclasses.replace(_PAIR, dataset="mnist")])
    assert feature_maps.names_of([_PAIR, dataclasses.replace(_PAIR, seed=1)])[1] == "convnet4, 2 x FDL, seed 1"
    longer = dataclasses.replace(_PAIR, epochs=_PAIR.epochs + 1)
    assert len(set(feature_maps.names_of([_PAIR, longer]))) == 2
    with pytest.raises(ConfigError, match="these networks have no convolutions"):
        feature_maps.feature_maps(
            build_model(RunConfig(members=("mlp4-4",)), (8, 8, 1), 10).members, np.zeros((8, 8, 1), np.uint8)
        )


def test_the_command_draws_a_trained_run(tmp_path: pathlib.Path) -> None:
    directory, path = str(tmp_path / "run"), tmp_path / "maps.png"
    run_directory.write_config(directory, _PAIR)
    run_directory.write_status(directory, Status(state="done", data=DataFacts("digits", (8, 8, 1), 10)))
    trained = build_model(_PAIR, (8, 8, 1), 10)
    checkpoint.save(f"{directory}/{checkpoint_file.DIRECTORY}", trained, Record.empty(["ensemble"], 1), _PAIR.digest())
    # In the cache from now on, so that the command has nothing to say of it.
    image = run_data.load(_PAIR, None).test_images[2]
    result = run_command("experiments.feature_maps", directory, "--image=2", f"--out={path}")
    assert (result.exit_status, result.errors) == (0, "")
    features = [_by_hand(network, np.asarray(image)) for network in trained.members.values()]
    said, written = result.output.splitlines()
    assert said.startswith("mean squared difference of convnet4 and convnet4_2: ")
    assert float(said.split(": ")[1]) == pytest.approx(np.mean((features[0] - features[1]) ** 2), rel=1e-4)
    assert written == f"written: {path}"
    assert imread(path).ndim == 3


def test_what_is_not_there_is_said_in_one_line(tmp_path: pathlib.Path) -> None:
    for arguments, words in (
        ([], "received 0 arguments; needed: the directory of one run, or of several"),
        ([str(tmp_path)], "no such file; give the directory of a run"),
    ):
        result = run_command("experiments.feature_maps", *arguments)
        assert result.exit_status == 2
        assert words in result.errors
        assert result.errors.count("\n") == 1
