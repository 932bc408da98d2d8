"""Groups of the user's own networks, used as any Keras model: metrics, callbacks, predictions, frozen layers."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.models import collaboration
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.links import Link, squared_difference
from collab_ensembles.models.single import SingleModel
from reference import softmax

# Keras reads variables in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

Batch = tuple[np.ndarray, np.ndarray]


def classifier(seed: int = 0, activation: str | None = None, classes: int = 5) -> keras.Model:
    """From 8 x 8 pixels; its last layer has the activation."""
    kernel = keras.initializers.GlorotUniform(seed)
    last = keras.layers.Dense(classes, activation, kernel_initializer=kernel)
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 256), keras.layers.Flatten(), last])


def ensemble(rate: float = 0.1, **options: Any) -> EnsembleModel:
    members = {"a": classifier(0), "b": classifier(1)}
    model = EnsembleModel(members, collaboration.squared_distance, 0.01)
    model.compile(keras.optimizers.SGD(rate), **{"run_eagerly": True, **options})
    return model


def _member_logits(model: Any, images: np.ndarray) -> list[np.ndarray]:
    x = images.reshape(len(images), -1) / 256
    weights = [each.get_weights() for each in model.members.values()]
    return [x @ kernel.astype(float) + bias for kernel, bias in weights]


def test_predict_and_call_give_the_logits_of_all_members_together(batch: Batch) -> None:
    images, model, single = batch[0], ensemble(), SingleModel(classifier(2))
    expected = _member_logits(model, images)
    mean = (expected[0] + expected[1]) / 2
    np.testing.assert_allclose(model.predict(images, batch_size=5, verbose=0), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model(images), mean, rtol=1e-5, atol=1e-6)
    for received, each in zip(model.logits(images), expected, strict=True):
        np.testing.assert_allclose(received, each, rtol=1e-5, atol=1e-6)
    model.averaging = "softmax"
    probabilities = (softmax(expected[0]) + softmax(expected[1])) / 2
    np.testing.assert_allclose(softmax(np.asarray(model(images))), probabilities, rtol=1e-4)
    alone = _member_logits(single, images)[0]
    np.testing.assert_allclose(single.predict(images, verbose=0), alone, rtol=1e-5, atol=1e-6)


def _top_2(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.array([label in row.argsort()[-2:] for row, label in zip(logits, labels, strict=True)])


def test_metrics_are_of_the_ensemble_and_begin_anew_each_epoch(batch: Batch) -> None:
    """Nothing is learned at rate 0, so that all epochs and both parts have the same values."""
    images, labels = batch
    weights = np.linspace(0, 2, 12)
    top = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")
    cost = keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="weighted")
    model = ensemble(0.0, metrics=["accuracy", top], weighted_metrics=[cost])
    logs = model.fit(
        images, np.eye(5)[labels], 5, 2, 0, sample_weight=weights, validation_data=(images, labels, weights)
    ).history
    mean = sum(_member_logits(model, images)) / 2
    expected = {
        "accuracy": np.mean(mean.argmax(axis=1) == labels),
        "top2": np.mean(_top_2(mean, labels)),
        "weighted": np.average(-np.log(softmax(mean)[np.arange(12), labels]), weights=weights),
    }
    for name, value in expected.items():
        for key in (name, f"val_{name}"):
            assert logs[key] == pytest.approx([value] * 2, rel=1e-5)
    assert logs["accuracy"][0] == pytest.approx(1 - logs["ensemble_error"][0])
    assert set(model.evaluate(images, labels, verbose=0, return_dict=True)) > {*expected, "a_error", "ensemble_cost"}


@pytest.mark.parametrize(
    ("metric", "fragment"),
    [
        (keras.metrics.Mean(name="a_error"), "a metric named a_error; the model has one"),
        (keras.metrics.SparseCategoricalAccuracy(name="loss"), "a metric named loss; the model has one"),
        (keras.metrics.CategoricalAccuracy(), "of one-hot labels; needed: one of labels as class numbers"),
    ],
)
def test_metrics_that_would_say_something_else_are_refused(metric: Any, fragment: str) -> None:
    with pytest.raises(ValueError, match=f"^received [^\n]*{fragment}[^\n]*$"):
        ensemble(metrics=[metric])


def test_several_steps_in_one_call_give_the_statistics_of_single_ones(batch: Batch) -> None:
    models = [ensemble(run_eagerly=False, metrics=["accuracy"], steps_per_execution=steps) for steps in (1, 2)]
    histories = [each.fit(*batch, 5, 2, 0, shuffle=False, validation_data=batch).history for each in models]
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5, err_msg=name)


def test_callbacks_of_keras_watch_the_error_of_the_ensemble(tmp_path: Path, batch: Batch) -> None:
    images = batch[0]
    answers = np.mean(_member_logits(ensemble(), images), axis=0).argmax(axis=1)
    best = str(tmp_path / "best.keras")
    callbacks = [
        keras.callbacks.EarlyStopping("val_ensemble_error", patience=1, restore_best_weights=True),
        [keras.callbacks.ModelCheckpoint(best, "val_ensemble_error", save_best_only=True)],
        keras.callbacks.TensorBoard(str(tmp_path / "board"), update_freq=1),
    ]
    # What it answers at first is right in validation; it unlearns that and stops after the second epoch.
    model = ensemble(5.0, metrics=["accuracy"])
    logs = model.fit(images, (answers + 1) % 5, 6, 9, 0, callbacks, validation_data=(images, answers)).history
    errors = logs["val_ensemble_error"]
    assert len(errors) == int(np.argmin(errors)) + 2 < 9
    for each in (model, keras.saving.load_model(best)):
        received = each.evaluate(images, answers, verbose=0, return_dict=True)
        assert received["ensemble_error"] == pytest.approx(min(errors))
        assert received["accuracy"] == pytest.approx(1 - min(errors))
    assert {each.parent.name for each in tmp_path.rglob("events.*")} == {"train", "validation"}


def test_only_what_falls_with_learning_is_watched_for_its_minimum(batch: Batch) -> None:
    """Also in Keras' own list of callbacks; a mode that is given stays, and metrics have their own direction."""
    names = ["val_a_cost", "ensemble_running_error", "val_accuracy", "val_disagreement"]
    watching = [keras.callbacks.ReduceLROnPlateau(name) for name in names]
    model = ensemble(metrics=["accuracy"])
    upwards = keras.callbacks.EarlyStopping("val_a_error", mode="max")
    callbacks = keras.callbacks.CallbackList([*watching[:3], upwards], model=model)
    model.fit(*batch, epochs=2, verbose=0, callbacks=callbacks, validation_data=batch)
    assert [each.mode for each in watching[:3]] == ["min", "min", "auto"]
    assert upwards.mode == "max"
    with pytest.raises(ValueError, match="monitor=val_disagreement"):
        model.fit(*batch, verbose=0, callbacks=watching[3:], validation_data=batch)


@pytest.mark.parametrize("eager", [True, False])
def test_training_of_frozen_members_is_refused_in_one_line(eager: bool, batch: Batch) -> None:
    model = ensemble()
    for member in model.members.values():
        member.trainable = False
    model.compile("adam", run_eagerly=eager)
    with pytest.raises(ValueError, match=r"^received members that are all frozen[^\n]*$"):
        model.fit(*batch, verbose=0)
    assert np.isfinite(model.evaluate(*batch, verbose=0)).all()


def test_frozen_layers_of_a_member_stay_as_they_are(batch: Batch) -> None:
    """A pretrained network below a new last layer, batch normalisation and all."""
    inside = [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization()]
    pretrained = keras.Sequential([*inside, keras.layers.Flatten()], name="pretrained")
    pretrained.trainable = False
    inputs = keras.Input((8, 8, 1))
    fresh = keras.layers.Dense(5)
    member = keras.Model(inputs, fresh(pretrained(inputs)), name="member")
    model = EnsembleModel({"a": member, "b": classifier()}, links=[Link("b", "a", squared_difference, 0.1)])
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    before, first = pretrained.get_weights(), fresh.get_weights()
    model.fit(*batch, epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, pretrained.get_weights(), strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, fresh.get_weights(), strict=True))


class _Own(keras.Model):
    """A network of the user's own class, that does not tell what it gives."""

    def __init__(self, activation: str | None = None) -> None:
        super().__init__()
        self.last = keras.layers.Dense(5, activation)
        self.flatten = keras.layers.Flatten()

    def call(self, images: Any) -> Any:
        return self.last(self.flatten(images))


def test_networks_of_the_users_own_class_can_be_members(batch: Batch) -> None:
    own = _Own()
    own(batch[0])
    model = EnsembleModel({"own": own, "b": classifier()}, collaboration.squared_distance, 0.1)
    model.compile(keras.optimizers.SGD(1e-4), run_eagerly=True)
    model.fit(*batch, verbose=0)
    assert model.predict(batch[0], verbose=0).shape == (12, 5)


def _own(activation: str) -> keras.Model:
    own = _Own(activation)
    own(np.zeros((1, 8, 8, 1)))
    return own


def _own_within() -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, _own("sigmoid")(inputs))


def _nested_softmax() -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    x = classifier(activation="softmax")(inputs)
    return keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(x))


def _two_inputs() -> keras.Model:
    inputs = [keras.Input((5,)), keras.Input((5,))]
    return keras.Model(inputs, keras.layers.Add()(inputs))


def _two_outputs() -> keras.Model:
    inputs = keras.Input((5,))
    return keras.Model(inputs, [inputs, keras.layers.Dense(5)(inputs)])


@pytest.mark.parametrize(
    ("build", "fragment"),
    [
        (lambda: classifier(activation="softmax"), "ends in a softmax[^\n]*needed: logits"),
        (lambda: classifier(activation="sigmoid"), "ends in a sigmoid[^\n]*needed: logits"),
        (lambda: classifier(activation=tf.nn.softmax), "gives probabilities; needed: logits"),
        (lambda: classifier(activation=lambda x: keras.ops.softmax(x)), "gives probabilities; needed: logits"),
        (lambda: classifier(activation=keras.layers.Softmax()), "ends in a softmax[^\n]*needed: logits"),
        (lambda: _own("softmax"), "ends in a softmax[^\n]*needed: logits"),
        (_own_within, "ends in a sigmoid[^\n]*needed: logits"),
        (_nested_softmax, "ends in a softmax[^\n]*needed: logits"),
        (lambda: keras.Sequential([classifier(), keras.layers.Softmax()]), "ends in a softmax[^\n]*needed: logits"),
        (lambda: keras.Sequential([keras.layers.Dense(5)]), "is not built; begin it with keras.Input"),
        (_Own, "is not built"),
        (_two_inputs, "has 2 inputs; needed: one"),
        (_two_outputs, "needed: one of shape"),
        (lambda: keras.layers.Dense(5), "is a Dense; needed: a keras.Model"),
        (lambda: classifier(classes=4), "numbers of logits: right 5, wrong 4; needed: the same classes"),
    ],
)
def test_other_members_are_refused_in_one_line(build: Any, fragment: str) -> None:
    with pytest.raises(ValueError, match=f"^[^\n]*{fragment}[^\n]*$"):
        EnsembleModel({"right": classifier(), "wrong": build()})


@pytest.mark.parametrize(
    ("build", "fragment"),
    [
        (lambda: EnsembleModel([classifier(), classifier()]), "members that are a list; needed: a dictionary"),
        (lambda: SingleModel({"a": classifier()}), "is a dict; needed: a keras.Model"),
    ],
)
def test_other_groups_of_members_are_refused_in_one_line(build: Any, fragment: str) -> None:
    with pytest.raises(ValueError, match=f"^[^\n]*{fragment}[^\n]*$"):
        build()


@pytest.mark.parametrize("activation", ["relu", "tanh", "log_softmax", lambda x: keras.ops.reshape(x, (-1, 5))])
def test_other_activations_at_the_end_are_allowed(activation: Any) -> None:
    SingleModel(classifier(activation=activation))
    if isinstance(activation, str):
        SingleModel(classifier(activation=activation, classes=1))


def test_training_without_an_optimizer_is_refused(batch: Batch) -> None:
    model = ensemble()
    model.compile()
    with pytest.raises(ValueError, match=r"without an optimizer; call model.compile\(optimizer\) first$"):
        model.fit(*batch, verbose=0)
