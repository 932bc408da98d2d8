"""The features of a network: what its convolutions give out."""

import keras
import numpy as np
import pytest

from collab_ensembles.networks.build import build_network
from collab_ensembles.networks.features import convolutions, with_features
from reference import convolve


def _build(member: str, shape: tuple[int, int, int], **options: object) -> keras.Model:
    random = np.random.default_rng(0)
    return build_network(member, shape, 5, random=random, name="net", **options)  # type: ignore[arg-type]


def test_the_convolutions_of_each_network_in_order() -> None:
    assert convolutions(_build("convnet4", (8, 8, 1))) == ["convolution"]
    assert convolutions(_build("resnet8", (8, 8, 1))) == [
        "first_convolution",
        *(f"stage{stage}_block1_convolution{number}" for stage in (1, 2, 3) for number in (1, 2)),
    ]
    assert convolutions(_build("densenet7-2", (8, 8, 1))) == [
        *("first_convolution", "block1_layer1_convolution", "transition1_convolution", "block2_layer1_convolution"),
        *("transition2_convolution", "block3_layer1_convolution"),
    ]
    assert convolutions(_build("vgg16", (32, 32, 1))) == [
        f"block{block}_convolution{number}"
        for block, count in enumerate((2, 2, 3, 3, 3), start=1)
        for number in range(1, count + 1)
    ]


def test_shortcuts_count() -> None:
    """49 convolutions and 4 projections in ResNet-50; in B3R1F2 1 + 3 * 2 + 2 * 2 and 2 of our own kind of layer."""
    names = convolutions(_build("resnet50", (8, 8, 1)))
    assert (len(names), sum("shortcut" in name for name in names)) == (53, 4)
    names = convolutions(_build("B3R1F2", (8, 8, 1)))
    assert (len(names), sum("shortcut" in name for name in names)) == (13, 2)


@pytest.mark.parametrize("member", ["B3R1F2", "resnet14"])
def test_the_order_does_not_depend_on_what_was_built_before(member: str) -> None:
    assert convolutions(_build(member, (8, 8, 1))) == convolutions(_build(member, (8, 8, 1)))


def test_features_come_before_batch_normalisation_and_relu(rng: np.random.Generator) -> None:
    net = _build("resnet8", (8, 8, 3))
    images = rng.integers(0, 256, (3, 8, 8, 3)).astype(np.float32)
    logits, *features = (output.numpy() for output in with_features(net)(images))
    np.testing.assert_array_equal(logits, net(images).numpy())
    assert [f.shape[1:] for f in features] == [(8, 8, 16)] * 3 + [(4, 4, 32)] * 2 + [(2, 2, 64)] * 2
    # At its first value, batch normalisation divides by the root of 1 + 1e-5.
    first = convolve(images / np.sqrt(1 + 1e-5), net.get_layer("first_convolution").kernel.numpy())
    np.testing.assert_allclose(features[0], first, rtol=1e-4, atol=1e-3)
    assert first.min() < -0.1
    activated = np.maximum(first / np.sqrt(1 + 1e-5), 0)
    second = convolve(activated, net.get_layer("stage1_block1_convolution1").kernel.numpy())
    np.testing.assert_allclose(features[1], second, rtol=1e-4, atol=1e-2)


def test_the_feature_of_the_one_layer_network_comes_after_its_relu(rng: np.random.Generator) -> None:
    net = _build("convnet4", (8, 8, 3))
    layer = net.get_layer("convolution")
    layer.bias.assign(rng.normal(size=4))
    images = rng.integers(0, 256, (3, 8, 8, 3)).astype(np.float32)
    logits, feature = (output.numpy() for output in with_features(net)(images))
    expected = np.maximum(convolve(images / np.sqrt(1 + 1e-5), layer.kernel.numpy()) + layer.bias.numpy(), 0)
    np.testing.assert_allclose(feature, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(logits, net(images).numpy())


def test_the_feature_of_the_published_one_layer_network_is_what_its_maximum_gives_out(rng: np.random.Generator) -> None:
    net = _build("fdlnet4", (8, 8, 1))
    images = rng.integers(0, 256, (3, 8, 8, 1)).astype(np.float32)
    logits, *features = (output.numpy() for output in with_features(net)(images))
    assert [feature.shape for feature in features] == [(3, 2, 2, 4)]
    assert features[0].min() >= 0
    dense = net.get_layer("logits")
    np.testing.assert_allclose(
        logits, features[0].reshape(3, -1) @ dense.kernel.numpy() + dense.bias.numpy(), rtol=1e-5, atol=1e-5
    )


def test_the_layers_are_shared_and_the_decay_stays() -> None:
    net = _build("resnet8", (8, 8, 1), regularization_rate=0.1)
    whole = with_features(net)
    assert whole.name == "net"
    assert [id(variable) for variable in whole.variables] == [id(variable) for variable in net.variables]
    assert float(sum(whole.losses)) == float(sum(net.losses)) > 0


def test_features_have_their_layers_dtype() -> None:
    whole = with_features(_build("resnet8", (8, 8, 1), precision="mixed_bfloat16"))
    assert [output.dtype for output in whole.outputs] == ["float32"] + ["bfloat16"] * 7
