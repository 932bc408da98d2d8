"""What a person gives `fit`, `evaluate` and `compile` from Python: labels of any form, weights, metrics."""

import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.errors import DataError
from collab_ensembles.methods.distillation.model import DistillationModel
from collab_ensembles.methods.snapshot.model import SnapshotModel
from collab_ensembles.models import collaboration
from collab_ensembles.models.batch import unpacked
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.model import Model
from collab_ensembles.models.single import SingleModel
from conftest import network
from feature_differences import feature_difference_model
from heads import multihead
from reference import softmax

Batch = tuple[np.ndarray, np.ndarray]


def linear(name: str = "linear", seed: int = 0) -> keras.Model:
    """From images of 8 x 8 pixels to logits of 5 classes, by one matrix."""
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 256)(inputs))
    kernel = keras.initializers.GlorotUniform(seed)
    return keras.Model(inputs, keras.layers.Dense(5, kernel_initializer=kernel)(x), name=name)


def _ensemble(traced: bool = False, **options: Any) -> EnsembleModel:
    """Compiled; its steps take seconds to trace, and tell the same without that where no shape is unknown."""
    model = EnsembleModel({"a": linear(seed=0), "b": linear(seed=1)}, **options)
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=not traced)
    return model


FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "int64": lambda y: y.astype(np.int64),
    "uint8": lambda y: y.astype(np.uint8),
    "column": lambda y: y[:, None],
    "one-hot": lambda y: np.eye(5)[y],
}


def _batches(images: np.ndarray, labels: Any, *weights: Any) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((images, labels, *weights)).batch(5)


def _statistics(labels: np.ndarray, images: np.ndarray) -> list[Any]:
    model = _ensemble()
    logs = model.fit(images, labels, validation_data=(images, labels), batch_size=6, shuffle=False, verbose=0).history
    return [logs, model.evaluate(images, labels, verbose=0)]


def test_labels_of_any_form_give_the_bits_of_plain_ones(batch: Batch) -> None:
    expected = _statistics(batch[1], batch[0])
    for form in FORMS.values():
        assert _statistics(form(batch[1]), batch[0]) == expected


def test_labels_in_batches_give_the_bits_of_plain_ones(batch: Batch) -> None:
    images, labels = batch
    forms = [labels, *(FORMS[form](labels) for form in ("int64", "uint8", "column"))]
    logs = [_ensemble().fit(_batches(images, form), shuffle=False, verbose=0).history for form in forms]
    assert logs == logs[:1] * 4


def test_labels_of_a_shape_that_is_not_known_in_tracing_are_never_broadcast(batch: Batch) -> None:
    step = tf.function(lambda images, labels: unpacked((images, labels))[1])
    unknown = tf.TensorSpec(None, tf.int64)
    traced = step.get_concrete_function(tf.TensorSpec((None, 8, 8, 1), tf.uint8), unknown)
    np.testing.assert_array_equal(traced(tf.constant(batch[0]), tf.constant(batch[1], tf.int64)), batch[1])
    with pytest.raises(tf.errors.InvalidArgumentError):
        traced(tf.constant(batch[0]), tf.constant(batch[1][:, None], tf.int64))


def test_answers_are_compared_in_enough_bits(batch: Batch) -> None:
    """As uint8, the answer 256 would be the label 0."""
    inputs = keras.Input((8, 8, 1))
    bias = keras.initializers.Constant(np.arange(257))
    logits = keras.layers.Dense(257, kernel_initializer="zeros", bias_initializer=bias)(keras.layers.Flatten()(inputs))
    model = SingleModel(keras.Model(inputs, logits, name="always256"))
    model.compile(run_eagerly=True)
    received = model.evaluate(_batches(batch[0], np.zeros(12, np.uint8)), verbose=0, return_dict=True)
    assert received["always256_error"] == 1


@pytest.mark.parametrize(
    ("labels", "fragment"),
    [
        (np.zeros(11, int), "give one label for each image"),
        (np.array(["owl"] * 12), "np.searchsorted"),
        (np.full((12, 5), 0.2), "y.argmax(axis=1)"),
        (np.full(12, 5), "the members have 5 logits; allowed: 0 to 4"),
        (np.zeros(0, int), "at least one"),
    ],
)
def test_other_labels_are_refused_by_fit_and_evaluate(labels: np.ndarray, fragment: str, batch: Batch) -> None:
    model = _ensemble()
    for give in (
        lambda: model.fit(batch[0], labels, verbose=0),
        lambda: model.fit(*batch, validation_data=(batch[0], labels), verbose=0),
        lambda: model.evaluate(batch[0], labels, verbose=0),
    ):
        with pytest.raises(DataError) as caught:
            give()
        assert fragment in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "weights", "fragment"),
    [
        (np.eye(5, dtype=int)[np.zeros(12, int)], (), r"labels of shape (None, 5); needed: (batch,) or (batch, 1)"),
        (np.zeros(12), (), "labels of type float64; needed: integers"),
        (np.array(["owl"] * 12), (), "labels of type string; needed: integers"),
        (np.zeros(12, int), (np.ones((12, 2)),), "sample weights of shape (None, 2)"),
    ],
)
def test_batches_of_other_forms_are_refused_in_one_line(
    labels: np.ndarray, weights: tuple[np.ndarray, ...], fragment: str, batch: Batch
) -> None:
    data, model = _batches(batch[0], labels, *weights), _ensemble(traced=True)
    for give in (lambda: model.fit(data, shuffle=False, verbose=0), lambda: model.evaluate(data, verbose=0)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            give()
        assert fragment in str(caught.value)
        assert "\n" not in str(caught.value)


def test_batches_without_labels_are_refused(batch: Batch) -> None:
    with pytest.raises(ValueError, match="batches without labels"):
        _ensemble().evaluate(tf.data.Dataset.from_tensor_slices(batch[0]).batch(5), verbose=0)


WEIGHTS = np.array([0, 3, 1, 0.5, 2, 0, 1, 1, 0.25, 4, 1, 2])


@pytest.mark.parametrize("given", ["sample_weight", "column", "class_weight", "batches"])
def test_weights_act_in_the_cross_entropy_as_in_those_of_keras(given: str, batch: Batch) -> None:
    """One step of SGD against the gradient in NumPy: the sum of weight times cross-entropy, by the batch's size."""
    images, labels = batch
    of_classes = np.array([0.5, 2, 0, 1, 3])
    weights = of_classes[labels] if given == "class_weight" else WEIGHTS
    model = _ensemble(collaboration_cost=collaboration.squared_distance, weight=0.0)
    kernels = [member.layers[-1].kernel.numpy().astype(float) for member in model.members.values()]
    x = images.reshape(12, -1) / 256
    if given == "batches":
        data = tf.data.Dataset.from_tensors((images, labels, weights))
        logs = model.fit(data, shuffle=False, verbose=0).history
    else:
        options = {
            "sample_weight": {"sample_weight": weights},
            "column": {"sample_weight": weights[:, None]},
            "class_weight": {"class_weight": dict(enumerate(of_classes))},
        }[given]
        logs = model.fit(images, labels, batch_size=12, verbose=0, **options).history
    for (name, member), kernel in zip(model.members.items(), kernels, strict=True):
        probabilities = softmax(x @ kernel)
        costs = -np.log(probabilities[np.arange(12), labels])
        gradient = x.T @ (weights[:, None] * (probabilities - np.eye(5)[labels])) / 12
        np.testing.assert_allclose(member.layers[-1].kernel, kernel - 0.5 * gradient, rtol=1e-4, atol=1e-6)
        assert logs[f"{name}_cost"] == [pytest.approx(np.sum(weights * costs) / 12, rel=1e-5)]
        assert logs[f"{name}_error"] == [pytest.approx(np.mean(probabilities.argmax(axis=1) != labels))]
    together = softmax(sum(x @ kernel for kernel in kernels) / 2)[np.arange(12), labels]
    assert logs["ensemble_cost"] == [pytest.approx(np.mean(-weights * np.log(together)), rel=1e-5)]


def test_weights_of_validation_data_and_in_evaluation(batch: Batch) -> None:
    model = _ensemble()
    expected = model.evaluate(*batch, sample_weight=WEIGHTS, batch_size=12, verbose=0, return_dict=True)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    logs = model.fit(*batch, validation_data=(*batch, WEIGHTS), batch_size=12, verbose=0).history
    for name in ("a_cost", "b_cost", "ensemble_cost"):
        assert logs[f"val_{name}"] == [pytest.approx(expected[name], rel=1e-6)]
        assert logs[f"val_{name}"] != logs[name]


def _distilled() -> Model:
    model = DistillationModel(linear("student"), linear("teacher", 1))
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def _snapshots() -> Model:
    model = SnapshotModel({"first": linear("first"), "second": linear("second")}, starts=[0, 1])
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


@pytest.mark.parametrize(
    "build",
    [
        _distilled,
        _snapshots,
        multihead,
        lambda: multihead("instances", alternating=True),
        lambda: feature_difference_model(phases=("cross_entropy",)),
    ],
)
def test_models_whose_losses_are_others_refuse_weights_and_saving(
    build: Callable[[], Model], batch: Batch, tmp_path: pathlib.Path
) -> None:
    model = build()
    images, labels = batch
    if "m0" in model.members:
        images, labels = images[:, :4, :4], labels % 3
    for options in ({"sample_weight": WEIGHTS}, {"class_weight": {0: 2.0}}):
        with pytest.raises(ValueError, match=r"^received sample weights[^\n]*$"):
            model.fit(images, labels, verbose=0, **options)
    with pytest.raises(NotImplementedError, match=r"cannot be saved as a whole; [^\n]*$"):
        model.save(tmp_path / "never.keras")


@pytest.mark.parametrize("option", [{"loss": "mse"}, {"loss_weights": [1.0]}])
def test_losses_are_refused_in_one_line(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^received {next(iter(option))}; [^\n]* of a, b, ensemble;[^\n]*$"):
        _ensemble().compile("adam", **option)


def test_class_weights_go_with_the_batches_of_a_batch_manager(batch: Batch) -> None:
    data, costs = BatchManager(*batch, 12).dataset(), []
    for weights in (None, dict.fromkeys(range(5), 2.0)):
        costs += _ensemble().fit(data, class_weight=weights, shuffle=False, verbose=0).history["a_cost"]
    assert costs[1] == pytest.approx(2 * costs[0])


def test_built_networks_take_weights_too(batch: Batch) -> None:
    model = SingleModel(network("B2R1F2", regularization_rate=0.02))
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    without = model.evaluate(*batch, verbose=0, return_dict=True)["B2R1F2_0_cost"]
    doubled = model.evaluate(*batch, sample_weight=np.full(12, 2.0), verbose=0, return_dict=True)["B2R1F2_0_cost"]
    decay = float(sum(model.members["B2R1F2_0"].losses))
    assert doubled - decay == pytest.approx(2 * (without - decay), rel=1e-5)
