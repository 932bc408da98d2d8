"""Networks by name: segments, seeds, decay, names of layers, sizes of images; and the same segments as branches."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.build import build_network, network_segments
from collab_ensembles.networks.layer_factory import LayerFactory
from collab_ensembles.networks.resnet import build_resnet
from collab_ensembles.networks.sizes import NAMED_SIZES, ResNetSize, parse_network

_SEGMENTED = ("resnet8", "resnet20", "densenet7-2", "densenet40-12", "resnet50", "vgg16", "convnet8")
_SMALL = ("resnet8", "densenet7-2", "convnet4")


def _build(member: str, seed: int = 0, shape: tuple[int, int, int] = (8, 8, 1), **options: object) -> keras.Model:
    random = np.random.default_rng(seed)
    return build_network(member, shape, 5, random=random, name="net", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("member", _SEGMENTED)
def test_all_segments_but_the_last_are_named_after_the_split_points(member: str) -> None:
    size = parse_network(member)
    names = [segment.name for segment in network_segments(size, 10)]
    assert tuple(names[:-1]) == size.split_points
    assert len(set(names)) == len(names)


def test_the_resnets_of_noel_have_no_segments() -> None:
    with pytest.raises(ConfigError, match=r"^B3R1F8 has no segments and cannot be split; [^\n]+$"):
        network_segments(NAMED_SIZES["ST"], 10)


def test_the_resnets_of_noel_are_built_with_all_their_settings() -> None:
    settings = {"revision": "post2018", "decay_scope": "all", "regularization_rate": 0.5, "precision": "mixed_bfloat16"}
    ours = _build("B2R1F2", 4, (8, 8, 3), **settings)
    random = np.random.default_rng(4)
    theirs = build_resnet(ResNetSize(2, 1, 2), (8, 8, 3), 5, random=random, name="net", **settings)  # type: ignore[arg-type]
    assert ours.get_config() == theirs.get_config()
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_segments_build_on_each_other() -> None:
    """The tensors between the segments of ResNet-50 and of a DenseNet, from the papers' tables."""

    def shapes(member: str, image_shape: tuple[int, int, int]) -> Iterator[tuple[int, ...]]:
        factory = LayerFactory(np.random.default_rng(0), regularization_rate=0)
        x = keras.Input(image_shape)
        for segment in network_segments(parse_network(member), 10):
            x = segment.build(factory, x)
            yield tuple(x.shape[1:])

    assert list(shapes("resnet50", (224, 224, 3))) == [(56, 56, 256), (28, 28, 512), (14, 14, 1024), (10,)]
    assert list(shapes("resnet20", (32, 32, 3))) == [(32, 32, 16), (16, 16, 32), (10,)]
    assert list(shapes("densenet10-3", (32, 32, 3))) == [(32, 32, 22), (16, 16, 28), (10,)]
    assert list(shapes("vgg16", (32, 32, 3))) == [(16, 16, 64), (8, 8, 128), (4, 4, 256), (2, 2, 512), (10,)]


@pytest.mark.parametrize("member", [*_SMALL, "ST"])
def test_inputs_outputs_and_name(member: str) -> None:
    net = _build(member)
    assert (net.name, net.input_shape, net.output_shape) == ("net", (None, 8, 8, 1), (None, 5))
    assert (net.input.dtype, net.output.dtype) == ("float32", "float32")


@pytest.mark.parametrize("member", _SMALL)
def test_kernels_depend_on_the_seed_and_differ_from_each_other(member: str) -> None:
    first, again, other = (
        [v.numpy() for v in _build(member, seed).variables if "kernel" in v.path] for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert len({kernel.ravel()[0] for kernel in first}) == len(first)


def test_kernels_are_he_initialised_and_those_of_the_logits_smaller() -> None:
    """Of those with enough values to tell."""
    kernels = [
        variable.numpy() for variable in _build("vgg16", shape=(32, 32, 1)).variables if "kernel" in variable.path
    ]
    assert kernels[-1].shape == (512, 5)
    assert kernels[-1].std() == pytest.approx(np.sqrt(1 / 3 / 512), rel=0.05)
    for kernel in kernels[1:-1]:
        assert kernel.std() == pytest.approx(np.sqrt(2 / np.prod(kernel.shape[:-1])), rel=0.05)


@pytest.mark.parametrize("member", _SMALL)
def test_every_kernel_decays_and_nothing_else_in_either_scope(member: str) -> None:
    for scope in ("report", "all"):
        net = _build(member, regularization_rate=0.2, decay_scope=scope)
        kernels = [v.numpy().astype(float) for v in net.trainable_variables if v.path.endswith("kernel")]
        assert len(net.losses) == len(kernels)
        expected = sum(0.2 / 2 * np.sum(np.square(kernel)) for kernel in kernels)
        np.testing.assert_allclose(float(sum(net.losses)), expected, rtol=1e-5)
    assert not _build(member, regularization_rate=0.0).losses


@pytest.mark.parametrize("member", [*_SMALL, "ST"])
def test_names_do_not_depend_on_what_was_built_before(member: str) -> None:
    keras.backend.clear_session()
    first, second = _build(member), _build(member, precision="mixed_bfloat16")
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert [variable.path for variable in first.variables] == [variable.path for variable in second.variables]
    # Bare operations are named after how many there were before.
    assert list(first.operations) == list(first.layers)


@pytest.mark.parametrize("member", ["resnet8", "densenet7-2"])
def test_a_trunk_with_two_branches_is_one_model(member: str, rng: np.random.Generator) -> None:
    """Each branch with the trunk is the network itself, once it has its weights."""
    trunk, *rest = network_segments(parse_network(member), 5)
    random = np.random.default_rng(1)
    factories = [LayerFactory(random, regularization_rate=0.1, prefix=p) for p in ("", "branch1_", "branch2_")]
    inputs = keras.Input((8, 8, 1), name="images")
    shared = trunk.build(factories[0], inputs)
    outputs = []
    for factory in factories[1:]:
        x = shared
        for segment in rest:
            x = segment.build(factory, x)
        outputs.append(x)
    graph = keras.Model(inputs, outputs, name="graph")
    alone = _build(member)
    split = {layer.name for layer in alone.layers if any(f.name == f"branch1_{layer.name}" for f in graph.layers)}
    assert len(graph.layers) == len(alone.layers) + len(split)
    images = rng.integers(0, 256, (3, 8, 8, 1)).astype(np.float32)
    received = [logits.numpy() for logits in graph(images)]
    for branch, logits in zip(("branch1_", "branch2_"), received, strict=True):
        for layer in alone.layers:
            layer.set_weights(graph.get_layer(branch * (layer.name in split) + layer.name).get_weights())
        np.testing.assert_allclose(alone(images).numpy(), logits, rtol=1e-5, atol=1e-5)
    assert not np.allclose(*received)


@pytest.mark.parametrize(
    ("member", "shape", "message"),
    [
        ("vgg16", (28, 32, 1), "for vgg16 need a height and width that are multiples of 32; received 28 x 32"),
        (
            "densenet7-2",
            (28, 30, 1),
            "for densenet7-2 need a height and width that are multiples of 4; received 28 x 30",
        ),
        ("convnet4", (7, 8, 1), "for convnet4 need a height and width that are multiples of 2; received 7 x 8"),
        ("ST", (30, 32, 3), "for B3R1F8 need a height and width that are multiples of 4; received 30 x 32"),
    ],
)
def test_images_of_other_sizes_are_refused_in_one_line(member: str, shape: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^[^\n]*{message}; [^\n]+$"):
        _build(member, shape=shape)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (7, 9, 2)])
def test_resnets_take_images_of_any_size(shape: tuple[int, int, int]) -> None:
    net = _build("resnet8", shape=shape)
    assert net(np.zeros((2, *shape), np.float32)).shape == (2, 5)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown member 'vgg19'"):
        _build("vgg19", shape=(32, 32, 3))
