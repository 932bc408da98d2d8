"""The networks' outputs against forward passes in NumPy, written from the papers, for inference and training."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

import reference
from collab_ensembles.networks.build import build_network


class _Weights:
    """Layers of a network in float64, with the network's weights; `y = layers.relu(...)` and so on.

    In training, batch normalisation takes the batch's moments, and `averages` are what the moving ones become.
    """

    def __init__(self, net: keras.Model, training: bool) -> None:
        self.net, self.training = net, training
        self.averages: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def convolve(self, x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        """Padded on both sides alike, so that the image keeps its size but for the stride."""
        layer = self.net.get_layer(name)
        kernel = layer.kernel.numpy().astype(float)
        width = kernel.shape[0]
        x = np.pad(x, [(0, 0), (width // 2, width // 2), (width // 2, width // 2), (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(x, (width, width), axis=(1, 2))[:, ::stride, ::stride]
        y = np.tensordot(windows, kernel, axes=([4, 5, 3], [0, 1, 2]))
        return y + (layer.bias.numpy() if layer.use_bias else 0)

    def normalize(self, x: np.ndarray, name: str) -> np.ndarray:
        layer = self.net.get_layer(f"{name}_normalization")
        mean, variance = layer.moving_mean.numpy().astype(float), layer.moving_variance.numpy().astype(float)
        if self.training:
            batch = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
            self.averages[layer.name] = (0.9 * mean + 0.1 * batch[0], 0.9 * variance + 0.1 * batch[1])
            mean, variance = batch
        x = (x - mean) / np.sqrt(variance + 1e-5)
        return x * layer.gamma.numpy() + layer.beta.numpy() if layer.scale else x

    def begin(self, images: np.ndarray, member: str) -> np.ndarray:
        """What the first layers make of pixels; of one-layer networks on MNIST with its mean and deviation."""
        x = images.astype(float)
        if member.startswith("strided"):
            return x / 127.5 - 1
        return (x / 255 - 0.1307) / 0.3081 if member.startswith("fdlnet") else self.normalize(x, "input")

    def activate(self, x: np.ndarray, name: str) -> np.ndarray:
        return np.maximum(self.normalize(x, name), 0)

    def dense(self, x: np.ndarray) -> np.ndarray:
        layer = self.net.get_layer("logits")
        return x @ layer.kernel.numpy().astype(float) + layer.bias.numpy()


def _blocks(x: np.ndarray) -> np.ndarray:
    """The squares of 2x2 pixels of x, in axes 2 and 4."""
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels)


def _cifar_resnet(net: _Weights, x: np.ndarray, depth: int) -> np.ndarray:
    x = net.activate(net.convolve(x, "first_convolution"), "first")
    for stage in (1, 2, 3):
        for block in range(1, (depth - 2) // 6 + 1):
            name, stride, shortcut = f"stage{stage}_block{block}", 1, x
            if stage > 1 and block == 1:
                stride, shortcut = 2, np.concatenate([x[:, ::2, ::2], np.zeros_like(x[:, ::2, ::2])], axis=3)
            y = net.activate(net.convolve(x, f"{name}_convolution1", stride), f"{name}_1")
            y = net.normalize(net.convolve(y, f"{name}_convolution2"), f"{name}_2")
            x = np.maximum(shortcut + y, 0)
    return net.dense(x.mean(axis=(1, 2)))


def _densenet(net: _Weights, x: np.ndarray, depth: int) -> np.ndarray:
    x = net.convolve(x, "first_convolution")
    for block in (1, 2, 3):
        for layer in range(1, (depth - 4) // 3 + 1):
            name = f"block{block}_layer{layer}"
            x = np.concatenate([x, net.convolve(net.activate(x, name), f"{name}_convolution")], axis=3)
        if block < 3:
            name = f"transition{block}"
            x = _blocks(net.convolve(net.activate(x, name), f"{name}_convolution")).mean(axis=(2, 4))
    return net.dense(net.activate(x, "last").mean(axis=(1, 2)))


def _resnet50(net: _Weights, x: np.ndarray) -> np.ndarray:
    x = net.activate(net.convolve(x, "conv1", 2), "conv1")
    height, width = x.shape[1:3]
    around = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    x = np.max([around[:, i : i + height : 2, j : j + width : 2] for i in range(3) for j in range(3)], axis=0)
    for stage, blocks in ((2, 3), (3, 4), (4, 6), (5, 3)):
        for block in range(1, blocks + 1):
            name, stride = f"conv{stage}_{block}", 2 if stage > 2 and block == 1 else 1
            y = net.activate(net.convolve(x, f"{name}_convolution1", stride), f"{name}_1")
            y = net.activate(net.convolve(y, f"{name}_convolution2"), f"{name}_2")
            y = net.normalize(net.convolve(y, f"{name}_convolution3"), f"{name}_3")
            if block == 1:
                x = net.normalize(net.convolve(x, f"{name}_shortcut", stride), f"{name}_shortcut")
            x = np.maximum(x + y, 0)
    return net.dense(x.mean(axis=(1, 2)))


def _vgg16(net: _Weights, x: np.ndarray) -> np.ndarray:
    for block, convolutions in enumerate((2, 2, 3, 3, 3), start=1):
        for number in range(1, convolutions + 1):
            x = net.activate(net.convolve(x, f"block{block}_convolution{number}"), f"block{block}_{number}")
        x = _blocks(x).max(axis=(2, 4))
    return net.dense(x.mean(axis=(1, 2)))


def _convnet(net: _Weights, x: np.ndarray) -> np.ndarray:
    x = _blocks(np.maximum(net.convolve(x, "convolution"), 0)).max(axis=(2, 4))
    return net.dense(x.reshape(len(x), -1))


def _fdlnet(net: _Weights, x: np.ndarray) -> np.ndarray:
    x = _blocks(net.activate(net.convolve(x, "convolution", 2), "block")).max(axis=(2, 4))
    return net.dense(x.reshape(len(x), -1))


def _strided(net: _Weights, x: np.ndarray) -> np.ndarray:
    """As DCGAN: leaky ReLUs of slope 0.2, and batch normalisation behind all convolutions but the first."""

    def convolve(x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        layer = net.net.get_layer(name)
        y = reference.convolve(x, layer.kernel.numpy().astype(float), stride)
        return y + (layer.bias.numpy() if layer.use_bias else 0)

    for pair in (1, 2, 3):
        x = convolve(x, f"pair{pair}_convolution")
        x = net.normalize(x, f"pair{pair}_1") if pair > 1 else x
        x = convolve(np.maximum(x, 0.2 * x), f"pair{pair}_strided", 2)
        x = net.normalize(x, f"pair{pair}_2")
        x = np.maximum(x, 0.2 * x)
    return net.dense(x.reshape(len(x), -1))


_NETWORKS: dict[str, tuple[tuple[int, int, int], Callable[[_Weights, np.ndarray], np.ndarray]]] = {
    "resnet8": ((8, 12, 3), lambda net, x: _cifar_resnet(net, x, 8)),
    "resnet14": ((10, 7, 1), lambda net, x: _cifar_resnet(net, x, 14)),
    "densenet7-2": ((8, 12, 1), lambda net, x: _densenet(net, x, 7)),
    "densenet10-3": ((8, 12, 3), lambda net, x: _densenet(net, x, 10)),
    "resnet50": ((32, 40, 3), _resnet50),
    "vgg16": ((32, 32, 3), _vgg16),
    "convnet4": ((6, 8, 3), _convnet),
    "fdlnet4": ((8, 12, 3), _fdlnet),
    "strided4": ((10, 7, 3), _strided),
}


def _disturb(net: keras.Model, rng: np.random.Generator) -> None:
    """New values for all but the kernels, so that none is 0 or 1 and each counts."""
    for variable in net.variables:
        if "kernel" not in variable.path:
            low, high = (0.5, 1.5) if variable.path.endswith(("gamma", "variance")) else (-0.5, 0.5)
            variable.assign(rng.uniform(low, high, variable.shape))


@pytest.mark.parametrize("member", _NETWORKS)
def test_outputs_equal_a_forward_pass_in_numpy(member: str, rng: np.random.Generator) -> None:
    """In inference and then in training, which changes the moving averages."""
    shape, forward = _NETWORKS[member]
    net = build_network(member, shape, 10, random=rng, name="net")
    _disturb(net, rng)
    images = rng.integers(0, 256, (3, *shape)).astype(np.float32)
    for training in (False, True):
        expected = _Weights(net, training)
        logits = forward(expected, expected.begin(images, member))
        received = net(images, training=training).numpy()
        np.testing.assert_allclose(received, logits, rtol=1e-3, atol=1e-3 * np.abs(logits).max())
    assert set(expected.averages) == {layer.name for layer in net.layers if hasattr(layer, "moving_mean")}
    for name, (mean, variance) in expected.averages.items():
        norm = net.get_layer(name)
        np.testing.assert_allclose(norm.moving_mean.numpy(), mean, rtol=1e-3, atol=1e-3 * np.abs(mean).max())
        np.testing.assert_allclose(norm.moving_variance.numpy(), variance, rtol=1e-3)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("member", ["resnet8", "densenet7-2", "convnet4"])
def test_mixed_precision_gives_about_the_same_logits(member: str, training: bool, rng: np.random.Generator) -> None:
    shape, _ = _NETWORKS[member]
    nets = [
        build_network(member, shape, 10, precision=precision, random=np.random.default_rng(3), name="net")
        for precision in ("float32", "mixed_bfloat16")
    ]
    images = rng.integers(0, 256, (16, *shape)).astype(np.float32)
    exact, mixed = (net(images, training=training).numpy() for net in nets)
    assert exact.dtype == mixed.dtype == np.float32
    assert 0 < np.abs(exact - mixed).max() < 0.05 * np.abs(exact).max()
