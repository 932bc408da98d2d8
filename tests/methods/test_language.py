"""Two agents and their language: what they see, say and learn, held against computations of their own."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import expit, softmax

from collab_ensembles.data import batch_manager, catalogue
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.assembly import build_model, compile_for_training
from collab_ensembles.methods.language import agent, information, measures
from collab_ensembles.methods.language.messages import Temperature, gumbel, log_gumbel_softmax
from collab_ensembles.methods.language.model import Heard, LanguageModel
from collab_ensembles.methods.language.options import LEVELS, LanguageConfig
from collab_ensembles.networks import exported
from collab_ensembles.networks.sizes import MLPSize
from collab_ensembles.runs import checkpoint
from collab_ensembles.runs.logger import Record
from collab_ensembles.settings import grid
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.streams import Stream, generator

_SHAPE, _CLASSES, _LENGTH = (4, 4, 1), 3, 5
_DRAWS = 100_000


def _config(**settings: Any) -> LanguageConfig:
    small = {"system": "language", "members": ("mlp6-7", "mlp6-7"), "message_length": _LENGTH, "batch_size": 4}
    config = RunConfig(**{**small, **settings})
    assert isinstance(config, LanguageConfig)
    return config


def _model(config: LanguageConfig) -> LanguageModel:
    model = build_model(config, _SHAPE, _CLASSES)
    compile_for_training(model, config)
    assert isinstance(model, LanguageModel)
    return model


def _examples(count: int = 8) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    return random.integers(0, 256, (count, *_SHAPE), np.uint8), random.integers(0, _CLASSES, count).astype(np.int32)


def _weights(model: LanguageModel) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.trainable_variables]


@pytest.mark.parametrize("temperature", [4.0, 0.5])
def test_symbols_have_the_distribution_of_gumbel_and_softmax(temperature: float) -> None:
    logits = np.array([0.3, 1.1])
    noise = gumbel((_DRAWS, 2), tf.constant([5, 6], tf.int64))
    sample = np.asarray(log_gumbel_softmax(logits.astype(np.float32), noise, temperature), np.float64)
    odds = sample[:, 1] - sample[:, 0]
    # The difference of two Gumbel numbers is logistic: P(s <= q) = sigmoid(T logit q - (l1 - l0)).
    places = expit(temperature * odds - (logits[1] - logits[0]))
    counts, _ = np.histogram(places, np.linspace(0, 1, 11))
    assert stats.chisquare(counts).pvalue > 0.001
    ones = int((odds > 0).sum())
    assert stats.chisquare([_DRAWS - ones, ones], _DRAWS * softmax(logits)).pvalue > 0.001


def test_the_gradient_of_a_sample_is_that_of_finite_differences() -> None:
    random = np.random.default_rng(0)
    logits, noise, weights = (random.normal(size=(3, 2)) for _ in range(3))

    def value(x: np.ndarray) -> float:
        return float(np.sum(weights * softmax((x + noise) / 0.7, axis=-1)))

    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        sample = keras.ops.exp(log_gumbel_softmax(variable, noise, 0.7))
        total = keras.ops.sum(weights * sample)
    gradient = tape.gradient(total, variable).numpy()
    step = 1e-6
    for place in np.ndindex(*logits.shape):
        moved = np.zeros_like(logits)
        moved[place] = step
        assert gradient[place] == pytest.approx((value(logits + moved) - value(logits - moved)) / (2 * step), abs=1e-8)


def test_the_temperature_falls_every_hundred_steps_to_its_lowest() -> None:
    temperature = Temperature(4.0, 0.9, 0.5)
    for step, expected in ((0, 4.0), (99, 4.0), (100, 3.6), (1950, 4 * 0.9**19), (2000, 0.5), (10**6, 0.5)):
        assert float(temperature.of(tf.constant(step, tf.int64))) == pytest.approx(expected, rel=1e-6)
    assert float(Temperature(4.0, 1.0, 0.5).of(tf.constant(10**6, tf.int64))) == 4


def test_masks_are_fixed_and_differ_between_agents_and_seeds() -> None:
    shape = (28, 28, 1)
    masks = [_config(level=level, seed=seed).inverted(0, shape) for seed in (0, 1) for level in LEVELS]
    assert all(np.array_equal(each, masks[0]) for each in masks[:4])
    other = _config().inverted(1, shape)
    assert not np.array_equal(masks[0], masks[4])
    assert not np.array_equal(masks[0], other)
    # Of two independent masks the shares of pixels in one and in both are 0.1 and 0.01.
    assert 0.06 < masks[0].mean() < 0.14
    assert (masks[0] & other).mean() < 0.03
    assert not _config(noise=0.0).inverted(0, shape).any()


def test_an_agent_sees_the_pixels_of_its_mask_inverted_and_so_does_its_file(tmp_path: Path) -> None:
    inverted = np.random.default_rng(1).random(_SHAPE) < 0.3
    built = agent.build(MLPSize(6, 7), inverted, _CLASSES, _LENGTH, generator(0, Stream.INITIALISATION, 0), "student")
    images, _ = _examples()
    view, _ = built.features(images.astype(np.float32))
    expected = np.where(inverted, 255.0 - images, images) / 255
    np.testing.assert_allclose(view, expected.reshape(len(images), -1), atol=1e-6)
    exported.save(built.network, str(tmp_path / "student.keras"))
    loaded = keras.models.load_model(tmp_path / "student.keras")
    np.testing.assert_array_equal(loaded(images.astype(np.float32)), built.network(images.astype(np.float32)))


@pytest.mark.parametrize("flip", [0.1, 0.3])
def test_a_discriminator_finds_the_known_information_of_a_made_up_pair(flip: float) -> None:
    """Two bits through a channel that flips each with this probability: I = 2 (1 - H(flip)) bits."""
    built = agent.build(MLPSize(16, 16), np.zeros((1, 2, 1), bool), 2, 2, generator(0, Stream.INITIALISATION, 0), "a")
    variables = [*built.image_part.trainable_variables, *built.judge.trainable_variables]
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(variables)

    def scores(seed: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
        bits, flipped = tf.unstack(tf.random.stateless_uniform((2, size, 2), [seed, 1]) < [[[0.5]], [[flip]]])
        message = tf.one_hot(tf.cast(bits != flipped, tf.int32), 2)
        of_image = built.image_part(tf.cast(bits, tf.float32))
        return built.judge([of_image, message]), built.judge([of_image, tf.roll(message, 1, 0)])

    @tf.function
    def learn() -> None:
        for seed in tf.range(400):
            with tf.GradientTape() as tape:
                cost = information.discrimination_cost(*scores(seed, 500))
            optimizer.apply_gradients(zip(tape.gradient(cost, variables), variables, strict=True))

    learn()
    known = 2 * (1 + flip * math.log2(flip) + (1 - flip) * math.log2(1 - flip))
    found = float(information.information_bound(*scores(tf.constant(1000), 200_000)))
    assert found == pytest.approx(known, abs=0.03)


def _cost_in_numpy(level: str, weight: float, heard: tuple[Heard, Heard]) -> float:
    teacher, student = ({name: np.asarray(value, np.float64) for name, value in vars(each).items()} for each in heard)
    cost = 0.0
    for each in (teacher, student):
        cost -= np.mean(np.log(expit(each["together"]))) + np.mean(np.log(1 - expit(each["apart"])))
    pairs = {"baseline": [], "both": [(teacher, student), (student, teacher)]}.get(level, [(teacher, student)])
    for sender, receiver in pairs:
        message = np.exp(sender["log_message"])
        cost -= weight * np.mean(np.sum(message * receiver["log_message"], axis=(1, 2)))
    return float(cost)


@pytest.mark.parametrize("level", LEVELS)
def test_the_cost_is_the_thesis_formula_and_its_gradients_flow_where_the_level_says(level: str) -> None:
    config = _config(level=level)
    images, _ = _examples()
    model = _model(config)
    assert float(model.language_cost(*model.hear(images))) == pytest.approx(
        _cost_in_numpy(level, config.likelihood_weight, model.hear(images)), rel=1e-5
    )
    reached = {}
    for weight in (0.0, 1.0):
        model = _model(config if level == "baseline" else dataclasses.replace(config, likelihood_weight=weight))
        for name, own in model.members.items():
            speaker = model.training_variables()[f"{name}/speaker/symbols/kernel"]
            with tf.GradientTape() as tape:
                cost = model.language_cost(*model.hear(images))
            kernel = own.get_layer("dense1").kernel
            reached[name, weight] = tape.gradient(cost, [kernel.value, speaker.value])
    for name, has_likelihood in (
        ("teacher", level in ("feedback", "both")),
        ("student", level in ("receive", "feedback", "both")),
    ):
        for without, with_likelihood in zip(reached[name, 0.0], reached[name, 1.0], strict=True):
            assert np.any(without)
            assert np.array_equal(without, with_likelihood) != has_likelihood


def test_the_classifiers_gradient_stops_at_the_hidden_layer() -> None:
    model = _model(_config())
    images, labels = _examples()
    with tf.GradientTape() as tape:
        heard = model.hear(images)
        logits = [own.classify(each.hidden) for own, each in zip(model._agents.values(), heard, strict=True)]
        total, _ = model.objective(labels, logits)
    gradients = tape.gradient(total, [variable.value for variable in model.trainable_variables])
    trained = [v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if g is not None]
    assert all("logits" in path for path in trained)
    assert len(trained) == 4


def test_messages_of_other_images_are_those_of_the_batch_moved_by_one() -> None:
    model = _model(_config())
    images, _ = _examples()
    teacher, _ = model.hear(images)
    own = model._agents["teacher"]
    view, _ = own.features(images.astype(np.float32))
    message = tf.exp(teacher.log_message)
    scores = [own.judge([own.image_part(view), tf.roll(message, move, 0)]) for move in (0, 1)]
    np.testing.assert_allclose(teacher.together, scores[0], atol=1e-5)
    np.testing.assert_allclose(teacher.apart, scores[1], atol=1e-5)


def test_an_epoch_in_pieces_is_the_same_steps_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_manager, "PIECE", 2)
    config = _config()
    images, labels = _examples(14)
    whole, single = _model(config), _model(config)
    batches = BatchManager(images, labels, config.batch_size, shuffle="permute", seed=3)
    fed = whole.feed(batches, (images, labels))
    seen = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(int(whole.optimizer.iterations))
    )
    whole.fit(fed, epochs=1, shuffle=False, verbose=0, callbacks=[note])
    assert seen == [2, 3]
    order = batches._order
    for start in (0, 4, 8):
        single.step(images[order[start : start + 4]], labels[order[start : start + 4]])
    for ours, theirs in zip(_weights(whole), _weights(single), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    noises = [whole.hear(images)[0].log_message, single.hear(images)[0].log_message]
    np.testing.assert_allclose(*noises, atol=1e-4)


def test_fewer_examples_than_a_minibatch_are_refused() -> None:
    images, labels = _examples(3)
    with pytest.raises(ValueError, match="received 3 training examples; a step needs 4"):
        _model(_config()).feed(BatchManager(images, labels, 2), (images, labels))


def test_every_setting_has_an_effect() -> None:
    images, _ = _examples()

    def cost(**settings: Any) -> float:
        model = _model(_config(**settings))
        return float(model.language_cost(*model.hear(images)))

    usual = cost()
    for changed in (
        {"likelihood_weight": 0.5},
        {"message_length": 6},
        {"noise": 0.5},
        {"temperature": 1.0},
        {"temperature": 0.4, "lowest_temperature": 0.3},
        {"members": ("mlp6-7", "mlp6-8")},
        {"seed": 1},
        {"level": "baseline"},
    ):
        assert cost(**changed) != usual, changed
    # These two have an effect after 100 steps and more.
    late = [
        float(_model(_config(**changed))._temperature.of(tf.constant(5000))) for changed in ({}, {"annealing": 0.99})
    ]
    assert late == pytest.approx([0.5, 4 * 0.99**50])


def test_measures_of_languages_are_those_of_small_ones_that_are_known() -> None:
    messages = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
    counts = measures.frequencies(messages)
    assert counts.tolist() == [2, 1, 1]
    assert measures.entropy(counts) == pytest.approx(1.5)
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, (40, 12))
    assert measures.topographic_similarity(255 * bits, bits) == pytest.approx(1)
    assert abs(measures.topographic_similarity(bits, random.integers(0, 2, (40, 12)))) < 0.2
    assert measures.topographic_similarity(bits, np.zeros_like(bits)) == 0
    shares = measures.class_shares(messages, np.array([0, 0, 0, 2]), 3)
    np.testing.assert_allclose(shares, [[1 / 3, 1 / 3, 2 / 3], [0, 0, 0], [0, 1, 0]])


def test_the_grid_has_the_levels_and_weights_of_the_thesis() -> None:
    configs = grid.plan("lacaille-4.1", {"dataset": "mnist"}, [0, 1])
    chosen = [(config.level, config.likelihood_weight, config.seed) for config in configs]  # type: ignore[attr-defined]
    weights = {"baseline": 0.0, "receive": 0.01, "feedback": 0.005, "both": 0.005}
    assert chosen == [(level, weights[level], seed) for seed in (0, 1) for level in LEVELS]
    assert {config.split for config in configs} == {"standard"}
    assert configs[0].held_out(60_000) == 10_000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "shouting"}, "--level=shouting: not known; allowed: baseline, receive, feedback, both"),
        ({"members": ("mlp6-7",)}, "takes two networks such as mlp64-64"),
        ({"members": ("ST", "M")}, "takes two networks such as mlp64-64"),
        ({"level": "baseline", "likelihood_weight": 0.1}, "--likelihood_weight=0.1: has no effect"),
        ({"annealing": 1.0, "lowest_temperature": 0.1}, "--lowest_temperature=0.1: has no effect"),
        ({"annealing": 0.0}, "--annealing=0.0: allowed: finite numbers above 0 to 1"),
        ({"message_length": 0}, "--message_length=0: allowed: whole numbers from 1"),
        ({"noise": 1.5}, "--noise=1.5: allowed"),
        ({"lowest_temperature": 0.0}, "--lowest_temperature=0.0: allowed: finite numbers above 0"),
        ({"lowest_temperature": 5.0}, "--lowest_temperature=5.0 exceeds --temperature=4.0"),
        ({"temperature": 0.3}, "exceeds --temperature=0.3; needed: a --lowest_temperature above 0, up to 0.3"),
        ({"batch_size": 1}, "--batch_size=1: allowed: whole numbers from 2"),
        ({"augment": True}, "--augment=True: has no effect with --system=language"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        _config(**settings)
    assert message in str(refusal.value)


def test_advice_on_few_examples_can_be_followed() -> None:
    description = catalogue.describe("digits", "report")
    for limit, batch_size, refusal in (
        (11, 100, "11 training examples leave 1 for validation; needed: at least 12"),
        (12, 100, "--batch_size=100 exceeds the 10 training examples beside the 2 for validation; allowed: 2 to 10"),
    ):
        with pytest.raises(ConfigError) as refused:
            _config(dataset="digits", train_limit=limit, batch_size=batch_size).check_data(description)
        assert str(refused.value) == refusal
    _config(dataset="digits", train_limit=12, batch_size=10).check_data(description)


def _fitted(model: LanguageModel, data: tuple[np.ndarray, np.ndarray], epochs: int, first: int = 0) -> dict[str, Any]:
    """Trains in whole epochs, as a run does; gives what was recorded after each."""
    batches = BatchManager(*data, 4, shuffle="permute")
    fed = model.feed(batches, data)
    history = model.fit(
        fed,
        initial_epoch=first,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[batches.epoch_clock(), *model.callbacks(fed)],
    ).history
    return {name: history[name] for name in ("loss", *model.further_series.values()) if name in history}


def test_a_stopped_training_goes_on_to_the_same_bits_and_records_its_quantities(tmp_path: Path) -> None:
    config, data = _config(), _examples(20)
    whole, resumed = _model(config), _model(config)
    _fitted(whole, data, 2)
    checkpoint.save(str(tmp_path), whole, Record.empty(["teacher", "student", "ensemble"], 3), "digest")
    recorded = _fitted(whole, data, 3, first=2)
    assert checkpoint.restore(str(tmp_path), resumed, "digest") is not None
    assert _fitted(resumed, data, 3, first=2) == recorded
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(_weights(whole), _weights(resumed), strict=True))
    predicted = whole.logits(data[0])[1].numpy().argmax(axis=1)
    assert recorded["student_validation_error"][-1] == pytest.approx(np.mean(predicted != data[1]))
    assert 1 <= recorded["teacher_distinct_messages"][-1] <= 20
    shares = np.array([[recorded[f"class_{c}_symbol_{t}"][-1] for t in range(_LENGTH)] for c in range(_CLASSES)])
    _, hidden = whole._agents["student"].features(data[0].astype(np.float32))
    spoken = whole._agents["student"].speaker(hidden).numpy().argmax(axis=-1)
    np.testing.assert_allclose(shares, [spoken[data[1] == label].mean(axis=0) for label in range(_CLASSES)])
