"""The residual networks: published counts, structure, decay, and their outputs against NumPy."""

import math
from collections import Counter

import keras
import numpy as np
import pytest

from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.resnet import build_resnet
from collab_ensembles.networks.sizes import NAMED_SIZES, ResNetSize, parse_size
from collab_ensembles.streams import Stream, generator
from conftest import network
from reference import convolve

REVISIONS = ("report", "fixed", "post2018")


def _build(size: ResNetSize, shape: tuple[int, int, int] = (8, 8, 1), seed: int = 0, **options: object) -> keras.Model:
    return build_resnet(size, shape, 10, random=generator(seed, Stream.INITIALISATION, 0), name="net", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("revision", "member", "channels", "count"),
    [
        ("report", "ST", 1, 44_706),
        ("report", "M", 1, 274_570),
        ("report", "ST", 3, 44_850),
        ("report", "M", 3, 274_858),
        ("fixed", "ST", 1, 44_626),
        ("fixed", "M", 1, 274_298),
        ("fixed", "ST", 3, 44_770),
        ("fixed", "M", 3, 274_586),
        ("post2018", "ST", 1, 44_698),
        ("post2018", "M", 1, 274_442),
        ("post2018", "ST", 3, 44_842),
        ("post2018", "M", 3, 274_730),
    ],
)
def test_trainable_parameters(revision: str, member: str, channels: int, count: int) -> None:
    net = _build(NAMED_SIZES[member], (28, 28, channels), revision=revision)
    assert sum(math.prod(variable.shape) for variable in net.trainable_variables) == count


@pytest.mark.parametrize("size", [ResNetSize(3, 1, 8), ResNetSize(3, 2, 16), ResNetSize(1, 3, 2), ResNetSize(4, 2, 3)])
@pytest.mark.parametrize("revision", REVISIONS)
def test_layers_are_as_many_as_the_formula_says(revision: str, size: ResNetSize) -> None:
    """1 + (B-1)(2R+2) + 2R + 1 counts the dense layer and leaves out the B - 1 shortcuts (section 2)."""
    net = _build(size, revision=revision)
    counts = Counter(type(layer).__name__ for layer in net.layers)
    bricks, repetitions = size.bricks, size.repetitions
    formula = 1 + (bricks - 1) * (2 * repetitions + 2) + 2 * repetitions + 1
    assert counts["Conv2D"] + counts["Dense"] == formula
    assert counts["PatchConvolution"] == bricks - 1
    blocks, reductions = bricks * repetitions, bricks - 1
    assert counts["BatchNormalization"] == 1 + 2 * blocks + (1 if revision == "report" else 2) * reductions
    relus = {"report": 2 * blocks + reductions, "fixed": 2 * (blocks + reductions)}
    assert counts["ReLU"] == relus.get(revision, 1 + 2 * (blocks + reductions))
    assert net.get_layer("logits").kernel.shape[0] == size.filters * 2 ** (bricks - 1)


@pytest.mark.parametrize("revision", REVISIONS)
def test_decayed_kernels(revision: str) -> None:
    """Scope `report`: the kernels of all bricks but the last, and nothing else; `all`: every kernel."""
    for scope in ("report", "all"):
        net = _build(ResNetSize(3, 1, 2), revision=revision, decay_scope=scope)
        decayed = {layer.name for layer in net.layers if getattr(layer, "kernel_regularizer", None)}
        kernels = {layer.name for layer in net.layers if hasattr(layer, "kernel")}
        in_first_bricks = {name for name in kernels if name.startswith(("brick1_", "brick2_"))}
        assert decayed == (in_first_bricks if scope == "report" else kernels)
        assert len(in_first_bricks) == 2 * (2 + 3)
        assert not any(getattr(layer, "bias_regularizer", None) for layer in net.layers)


def test_the_decay_is_half_the_rate_times_the_squares() -> None:
    net = network("B2R1F2", regularization_rate=0.3)
    kernels = [layer.kernel.numpy() for layer in net.layers if getattr(layer, "kernel_regularizer", None)]
    expected = sum(0.3 * np.sum(np.square(kernel, dtype=np.float64)) / 2 for kernel in kernels)
    np.testing.assert_allclose(float(sum(net.losses)), expected, rtol=1e-5)


class _NumPyNet:
    """The forward pass in inference mode, written from the description of the network."""

    def __init__(self, net: keras.Model, revision: str) -> None:
        self.net, self.revision = net, revision
        self.kernel_layers = [layer for layer in net.layers if hasattr(layer, "kernel")]

    def __call__(self, x: np.ndarray, size: ResNetSize) -> np.ndarray:
        x = self.convolve(self.normalize(x, "input_normalization"), "first_convolution")
        if self.revision == "post2018":
            x = np.maximum(x, 0)
        for brick in range(1, size.bricks + 1):
            for repetition in range(1, size.repetitions + 1):
                x = self.unit(x, f"brick{brick}_block{repetition}", x, 1)
            if brick < size.bricks:
                name = f"brick{brick}_reduction"
                x = self.unit(x, name, self.convolve(x, f"{name}_shortcut", 2, same=False), 2)
        dense = self.net.get_layer("logits")
        return x.mean(axis=(1, 2)) @ dense.kernel.numpy().astype(float) + dense.bias.numpy()

    def unit(self, x: np.ndarray, name: str, shortcut: np.ndarray, stride: int) -> np.ndarray:
        if self.revision == "post2018":
            y = self.convolve(self.normalize(x, f"{name}_1_normalization"), f"{name}_convolution1", stride)
            y = self.convolve(self.normalize(np.maximum(y, 0), f"{name}_2_normalization"), f"{name}_convolution2")
            return np.maximum(shortcut + y, 0)
        raw = self.revision == "report" and stride == 2
        y = x if raw else np.maximum(self.normalize(x, f"{name}_1_normalization"), 0)
        y = self.convolve(y, f"{name}_convolution1", stride)
        y = np.maximum(self.normalize(y, f"{name}_2_normalization"), 0)
        return shortcut + self.convolve(y, f"{name}_convolution2")

    def normalize(self, x: np.ndarray, name: str) -> np.ndarray:
        layer = self.net.get_layer(name)
        y = (x - layer.moving_mean.numpy()) / np.sqrt(layer.moving_variance.numpy().astype(float) + 1e-3)
        return y + (layer.beta.numpy() if layer.center else 0)

    def convolve(self, x: np.ndarray, name: str, stride: int = 1, same: bool = True) -> np.ndarray:
        layer = self.net.get_layer(name)
        y = convolve(x, layer.kernel.numpy().astype(float), stride, same)
        return y + (layer.bias.numpy() if layer.use_bias else 0)


@pytest.mark.parametrize("size", [ResNetSize(3, 1, 2), ResNetSize(2, 2, 3)])
@pytest.mark.parametrize("revision", REVISIONS)
def test_outputs_equal_a_forward_pass_in_numpy(revision: str, size: ResNetSize, rng: np.random.Generator) -> None:
    """Every variable is set to random values first: order, biases, offsets and paddings all count."""
    net = _build(size, (8, 12, 3), revision=revision)
    for variable in net.variables:
        variable.assign(rng.uniform(0.2, 1.0, variable.shape) * rng.choice([-1, 1] if variable.trainable else [1]))
    images = rng.integers(0, 256, (3, 8, 12, 3)).astype(np.float32)
    received = net(images, training=False).numpy()
    expected = _NumPyNet(net, revision)(images.astype(float), size)
    np.testing.assert_allclose(received, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())


def test_kernels_are_he_initialised() -> None:
    net = _build(NAMED_SIZES["M"], (28, 28, 1))
    for name in ("brick2_block1_convolution1", "brick3_block2_convolution2"):
        kernel = net.get_layer(name).kernel.numpy()
        assert kernel.std() == pytest.approx(math.sqrt(2 / math.prod(kernel.shape[:3])), rel=0.03)
        # A normal distribution cut at two of its standard deviations, which the cut lowers by 0.8796.
        assert np.abs(kernel).max() < 2.01 / 0.8796 * kernel.std()
        # Of that one, 0.7152 lie within one of the standard deviations before the cut.
        assert np.mean(np.abs(kernel) < kernel.std() / 0.8796) == pytest.approx(0.7152, abs=0.01)
    assert not any(np.any(layer.bias.numpy()) for layer in net.layers if getattr(layer, "use_bias", False))


def test_batch_normalisation_has_the_momentum_and_epsilon_of_the_reference() -> None:
    norms = [layer for layer in _build(ResNetSize(2, 1, 2)).layers if "normalization" in layer.name]
    assert {(norm.momentum, norm.epsilon, norm.scale) for norm in norms} == {(0.99, 1e-3, False)}


def test_kernels_depend_on_the_seed_and_differ_from_each_other() -> None:
    first, again, other = (_build(ResNetSize(2, 2, 4), seed=seed) for seed in (1, 1, 2))
    kernels = [
        [layer.kernel.numpy() for layer in net.layers if hasattr(layer, "kernel")] for net in (first, again, other)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(kernels[0], kernels[1], strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(kernels[0], kernels[2], strict=True))
    blocks = [first.get_layer(f"brick1_block{block}_convolution1").kernel.numpy() for block in (1, 2)]
    assert not np.array_equal(*blocks)


def test_images_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"multiples of 8; received 28 x 30"):
        _build(ResNetSize(4, 1, 2), (28, 30, 1))


def test_sizes_by_name() -> None:
    assert parse_size("ST") == parse_size("B3R1F8")
    assert parse_size("M") == parse_size("B3R2F16")
    assert str(parse_size("B4R12F3")) == "B4R12F3"
    for wrong in ("B0R1F8", "b3r1f8", "B3R1", "L", "B3R1F8x", ""):
        with pytest.raises(ConfigError, match="unknown member"):
            parse_size(wrong)


def test_mixed_precision_leaves_pixels_statistics_and_logits_in_float32() -> None:
    net = _build(ResNetSize(3, 1, 16), precision="mixed_bfloat16")
    computes = {layer.name: layer.compute_dtype for layer in net.layers}
    in_float32 = {name for name, dtype in computes.items() if dtype == "float32"}
    assert in_float32 == {"images", "input_normalization", "mean", "logits"}
    assert set(computes.values()) == {"float32", "bfloat16"}
    assert {variable.dtype for variable in net.variables} == {"float32"}
    assert net.output.dtype == "float32"


@pytest.mark.parametrize("filters", [8, 16])
@pytest.mark.parametrize("revision", REVISIONS)
def test_mixed_precision_gives_about_the_same_logits(revision: str, filters: int, rng: np.random.Generator) -> None:
    nets = [_build(ResNetSize(3, 1, filters), revision=revision, precision=p) for p in ("float32", "mixed_bfloat16")]
    images = rng.integers(0, 256, (16, 8, 8, 1)).astype(np.float32)
    exact, mixed = (net(images, training=True).numpy() for net in nets)
    assert 0 < np.abs(exact - mixed).max() < 0.05 * np.abs(exact).max()
