"""Our layers against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.networks.layers import BatchNormalization, Convolution, PatchConvolution

SHAPES = [(1, 1, 1, 3), (1, 4, 4, 3), (29, 8, 8, 5), (7, 3, 5, 8)]


def _step(layer: keras.layers.Layer, x: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Outputs, gradients, moving statistics and outputs in inference mode, after one training step."""
    layer.build(x.shape)
    for index, variable in enumerate(layer.trainable_variables):
        variable.assign(0.5 + index + np.arange(x.shape[-1]))
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights)
    sources = [inputs, *(variable.value for variable in layer.trainable_variables)]
    gradients = tape.gradient(loss, sources)
    statistics = [layer.moving_mean, layer.moving_variance]
    results = [outputs, *gradients, *statistics, layer(inputs, training=False)]
    return [keras.ops.convert_to_numpy(keras.ops.cast(result, "float32")) for result in results]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("center", "scale"), [(False, False), (True, False), (True, True)])
def test_it_equals_keras_within_rounding(
    shape: tuple[int, ...], center: bool, scale: bool, rng: np.random.Generator
) -> None:
    x = (3 * rng.normal(size=shape) + 2).astype(np.float32)
    weights = rng.normal(size=shape).astype(np.float32)
    options = {"momentum": 0.9, "epsilon": 1e-3, "center": center, "scale": scale}
    ours, keras_own = (
        _step(kind(**options), x, weights) for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    for received, expected in zip(ours, keras_own, strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-4 * max(1, np.abs(expected).max()))


def test_the_moving_variance_is_the_biased_one() -> None:
    layer = BatchNormalization(momentum=0.0, scale=False)
    x = np.array([1.0, 2.0, 3.0, 6.0], np.float32).reshape(1, 2, 2, 1)
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_variance.numpy(), [np.var(x)], rtol=1e-6)


def test_under_mixed_precision_variables_and_statistics_stay_in_float32(rng: np.random.Generator) -> None:
    x = (3 * rng.normal(size=(16, 4, 4, 8)) + 2).astype(np.float32)
    layer = BatchNormalization(scale=False, dtype="mixed_bfloat16")
    outputs = layer(tf.cast(x, tf.bfloat16), training=True)
    assert outputs.dtype == tf.bfloat16
    assert {variable.dtype for variable in layer.variables} == {"float32"}
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.01 * x.mean((0, 1, 2)), rtol=1e-2)


@pytest.mark.parametrize("channels", [8, 16])
def test_channels_too_few_for_the_fast_path_are_normalised_in_float32(channels: int, rng: np.random.Generator) -> None:
    layer = BatchNormalization(scale=False, dtype="mixed_bfloat16")
    x = tf.cast(rng.normal(size=(4, 2, 2, channels)), tf.bfloat16)
    layer(x)

    @tf.function
    def normalise(x: tf.Tensor) -> tf.Tensor:
        return layer(x, training=True)

    operations = normalise.get_concrete_function(x).graph.get_operations()
    computes = [operation.get_attr("T") for operation in operations if operation.type == "FusedBatchNormV3"]
    assert computes == [tf.float32 if channels == 8 else tf.bfloat16]


def test_frozen_it_runs_in_inference_mode(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 2, 2, 3)).astype(np.float32) + 5
    layer = BatchNormalization(scale=False)
    layer.build(x.shape)
    layer.trainable = False
    np.testing.assert_allclose(layer(x, training=True), x / np.sqrt(1 + 1e-3), rtol=1e-5)
    assert not layer.moving_mean.numpy().any()


@pytest.mark.parametrize("shape", [(6, 3), (6, 4, 3)])
def test_other_shapes_are_left_to_keras(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.normal(size=shape).astype(np.float32)
    ours, keras_own = BatchNormalization(), keras.layers.BatchNormalization()
    np.testing.assert_allclose(ours(x, training=True), keras_own(x, training=True), rtol=1e-5)


def test_it_survives_serialisation() -> None:
    layer = BatchNormalization(momentum=0.7, epsilon=1e-2, scale=False, name="bn")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert isinstance(copy, BatchNormalization)
    assert copy.get_config() == layer.get_config()


def _convolve(layer: keras.layers.Layer, x: np.ndarray, kernel: np.ndarray) -> list[np.ndarray]:
    """Outputs and gradients with respect to inputs and variables, of a sum with unequal weights."""
    inputs = tf.constant(x)
    layer(inputs)
    layer.kernel.assign(kernel)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
        loss = tf.reduce_sum(outputs * tf.reshape(tf.range(tf.size(outputs), dtype=tf.float32), outputs.shape))
    gradients = tape.gradient(loss, [inputs, *(variable.value for variable in layer.trainable_variables)])
    return [np.asarray(result) for result in (outputs, *gradients)]


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3, 6, 4, 5), {"kernel_size": 2, "strides": 2}),
        ((1, 6, 6, 2), {"kernel_size": (3, 2), "strides": (3, 2)}),
        ((2, 7, 4, 3), {"kernel_size": 2, "strides": 2}),
        ((2, 6, 5, 3), {"kernel_size": 2, "strides": 2}),
        ((2, 6, 6, 3), {"kernel_size": 2, "strides": 2, "padding": "same"}),
        ((2, 6, 6, 3), {"kernel_size": 3, "strides": 2}),
        ((2, 6, 6, 4), {"kernel_size": 2, "strides": 2, "groups": 2}),
        ((2, 6, 6, 3), {"kernel_size": 1, "dilation_rate": 2}),
    ],
)
def test_a_patch_convolution_equals_keras(
    shape: tuple[int, ...], options: dict[str, object], rng: np.random.Generator
) -> None:
    _check_equal(PatchConvolution, shape, options, rng)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3, 6, 4, 5), {"kernel_size": 3, "padding": "same"}),
        ((2, 7, 8, 3), {"kernel_size": 3, "strides": 2, "padding": "same"}),
        ((2, 8, 7, 3), {"kernel_size": (3, 2), "strides": (2, 3), "padding": "same"}),
        ((2, 7, 6, 3), {"kernel_size": 3, "strides": 2}),
        ((2, 6, 6, 3), {"kernel_size": 1, "strides": 2}),
        ((2, 6, 6, 3), {"kernel_size": 4}),
        ((2, 6, 6, 65), {"kernel_size": 3}),
        ((2, 6, 6, 4), {"kernel_size": 2, "groups": 2}),
        ((2, 6, 6, 3), {"kernel_size": 2, "dilation_rate": 2}),
    ],
)
def test_a_convolution_as_a_product_equals_keras(
    shape: tuple[int, ...], options: dict[str, object], rng: np.random.Generator
) -> None:
    _check_equal(Convolution, shape, options, rng)


def _check_equal(
    kind: type[keras.layers.Conv2D], shape: tuple[int, ...], options: dict[str, object], rng: np.random.Generator
) -> None:
    x = rng.normal(size=shape).astype(np.float32)
    keras_own = keras.layers.Conv2D(4, use_bias=True, **options)
    keras_own(x)
    kernel = rng.normal(size=keras_own.kernel.shape).astype(np.float32)
    ours = kind(4, use_bias=True, **options)
    for received, expected in zip(_convolve(ours, x, kernel), _convolve(keras_own, x, kernel), strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_patch_convolution_of_patches_is_a_product_of_matrices() -> None:
    layer = PatchConvolution(4, 2, strides=2)
    graph = tf.function(layer).get_concrete_function(tf.zeros((2, 6, 6, 3))).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert "MatMul" in kinds
    assert "Conv2D" not in kinds
