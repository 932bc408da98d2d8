"""Distillation from a trained teacher against independent computations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.errors import DataError
from collab_ensembles.methods.distillation.model import DistillationModel
from collab_ensembles.networks.joined import joined
from collab_ensembles.runs.prediction import TrainedGroup
from conftest import network
from reference import cross_entropy, finite_differences, softmax

Batch = tuple[np.ndarray, np.ndarray]


def _model(**options: float) -> DistillationModel:
    student = network("B2R1F2", 0, regularization_rate=0.02)
    teacher = joined({"one": network("B2R1F3", 1), "two": network("B2R1F3", 2)}, "teacher")
    model = DistillationModel(student, teacher, **options)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    return model


def test_the_teacher_gives_the_mean_of_the_logits(batch: Batch) -> None:
    networks = [network("B2R1F3", index) for index in (1, 2)]
    images = batch[0].astype(np.float32)
    expected = (networks[0](images).numpy() + networks[1](images).numpy()) / 2
    np.testing.assert_allclose(joined(dict(zip("ab", networks, strict=True)), "teacher")(images), expected, rtol=1e-5)


def test_two_exports_of_one_network_teach_together_and_are_both_remembered(batch: Batch) -> None:
    twins = [network("B2R1F3", index) for index in (1, 2)]
    for twin in twins:
        twin.name = "B2R1F3"
    expected = sum(twin(batch[0].astype(np.float32)).numpy() for twin in twins) / 2
    model = DistillationModel(network("B2R1F2"), joined(dict(zip("ab", twins, strict=True)), "teacher"))
    np.testing.assert_allclose(model.logits(batch[0])[1], expected, rtol=1e-5)
    remembered = {id(variable) for variable in model.training_variables().values()}
    assert remembered == {id(variable) for member in model.members.values() for variable in member.variables}


@pytest.mark.parametrize(("temperature", "beta"), [(2.0, 0.5), (4.0, 0.1), (1.0, 1.0)])
def test_the_objective_equals_a_numpy_computation(
    temperature: float, beta: float, batch: Batch, rng: np.random.Generator
) -> None:
    model = _model(temperature=temperature, beta=beta)
    student, teacher = 2 * rng.standard_normal((2, 12, 5))
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    distance = float(np.mean(np.sum(p * np.log(p / q), axis=1)))
    decay = sum(
        0.01 * float(np.sum(np.square(layer.kernel.numpy(), dtype=float)))
        for layer in model.members["student"].layers
        if getattr(layer, "kernel_regularizer", None)
    )
    expected = beta * cross_entropy(batch[1], student) + (1 - beta) * temperature**2 * distance + decay
    total, _ = model.objective(batch[1], [tf.constant(each, "float32") for each in (student, teacher)])
    assert decay > 0.01
    assert float(total) == pytest.approx(expected, rel=1e-4)


def test_a_student_that_is_surely_wrong_still_learns_from_its_teacher() -> None:
    """The gradient with respect to its logits is (1 - beta) T (q - p), however small the probabilities are."""
    model = _model(temperature=2.0, beta=0.5)
    gap = 80.0
    student, teacher = np.array([[gap, 0, 0, 0, 0]]), np.array([[0, gap, 0, 0, 0]])
    watched = tf.constant(student, "float32")
    with tf.GradientTape() as tape:
        tape.watch(watched)
        # The labels' part is 0: they say what the student says.
        total, _ = model.objective(np.array([0], np.int32), [watched, tf.constant(teacher, "float32")])
    expected = 0.5 * 2 * (softmax(student / 2) - softmax(teacher / 2))
    np.testing.assert_allclose(tape.gradient(total, watched), expected, atol=1e-6)


def test_metrics_given_to_compile_are_of_the_answer(batch: Batch) -> None:
    model = _model()
    model.compile(optimizer=keras.optimizers.SGD(0.1), metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")])
    model.evaluate(batch[0], model.predict(batch[0], verbose=0).argmax(axis=1), verbose=0)
    found = model.get_metrics_result()
    assert float(found["accuracy"]) == 1 - float(found["student_error"]) == 1
    assert float(found["ensemble_error"]) > 0


def test_training_changes_the_student_and_nothing_of_the_teacher(batch: Batch) -> None:
    model = _model()
    before = {name: [weight.copy() for weight in member.get_weights()] for name, member in model.members.items()}
    logs = model.fit(*batch, epochs=1, verbose=0).history
    for one, other in zip(before["teacher"], model.members["teacher"].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    changed = [
        not np.array_equal(a, b) for a, b in zip(before["student"], model.members["student"].get_weights(), strict=True)
    ]
    assert all(changed)
    assert {"student_error", "teacher_error", "ensemble_error"} <= set(logs)


def test_the_gradient_is_that_of_the_soft_cross_entropy(batch: Batch, rng: np.random.Generator) -> None:
    """As section 3.2 writes the soft loss; the entropy of the targets, by which they differ, has no gradient."""
    model = _model(temperature=3.0, beta=0.4)
    student, teacher = 2 * rng.standard_normal((2, 12, 5))
    watched = tf.constant(student, "float32")
    with tf.GradientTape() as tape:
        tape.watch(watched)
        total, _ = model.objective(batch[1], [watched, tf.constant(teacher, "float32")])
    received = tape.gradient(total, watched)

    def written(logits: np.ndarray) -> float:
        soft = -np.mean(np.sum(softmax(teacher / 3) * np.log(softmax(logits / 3)), axis=1))
        return 0.4 * cross_entropy(batch[1], logits) + 0.6 * 9 * float(soft)

    np.testing.assert_allclose(received, finite_differences(written, student), rtol=1e-3, atol=1e-6)


def test_the_student_alone_answers(batch: Batch) -> None:
    model = _model()
    images = batch[0].astype(np.float32)
    student, teacher = (member(images).numpy() for member in model.members.values())
    np.testing.assert_allclose(model.predict(batch[0], verbose=0), student, rtol=1e-5, atol=1e-6)
    names = tuple(map(str, range(student.shape[1])))
    predictions = TrainedGroup(model, batch[0].shape[1:], names, 1).predict(batch[0])
    np.testing.assert_allclose(predictions.probabilities, softmax(student), rtol=1e-5, atol=1e-6)
    assert not np.allclose(student, teacher, atol=0.1)
    with pytest.raises(DataError, match=r"give a batch of one: images\[None\]$"):
        TrainedGroup(model, batch[0].shape[1:], names, 1).predict(batch[0][0])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"received temperature 2\.0, beta 0\.0"):
        _model(beta=0.0)
    with pytest.raises(ValueError, match=r"received temperature 0\.0"):
        _model(temperature=0.0)
    other = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(7)])
    with pytest.raises(ValueError, match="student 5, teacher 7; needed: the same classes"):
        DistillationModel(network(), other)
