"""Parameters of the networks of the papers, against published counts and against sums made by hand."""

import math

import keras
import numpy as np
import pytest

from collab_ensembles.networks.build import build_network


def _build(member: str, shape: tuple[int, int, int] = (32, 32, 3), num_classes: int = 10) -> keras.Model:
    return build_network(member, shape, num_classes, random=np.random.default_rng(0), name="net")


def _trainable(net: keras.Model) -> int:
    return sum(math.prod(variable.shape) for variable in net.trainable_variables)


def _cifar_resnet(depth: int, num_classes: int) -> int:
    """Convolutions of 9 weights without bias, batch normalisation of two numbers a channel, a dense layer."""
    blocks = (depth - 2) // 6
    count = 9 * 3 * 16 + 2 * 16
    for filters, before in ((16, 16), (32, 16), (64, 32)):
        count += 9 * before * filters + (2 * blocks - 1) * 9 * filters * filters + 2 * blocks * 2 * filters
    return count + 64 * num_classes + num_classes


def _densenet(depth: int, growth: int, num_classes: int) -> int:
    count, channels = 9 * 3 * 16, 16
    for block in range(3):
        for _ in range((depth - 4) // 3):
            count += 2 * channels + 9 * channels * growth
            channels += growth
        count += 2 * channels + (channels * channels if block < 2 else 0)
    return count + channels * num_classes + num_classes


@pytest.mark.parametrize(
    ("member", "millions", "count"),
    [
        # He et al. (2016), table 6; Huang et al. (2017), table 2.
        ("resnet20", "0.27", _cifar_resnet(20, 10)),
        ("resnet32", "0.46", _cifar_resnet(32, 10)),
        ("resnet110", "1.7", _cifar_resnet(110, 10)),
        ("densenet40-12", "1.0", _densenet(40, 12, 10)),
    ],
)
def test_trainable_parameters_on_cifar10(member: str, millions: str, count: int) -> None:
    net = _build(member)
    assert _trainable(net) == count
    digits = len(millions.split(".")[1])
    assert f"{count / 1e6:.{digits}f}" == millions


def test_the_sums_by_hand() -> None:
    """So that a slip in the arithmetic above shows; 1,019,722 is what others count for DenseNet-40-12."""
    assert (_cifar_resnet(20, 10), _cifar_resnet(32, 10), _cifar_resnet(110, 10)) == (269_722, 464_154, 1_727_962)
    assert _densenet(40, 12, 10) == 1_019_722


@pytest.mark.parametrize(
    ("member", "count"), [("resnet8", _cifar_resnet(8, 100)), ("densenet7-2", _densenet(7, 2, 100))]
)
def test_trainable_parameters_on_cifar100(member: str, count: int) -> None:
    assert _trainable(_build(member, num_classes=100)) == count


def test_vgg16() -> None:
    """The count of the widespread implementation for CIFAR-10; 14,714,688 of them in the convolutions.

    Larger images need no more parameters.
    """
    net = _build("vgg16", (64, 32, 3))
    assert _trainable(net) == 14_728_266
    convolutions = [layer for layer in net.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 13
    assert sum(layer.count_params() for layer in convolutions) == 14_714_688


def test_convnet() -> None:
    """3x3 kernels and biases of M filters; a dense layer on a quarter of the pixels."""
    assert _trainable(_build("convnet8", (28, 28, 1))) == (9 + 1) * 8 + (14 * 14 * 8 + 1) * 10


def test_fdlnet() -> None:
    """3x3 kernels and biases of n filters, two numbers each of batch normalisation; a dense layer on 7 x 7."""
    assert _trainable(_build("fdlnet8", (28, 28, 1))) == (9 + 1 + 2) * 8 + (7 * 7 * 8 + 1) * 10


def test_resnet50() -> None:
    """25.6 million at 1000 classes: 25,557,032, and the moving averages of 26,560 channels and of the image's 3."""
    net = _build("resnet50", num_classes=1000)
    assert _trainable(net) == 25_557_032
    assert net.count_params() == 25_557_032 + 2 * (26_560 + 3)


@pytest.mark.parametrize(
    ("member", "layers"), [("resnet8", 8), ("resnet20", 20), ("densenet7-2", 7), ("densenet40-12", 40), ("vgg16", 14)]
)
def test_layers_are_as_many_as_the_name_says(member: str, layers: int) -> None:
    """Convolutions and dense layers; VGG-16 has lost two of its three dense layers."""
    assert sum(hasattr(layer, "kernel") for layer in _build(member).layers) == layers
