"""The maker of layers: names, precision, decay, initial values."""

import keras
import numpy as np
import pytest

from collab_ensembles.networks.layer_factory import LayerFactory


def _factory(seed: int = 0, regularization_rate: float = 0.3, **options: object) -> LayerFactory:
    random = np.random.default_rng(seed)
    return LayerFactory(random, regularization_rate=regularization_rate, **options)  # type: ignore[arg-type]


def _every_layer(factory: LayerFactory, x: object) -> object:
    """One of each, in four dimensions and then in two."""
    x = factory.convolve(factory.normalize_input(x), 4, "convolution", bias=True)
    y = factory.activate(x, "unit")
    x = factory.concatenate(factory.add(x, y, "sum"), y, "concatenation")
    x = factory.pad_channels(factory.pad(x, 1, "padding"), 11, "channel_padding")
    x = factory.maximum(factory.average(factory.subsample(x, "subsampling"), "average"), "maximum")
    return factory.logits(keras.layers.Concatenate()([factory.flatten(x), factory.mean(x)]), 3)


_NAMES = ["input_normalization", "convolution", "unit_normalization", "unit_relu", "sum", "concatenation", "padding"]
_NAMES += ["channel_padding", "subsampling", "average", "maximum", "flatten", "mean", "logits"]


@pytest.mark.parametrize("prefix", ["", "branch1_"])
def test_names_begin_with_the_prefix_whatever_was_built_before(prefix: str) -> None:
    for _ in range(2):
        inputs = keras.Input((16, 16, 2))
        net = keras.Model(inputs, _every_layer(_factory(prefix=prefix), inputs))
        names = [layer.name for layer in net.layers if not layer.name.startswith(("input_layer", "concatenate"))]
        assert sorted(names) == sorted(prefix + name for name in _NAMES)
        # An operation that is no layer would get a number that counts what was built before.
        assert len(net.operations) == len(net.layers)


def test_one_model_holds_a_name_once_for_each_prefix() -> None:
    inputs = keras.Input((16, 16, 2))
    random = np.random.default_rng(0)
    outputs = [
        _every_layer(LayerFactory(random, regularization_rate=0, prefix=prefix), inputs) for prefix in ("", "b_", "b_")
    ]
    assert len(keras.Model(inputs, outputs[:2]).layers) == 1 + 2 * (len(_NAMES) + 1)
    with pytest.raises(ValueError, match="unique"):
        keras.Model(inputs, outputs)


def test_only_kernels_decay_and_only_above_a_rate_of_0() -> None:
    inputs = keras.Input((16, 16, 2))
    net = keras.Model(inputs, _every_layer(_factory(), inputs))
    kernels = [layer.kernel.numpy().astype(float) for layer in net.layers if hasattr(layer, "kernel")]
    assert len(kernels) == len(net.losses) == 2
    np.testing.assert_allclose(float(sum(net.losses)), sum(0.3 / 2 * np.sum(k**2) for k in kernels), rtol=1e-5)
    assert not keras.Model(inputs, _every_layer(_factory(regularization_rate=0.0), inputs)).losses


def test_kernels_made_while_decays_is_false_do_not_decay() -> None:
    factory, inputs = _factory(), keras.Input((8, 8, 2))
    x = factory.convolve(inputs, 3, "first")
    factory.decays = False
    x = factory.convolve(x, 3, "second")
    factory.decays = True
    net = keras.Model(inputs, factory.logits(factory.mean(x), 2))
    decayed = {layer.name: bool(layer.kernel_regularizer) for layer in net.layers if hasattr(layer, "kernel")}
    assert decayed == {"first": True, "second": False, "logits": True}


@pytest.mark.parametrize(
    ("precision", "exact", "inner", "variables"),
    [
        ("float32", "float32", "float32", "float32"),
        ("mixed_bfloat16", "float32", "bfloat16", "float32"),
        ("float64", "float64", "float64", "float64"),
    ],
)
def test_dtypes(precision: str, exact: str, inner: str, variables: str) -> None:
    factory = _factory(precision=precision)
    assert factory.exact == exact
    inputs = keras.Input((16, 16, 2), dtype=factory.exact, name="images")
    net = keras.Model(inputs, _every_layer(factory, inputs))
    for name in _NAMES:
        of_exact = name in ("input_normalization", "flatten", "mean", "logits")
        assert net.get_layer(name).compute_dtype == (exact if of_exact else inner), name
    assert {variable.dtype for variable in net.variables} == {variables}
    assert net.output.dtype == exact


def test_the_generator_gives_one_seed_a_kernel_and_can_be_shared() -> None:
    def kernels(*factories: LayerFactory) -> list[np.ndarray]:
        inputs = keras.Input((4, 4, 2))
        nets = [keras.Model(inputs, factory.convolve(inputs, 5, "convolution")) for factory in factories]
        return [net.get_layer("convolution").kernel.numpy() for net in nets]

    shared = np.random.default_rng(5)
    ours = kernels(*(LayerFactory(shared, regularization_rate=0) for _ in range(2)))
    factory = _factory(5)
    np.testing.assert_array_equal(ours, kernels(factory, factory))
    assert not np.array_equal(*ours)
    assert shared.integers(1000) == np.random.default_rng(5).integers(1000, size=3)[2]


def test_batch_normalisation_has_torchs_momentum_and_epsilon() -> None:
    inputs = keras.Input((4, 4, 2))
    layer = keras.Model(inputs, _factory().normalize(inputs, "n")).get_layer("n")
    assert (layer.momentum, layer.epsilon, layer.center, layer.scale) == (0.9, 1e-5, True, True)


def test_padding_and_subsampling_against_numpy(rng: np.random.Generator) -> None:
    images = rng.normal(size=(2, 5, 7, 3)).astype(np.float32)
    inputs, factory = keras.Input((5, 7, 3)), _factory()
    outputs = [
        factory.pad(inputs, 2, "padding"),
        factory.pad_channels(inputs, 8, "channel_padding"),
        factory.subsample(inputs, "subsampling"),
        factory.maximum(inputs, "maximum"),
        factory.average(inputs, "average"),
    ]
    received = [output.numpy() for output in keras.Model(inputs, outputs)(images)]
    blocks = images[:, :4, :6].reshape(2, 2, 2, 3, 2, 3)
    expected = [
        np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)]),
        np.concatenate([images, np.zeros((2, 5, 7, 5))], axis=3),
        images[:, [0, 2, 4]][:, :, [0, 2, 4, 6]],
        blocks.max(axis=(2, 4)),
        blocks.mean(axis=(2, 4)),
    ]
    for ours, theirs in zip(received, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("largest", [16, 255])
def test_pixels_of_any_range_are_normalised_in_training(largest: int, rng: np.random.Generator) -> None:
    inputs = keras.Input((5, 5, 2))
    net = keras.Model(inputs, _factory().normalize_input(inputs))
    pixels = rng.integers(0, largest + 1, (16, 5, 5, 2)).astype(np.float32)
    expected = (pixels - pixels.mean(axis=(0, 1, 2))) / pixels.std(axis=(0, 1, 2))
    np.testing.assert_allclose(net(pixels, training=True).numpy(), expected, rtol=1e-4, atol=1e-4)
    assert not net.trainable_variables


def test_logits_begin_uniform_within_one_by_the_root_of_the_features() -> None:
    inputs = keras.Input((900,))
    kernel = keras.Model(inputs, _factory().logits(inputs, 7)).get_layer("logits").kernel.numpy()
    assert 0.99 / 30 < np.abs(kernel).max() <= 1 / 30
    assert kernel.std() == pytest.approx(1 / 30 / np.sqrt(3), rel=0.03)
