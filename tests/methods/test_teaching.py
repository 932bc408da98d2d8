"""Students whose minibatches a teacher chooses, against independent computations in NumPy."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.data import batch_manager
from collab_ensembles.data.batch_manager import BatchManager, example_order
from collab_ensembles.methods.teaching import choosing
from collab_ensembles.methods.teaching.model import TeachingModel
from collab_ensembles.networks.build import build_network
from collab_ensembles.streams import Stream, generator
from reference import softmax

EXAMPLES, BATCH, CLASSES, SHAPE = 40, 4, 3, (4, 4, 1)
RATE = 0.05


def _network(member: int, **options: Any) -> keras.Model:
    random = generator(3, Stream.INITIALISATION, member)
    return build_network("mlp6-5", SHAPE, CLASSES, regularization_rate=0.0, random=random, name="net", **options)


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (EXAMPLES, *SHAPE), np.uint8)


@pytest.fixture
def labels(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, CLASSES, EXAMPLES).astype(np.int32)


Trained = tuple[TeachingModel, dict[str, list[float]]]
Train = Callable[..., Trained]


@pytest.fixture
def train(images: np.ndarray, labels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains a student in pieces of two updates, and gives the model with the history of its training."""
    monkeypatch.setattr(batch_manager, "PIECE", 2)

    def trained(
        epochs: int = 1,
        dropout: float = 0.0,
        seed: int = 0,
        callbacks: Callable[[TeachingModel], list[keras.callbacks.Callback]] = lambda model: [],
        **settings: Any,
    ) -> Trained:
        settings = {"stack": 3, **settings}
        model = TeachingModel(
            _network(0, dropout=dropout),
            _network(0, dropout=dropout),
            _network(1),
            batch_size=BATCH,
            seed=seed,
            **settings,
        )
        model.compile(keras.optimizers.SGD(RATE))
        batches = BatchManager(images, labels, BATCH, shuffle="permute", seed=seed)
        data = model.feed(batches, (images[:10], labels[:10]))
        callback = [batches.epoch_clock(), *callbacks(model)]
        history = model.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=callback).history
        return model, history

    return trained


def _forward(weights: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """The values of each layer, the logits last; x [examples, pixels] from 0 to 1."""
    values = [x]
    for number in range(0, len(weights), 2):
        z = values[-1] @ weights[number] + weights[number + 1]
        values.append(z if number == len(weights) - 2 else np.maximum(z, 0))
    return values


def _descend(weights: list[np.ndarray], x: np.ndarray, targets: np.ndarray) -> list[np.ndarray]:
    """One step of gradient descent on the mean cross-entropy; targets are distributions."""
    values = _forward(weights, x)
    upstream = (softmax(values[-1]) - targets) / len(x)
    changed = [weight.copy() for weight in weights]
    for number in range(len(weights) - 2, -1, -2):
        below = values[number // 2]
        changed[number] -= RATE * below.T @ upstream
        changed[number + 1] -= RATE * upstream.sum(axis=0)
        upstream = (upstream @ weights[number].T) * (below > 0)
    return changed


def _scores(kind: str, teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    if kind == "cross_entropy":
        return -(teacher * np.log(student)).sum(axis=1)
    return np.sqrt(((teacher - student) ** 2).sum(axis=1))


@pytest.mark.parametrize(
    ("stack", "difficulty", "targets"),
    [
        (3, "cross_entropy", "soft"),
        (3, "cross_entropy", "true"),
        (2, "euclidean", "soft"),
        (1, "cross_entropy", "true"),
    ],
)
def test_an_epoch_equals_a_loop_in_numpy(
    stack: int, difficulty: str, targets: str, train: Train, images: np.ndarray, labels: np.ndarray
) -> None:
    model, history = train(stack=stack, difficulty=difficulty, targets=targets)
    x = images.reshape(EXAMPLES, -1) / 255
    soft = softmax(_forward([each.astype(float) for each in _network(1).get_weights()], x)[-1])
    hard = np.eye(CLASSES)[labels]
    weights = [each.astype(float) for each in _network(0).get_weights()]
    order, right, updates = example_order(EXAMPLES, "permute", 0, 0), [], EXAMPLES // (stack * BATCH)
    for number in range(updates):
        pool = order[number * stack * BATCH : (number + 1) * stack * BATCH]
        if stack > 1:
            scores = _scores(difficulty, soft[pool], softmax(_forward(weights, x[pool])[-1]))
            pool = pool[np.argsort(-scores, kind="stable")[:BATCH]]
        right += list(_forward(weights, x[pool])[-1].argmax(axis=1) == labels[pool])
        weights = _descend(weights, x[pool], (soft if targets == "soft" else hard)[pool])
    for one, other in zip(weights, model.members["student"].get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert history["student_error"] == [pytest.approx(1 - np.mean(right))]
    wrong = np.mean(_forward(weights, x[:10])[-1].argmax(axis=1) != labels[:10])
    assert history["validation_error"] == [pytest.approx(wrong)]
    assert (history["updates"], history["forward_passes"]) == ([updates], [stack * updates])


def test_an_epoch_has_several_pieces_and_is_validated_after_the_last(train: Train) -> None:
    seen = []

    def watch(model: TeachingModel) -> list[keras.callbacks.Callback]:
        def note(batch: int, logs: Any) -> None:
            seen.append((int(model.optimizer.iterations), int(model._progress["epochs"])))

        return [keras.callbacks.LambdaCallback(on_train_batch_end=note)]

    train(epochs=2, callbacks=watch)
    assert seen == [(2, 0), (3, 1), (5, 1), (6, 2)]


def test_pieces_of_another_length_change_no_bit(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"epochs": 2, "stack": 2, "difficulty": "random", "dropout": 0.5}
    pieces, in_pieces = train(**settings)
    monkeypatch.setattr(batch_manager, "PIECE", 100)
    whole, at_once = train(**settings)
    assert in_pieces == at_once
    for one, other in zip(pieces.training_variables().values(), whole.training_variables().values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_hardest_are_those_that_numpy_sorts_first_also_among_equals(rng: np.random.Generator) -> None:
    for _ in range(50):
        scores = rng.integers(0, 4, 24).astype(np.float32)
        expected = np.argsort(-scores, kind="stable")[:8]
        np.testing.assert_array_equal(choosing.hardest(tf.constant(scores), 8), expected)


@pytest.mark.parametrize("kind", ["cross_entropy", "euclidean"])
def test_difficulty_equals_its_equation(kind: str, rng: np.random.Generator) -> None:
    teacher, logits = softmax(rng.standard_normal((20, 5))), 3 * rng.standard_normal((20, 5))
    found = choosing.difficulty(kind, tf.constant(teacher, "float32"), tf.constant(logits, "float32"))
    np.testing.assert_allclose(found, _scores(kind, teacher, softmax(logits)), rtol=1e-5)


def test_answers_far_apart_have_a_finite_difficulty() -> None:
    teacher, logits = tf.constant([[1.0, 0.0]]), tf.constant([[-500.0, 500.0]])
    assert float(choosing.difficulty("cross_entropy", teacher, logits)[0]) == pytest.approx(1000)
    assert float(choosing.difficulty("euclidean", teacher, logits)[0]) == pytest.approx(2**0.5)


def test_each_setting_makes_a_difference_and_the_same_ones_do_not(train: Train) -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"stack": 2},
        {"difficulty": "euclidean"},
        {"difficulty": "random"},
        {"difficulty": "random", "seed": 1},
        {"targets": "true"},
        {"dropout": 0.5},
        {"dropout": 0.5, "seed": 1},
    ]
    found = [np.concatenate([each.ravel() for each in train(**own)[0]._learner.get_weights()]) for own in variants]
    for index, one in enumerate(found):
        assert all(np.abs(one - other).max() > 1e-5 for other in found[:index]), variants[index]
    again = train(**variants[3])[0]._learner.get_weights()
    np.testing.assert_array_equal(found[3], np.concatenate([each.ravel() for each in again]))


def test_random_choices_are_spread_evenly_and_differ_by_step_and_epoch() -> None:
    model = TeachingModel(_network(0), _network(0), stack=3, batch_size=BATCH, difficulty="random", targets="true")
    choose = tf.function(model._chosen)
    drawn = []
    for epoch in range(40):
        model.begin_epoch(epoch)
        drawn += [choose(tf.range(12, dtype=tf.int64), tf.constant(start)).numpy() for start in range(0, 600, 12)]
    assert all(len(set(each)) == BATCH for each in drawn)
    counts = np.bincount(np.concatenate(drawn), minlength=12)
    expected = len(drawn) * BATCH / 12
    # 11 degrees of freedom, and draws without replacement, which vary less: 31.3 has a probability below 0.001.
    assert ((counts - expected) ** 2 / expected).sum() < 31.3
    assert len({tuple(sorted(each)) for each in drawn}) > 300


def test_the_student_is_the_learner_after_its_best_epoch_and_training_ends_in_time(train: Train) -> None:
    model, history = train(epochs=60, patience=4, targets="true")
    errors, best = history["validation_error"], int(history["best_epoch"][-1])
    assert errors.index(min(errors)) == best - 1
    assert len(errors) == best + 4 < 60
    answers = model.predict(model._validation[0].numpy(), verbose=0).argmax(axis=1)
    assert np.mean(answers != model._validation[1].numpy()) == pytest.approx(min(errors))
    shorter, _ = train(epochs=best, patience=4, targets="true")
    for one, other in zip(shorter._learner.get_weights(), model.members["student"].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_the_learner_is_trained(train: Train) -> None:
    model, _ = train(epochs=2)
    for one, other in zip(_network(1).get_weights(), model._teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert {id(each) for each in model.trainable_variables} == {id(each) for each in model._learner.trainable_variables}


def test_without_validation_or_teacher_there_is_no_training(images: np.ndarray, labels: np.ndarray) -> None:
    model = TeachingModel(_network(0), _network(0), stack=2, batch_size=BATCH)
    batches = BatchManager(images, labels, BATCH)
    with pytest.raises(ValueError, match="no validation part"):
        model.feed(batches)
    with pytest.raises(ValueError, match="no teacher"):
        model.feed(batches, (images, labels))


def test_fewer_examples_than_a_stack_are_refused(images: np.ndarray, labels: np.ndarray) -> None:
    model = TeachingModel(_network(0), _network(0), _network(1), stack=2, batch_size=BATCH)
    with pytest.raises(ValueError, match="received 7 training examples; a step needs 8"):
        model.feed(BatchManager(images[:7], labels[:7], BATCH), (images, labels))
