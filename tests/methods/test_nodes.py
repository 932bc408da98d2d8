"""Nodes that exchange outputs, held against a simulation in plain Python with the same draws, and against NumPy."""

import collections
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, softmax
from scipy.stats import entropy

from collab_ensembles.data import catalogue
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.assembly import build_model, compile_for_training
from collab_ensembles.methods.nodes import circle, coders, decisions, messages, probe
from collab_ensembles.methods.nodes.learners import Minibatch
from collab_ensembles.methods.nodes.model import NodesModel
from collab_ensembles.methods.nodes.options import DECISIONS, NodesConfig
from collab_ensembles.methods.nodes.schedule import Queues, Schedule
from collab_ensembles.networks.sizes import parse_network
from collab_ensembles.runs import checkpoint
from collab_ensembles.runs.logger import Record
from collab_ensembles.settings import grid
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.streams import Stream, generator

_SHAPE, _CLASSES, _EXAMPLES, _BATCH = (4, 4, 1), 3, 44, 4
_STEPS = 18


def _config(**settings: Any) -> NodesConfig:
    small = {"system": "nodes", "members": ("mlp6-7",), "nodes": 3, "batch_size": _BATCH, "steps": _STEPS, "epochs": 2}
    if settings.get("content", "labels") != "none" and settings.get("nodes") != 1:
        # Queues that are empty at times, and full at others.
        small |= {"queue_capacity": 2, "consume": 0.6, "broadcast": 0.4}
    config = RunConfig(**{**small, **settings})
    assert isinstance(config, NodesConfig)
    return config


def _model(config: NodesConfig) -> NodesModel:
    model = build_model(config, _SHAPE, _CLASSES)
    compile_for_training(model, config)
    assert isinstance(model, NodesModel)
    return model


def _data(count: int = _EXAMPLES) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    return random.integers(0, 256, (count, *_SHAPE), np.uint8), random.integers(0, _CLASSES, count).astype(np.int32)


def _fitted(model: NodesModel, config: NodesConfig, epochs: int, first: int = 0, tested: bool = True) -> dict[str, Any]:
    batches = BatchManager(*_data(), _BATCH, shuffle="permute")
    fed = model.feed(batches)
    return dict(
        model.fit(
            fed,
            initial_epoch=first,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            validation_data=BatchManager(*_data(), _EXAMPLES).dataset() if tested else None,
            callbacks=[batches.epoch_clock(), *model.callbacks(fed)],
        ).history
    )


def _weights(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.trainable_variables]


class _Node:
    """A node of the simulation, with a network and an Adam of its own, and a queue that holds what was sent."""

    def __init__(self, network: keras.Model, part: np.ndarray, config: NodesConfig) -> None:
        self.network, self.part, self.config = network, part, config
        self.whole = keras.Model(network.input, [network.layers[-1].input, network.output])
        self.optimizer = keras.optimizers.Adam(config.learning_rate)
        self.queue: collections.deque[Any] = collections.deque()
        self.taken = self.empty = self.dropped = self.consumed = 0

    def own(self, number: int) -> np.ndarray:
        turn, place = divmod(self.taken, len(self.part) // _BATCH)
        self.taken += 1
        order = generator(self.config.seed, Stream.ORDER, turn, number).permutation(self.part)
        return order[place * _BATCH :][:_BATCH]

    def learn(self, images: np.ndarray, labels: np.ndarray, received: np.ndarray | None) -> np.ndarray | None:
        with tf.GradientTape() as tape:
            hidden, logits = self.whole(images.astype(np.float32))
            if received is not None and self.config.content == "features":
                cost = tf.reduce_mean(tf.reduce_sum((hidden - received) ** 2, axis=1) / 2)
            elif received is not None and self.config.content == "logits":
                targets = tf.nn.softmax(received / self.config.temperature)
                cost = tf.reduce_mean(keras.losses.categorical_crossentropy(targets, logits, from_logits=True))
            else:
                cost = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))
        variables = self.network.trainable_variables
        # Features do not depend on the layer of the logits, whose gradient is 0.
        gradients = tape.gradient(cost, [each.value for each in variables], unconnected_gradients="zero")
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return {"logits": logits.numpy(), "features": hidden.numpy()}.get(self.config.content)

    def receive(self, message: Any) -> None:
        self.queue.append(message)
        if len(self.queue) > self.config.queue_capacity:
            self.queue.popleft()
            self.dropped += 1


def _simulated(config: NodesConfig, networks: list[keras.Model], steps: int) -> list[_Node]:
    images, labels = _data()
    permutation = generator(config.seed, Stream.PARTS).permutation(_EXAMPLES)
    nodes = [
        _Node(network, part, config)
        for network, part in zip(networks, np.array_split(permutation, config.nodes), strict=True)
    ]
    for step in range(steps):
        consume, broadcast = generator(config.seed, Stream.COMMUNICATION, step).random((2, config.nodes))
        outbox = []
        for number, node in enumerate(nodes):
            wants = consume[number] < config.consume
            node.empty += wants and not node.queue
            if wants and node.queue:
                node.consumed += 1
                own_images, own_labels, received = node.queue.popleft()
            else:
                chosen = node.own(number)
                own_images, own_labels, received = images[chosen], labels[chosen], None
            content = node.learn(own_images, own_labels, received)
            if broadcast[number] < config.broadcast:
                outbox.append((number, (own_images, own_labels, content)))
        for sender, message in outbox:
            # On a circle of three the next one is as close as the one behind, and comes first.
            receivers = [(sender + 1) % 3, (sender - 1) % 3][: config.neighbours]
            for receiver in receivers:
                nodes[receiver].receive(message)
    return nodes


def _check_together(model: NodesModel, history: dict[str, Any]) -> None:
    """What is recorded of nodes together is computed from their answers; the ensemble decides as printed."""
    images, labels = _data()
    probabilities = [softmax(np.asarray(each, np.float64), axis=1) for each in model.logits(images)]
    entropies = np.array([entropy(each, axis=1) for each in probabilities])
    assert history["val_entropy"][-1] == pytest.approx(entropies.mean(), rel=1e-4)
    mean = np.mean(probabilities, axis=0).argmax(axis=1)
    assert history["val_mean_error"][-1] == pytest.approx(np.mean(mean != labels))
    for name, weights in (("as_printed", entropies), ("confidence", np.log(3) - entropies)):
        answers = np.einsum("nb,nbc->bc", weights, np.array(probabilities)).argmax(axis=1)
        assert history[f"val_{name}_error"][-1] == pytest.approx(np.mean(answers != labels))
    assert history["val_ensemble_error"] == history["val_as_printed_error"]
    ours = _model(_config()).ensemble_logits(model.logits(images))
    assert not np.allclose(ours, model.ensemble_logits(model.logits(images)))
    assert history["ensemble_cost"][0] == pytest.approx(
        np.mean([history[f"node{number}_cost"][0] for number in (1, 2, 3)]), rel=1e-5
    )


@pytest.mark.parametrize(("content", "neighbours"), [("none", 0), ("labels", 1), ("logits", 2), ("features", 2)])
def test_nodes_do_what_a_simulation_in_plain_python_does(content: str, neighbours: int) -> None:
    of_logits = {"temperature": 0.7, "decision": "as_printed"} if content == "logits" else {}
    config = _config(content=content, neighbours=neighbours, **of_logits)
    model, other = _model(config), _model(config)
    history = _fitted(model, config, 2)
    nodes = _simulated(config, list(other.members.values()), _STEPS)
    for member, node in zip(model.members.values(), nodes, strict=True):
        for ours, theirs in zip(_weights(member), _weights(node.network), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-5)
    if content == "none":
        assert "empty" not in model.further_series
        return
    assert sum(history["empty"]) == sum(node.empty for node in nodes) > 0
    assert sum(history["dropped"]) == sum(node.dropped for node in nodes) > 0
    assert sum(history["consumed"]) / 2 == pytest.approx(sum(node.consumed for node in nodes) / (_STEPS * 3))
    if content == "logits":
        _check_together(model, history)
    state = model.training_variables()
    assert state["queues/taken"].numpy().tolist() == [node.taken for node in nodes]
    images, labels = _data()
    in_flight = 0
    for waiting, node in zip(state["queues/waiting"].numpy(), nodes, strict=True):
        places = [place for place in waiting if place >= 0]
        assert len(places) == len(node.queue)
        for place, (own_images, own_labels, received) in zip(places, node.queue, strict=True):
            examples = state["queues/examples"].numpy()[place]
            assert np.array_equal(images[examples], own_images)
            assert np.array_equal(labels[examples], own_labels)
            if received is not None:
                np.testing.assert_allclose(state["queues/contents"].numpy()[place], received, atol=2e-4)
            in_flight += 1
    assert in_flight > 0


def test_parts_are_exclusive_of_nearly_equal_size_and_drawn_from_the_seed() -> None:
    parts = circle.parts(103, 10, 0)
    assert sorted(np.concatenate(parts)) == list(range(103))
    assert {len(part) for part in parts} == {10, 11}
    assert not np.array_equal(parts[0], circle.parts(103, 10, 1)[0])
    assert np.array_equal(parts[0], circle.parts(103, 10, 0)[0])


@pytest.mark.parametrize(("nodes", "count"), [(5, 1), (5, 2), (5, 3), (5, 4), (6, 5), (6, 2), (2, 1)])
def test_neighbours_are_the_closest_on_the_circle(nodes: int, count: int) -> None:
    heard = collections.Counter[int]()
    for node in range(nodes):
        own = circle.neighbours(node, nodes, count)
        assert len(set(own)) == count
        assert node not in own
        distances = {each: min((each - node) % nodes, (node - each) % nodes) for each in range(nodes)}
        assert max(distances[each] for each in own) <= min(
            (distances[each] for each in range(nodes) if each not in (*own, node)), default=nodes
        )
        heard.update(own)
    assert set(heard.values()) == {count}


def test_the_default_of_broadcasting_keeps_queues_as_short_as_queueing_theory_says() -> None:
    config = RunConfig(system="nodes")
    assert isinstance(config, NodesConfig)
    assert (config.neighbours, config.consume) == (9, 0.5)
    assert config.broadcast == pytest.approx(0.05)
    schedule = Schedule(1000, nodes=10, neighbours=9, consume=0.5, broadcast=0.05, capacity=200, batch_size=1, seed=0)
    queues = Queues.empty(10, 200, 1)
    schedule.plan(queues, 0, 500)
    plan = schedule.plan(queues, 500, 4000)
    arrivals, departures = 9 * 0.05, 0.5
    expected = arrivals * (2 - 0.05 - arrivals) / (2 * (departures - arrivals))
    assert plan.length == pytest.approx(expected, rel=0.25)
    assert np.mean(plan.consumed >= 0) == pytest.approx(arrivals, rel=0.05)
    assert plan.dropped == 0


def test_a_message_stays_readable_until_no_queue_has_it() -> None:
    """Of two places a sender, the second message is written while the first may be read."""
    schedule = Schedule(40, nodes=4, neighbours=1, consume=0.5, broadcast=0.9, capacity=1, batch_size=2, seed=3)
    queues = Queues.empty(4, 1, 2)
    before = queues.examples.copy()
    for step in range(200):
        plan = schedule.plan(queues, step, 1)
        for place, examples in zip(plan.consumed[0], plan.examples[0], strict=True):
            if place >= 0:
                assert np.array_equal(before[place], examples)
                assert place not in plan.sent[0]
        before = queues.examples.copy()


def test_costs_are_the_thesis_formulas_and_messages_are_constants() -> None:
    random = np.random.default_rng(0)
    logits, received = (random.normal(size=(5, 3)).astype(np.float32) for _ in range(2))
    hidden, features = (random.normal(size=(5, 4)).astype(np.float32) for _ in range(2))
    labels = np.array([0, 2, 1, 1, 0], np.int32)
    own = -np.mean(log_softmax(logits, axis=1)[np.arange(5), labels])
    soft = -np.mean(np.sum(softmax(received / 0.3, axis=1) * log_softmax(logits, axis=1), axis=1))
    distance = np.mean(0.5 * np.sum((hidden - features) ** 2, axis=1))
    for content, message, consumed, expected in (
        ("none", received, False, own),
        ("labels", received, True, own),
        ("logits", received, False, own),
        ("logits", received, True, soft),
        ("features", features, False, own),
        ("features", features, True, distance),
    ):
        variables = [tf.Variable(each) for each in (logits, hidden, message)]
        with tf.GradientTape() as tape:
            cost = messages.cost(content, labels, *variables, tf.constant(consumed), 0.3)
        assert float(cost) == pytest.approx(expected, rel=1e-5), (content, consumed)
        assert tape.gradient(cost, variables)[2] is None


@pytest.mark.parametrize("decision", DECISIONS)
def test_collective_decisions_are_weighted_means_also_at_the_limits_of_entropy(decision: str) -> None:
    random = np.random.default_rng(1)
    logits = random.normal(size=(4, 6, 3)) * 3
    # All sure; nobody knows; one sure and one that knows nothing.
    sure, ignorant = np.array([200.0, 0.0, 0.0]), np.zeros(3)
    logits[:, 3] = [sure, sure, np.roll(sure, 1), sure]
    logits[:, 4] = ignorant
    logits[:, 5] = [sure, ignorant, ignorant, ignorant]
    probabilities = softmax(logits, axis=-1)
    entropies = np.array([[entropy(each) for each in row] for row in probabilities])
    weights = {"confidence": np.log(3) - entropies, "as_printed": entropies, "mean": np.ones_like(entropies)}[decision]
    received = softmax(np.asarray(decisions.collective(decision, keras.ops.log_softmax(logits.astype(np.float32)))), -1)
    for example in range(6):
        own = np.clip(weights[:, example], 0, None)
        own = own if own.sum() > 1e-9 else np.ones(4)
        expected = own @ probabilities[:, example] / own.sum()
        np.testing.assert_allclose(received[example], expected, atol=1e-4)
    if decision != "mean":
        certain = received[5].max() > 0.99
        assert certain == (decision == "confidence")


def test_a_stopped_training_goes_on_to_the_same_bits_with_messages_in_flight(tmp_path: Path) -> None:
    config = _config(content="features", steps=24, epochs=3)
    whole, resumed = _model(config), _model(config)
    _fitted(whole, config, 2, tested=False)
    assert (whole.training_variables()["queues/waiting"].numpy() >= 0).any()
    checkpoint.save(str(tmp_path), whole, Record.empty(["ensemble"], 3), "digest")
    recorded = _fitted(whole, config, 3, first=2, tested=False)
    assert checkpoint.restore(str(tmp_path), resumed, "digest") is not None
    assert _fitted(resumed, config, 3, first=2, tested=False) == recorded
    variables = resumed.training_variables()
    for name, variable in whole.training_variables().items():
        assert np.array_equal(variable.numpy(), variables[name].numpy()), name


def test_a_strided_network_has_no_pooling_and_three_halvings() -> None:
    config = RunConfig(system="nodes", members=("strided4",), nodes=1)
    (network,) = build_model(config, (32, 32, 3), 10).members.values()
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(layer.filters, layer.strides[0]) for layer in convolutions] == [
        (4, 1), (4, 2), (8, 1), (8, 2), (16, 1), (16, 2)
    ]  # fmt: skip
    assert network.layers[-1].input.shape == (None, 4 * 4 * 16)
    assert not any("pool" in type(layer).__name__.lower() for layer in network.layers)
    assert parse_network("strided4").image_divisor == 1
    (small,) = build_model(config, (7, 7, 1), 10).members.values()
    assert small.output_shape == (None, 10)


def test_the_grid_has_the_arrangements_of_the_thesis() -> None:
    configs = grid.plan("lacaille-2.1", {"dataset": "cifar10"}, [0])
    chosen = [(config.nodes, config.content, config.steps) for config in configs]  # type: ignore[attr-defined]
    assert chosen == [
        (1, "none", 5000),
        (10, "none", 5000),
        (10, "logits", 5000),
        (10, "labels", 5000),
        (10, "features", 5000),
        (20, "labels", 5000),
    ]
    assert {(config.batch_size, config.learning_rate) for config in configs} == {(64, 0.001)}
    longer = grid.plan("lacaille-2.2", {"dataset": "cifar10"}, [0])
    assert [each.content for each in longer] == [each.content for each in configs]  # type: ignore[attr-defined]
    assert {config.steps / config.epochs for config in longer} == {250}  # type: ignore[attr-defined]
    five = grid.plan("lacaille-2.1-five", {"dataset": "digits", "steps": 150, "epochs": 3}, [0])
    assert [each.nodes for each in five] == [1, 5, 5, 5, 5]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nodes": 0}, "--nodes=0: allowed: whole numbers from 1"),
        ({"neighbours": 3}, "--neighbours=3: allowed: whole numbers from 1 to 2"),
        ({"neighbours": 0}, "--neighbours=0: allowed: whole numbers from 1 to 2"),
        ({"consume": 1.5}, "--consume=1.5: allowed: finite numbers from 0 to 1"),
        ({"broadcast": -0.5}, "--broadcast=-0.5: allowed: finite numbers from 0 to 1"),
        ({"consume": float("nan")}, "--consume=nan: allowed"),
        ({"content": "gossip"}, "--content=gossip: not known; allowed: none, labels, logits, features"),
        ({"decision": "vote"}, "--decision=vote: not known"),
        ({"nodes": 1, "content": "logits"}, "--content=logits: a single node has nobody to send to"),
        ({"members": ("mlp6-7", "mlp6-7")}, "--members=mlp6-7,mlp6-7: --system=nodes takes one network"),
        ({"steps": 41}, "--steps=41: no multiple of --epochs=2, which part them; needed: such as --steps=40"),
        ({"content": "none", "neighbours": 2}, "--neighbours=2: has no effect"),
        ({"content": "none", "consume": 0.5}, "--consume=0.5: has no effect"),
        ({"content": "labels", "temperature": 2.0}, "--temperature=2.0: has no effect"),
        ({"content": "logits", "temperature": 0.0}, "--temperature=0.0: allowed: finite numbers above 0"),
        ({"queue_capacity": 0}, "--queue_capacity=0: allowed: whole numbers from 1"),
        ({"augment": True}, "--augment=True: has no effect with --system=nodes"),
        ({"shuffle": "none"}, "--shuffle=none: has no effect with --system=nodes"),
        ({"label_noise": 0.5}, "--label_noise=0.5: has no effect with --system=nodes"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        _config(**settings)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_more_nodes_than_minibatches_are_refused_with_advice_that_can_be_followed() -> None:
    description = catalogue.describe("digits", "report")
    refused = _config(dataset="digits", train_limit=40, nodes=11)
    with pytest.raises(ConfigError) as refusal:
        refused.check_data(description)
    assert str(refusal.value) == (
        "--nodes=11: parts of 3 of the 40 training examples are smaller than a minibatch of 4; allowed: 1 to 10, or a "
        "smaller --batch_size"
    )
    _config(dataset="digits", train_limit=40, nodes=10).check_data(description)
    with pytest.raises(ValueError, match="received 44 examples for 3 nodes; each needs 15"):
        Schedule(44, nodes=3, neighbours=1, consume=0.5, broadcast=0.5, capacity=1, batch_size=15, seed=0)


def _coders(learning: str, **settings: Any) -> tuple[NodesConfig, NodesModel]:
    config = _config(learning=learning, members=("strided2",), **settings)
    return config, _model(config)


def _fitted_coders(model: NodesModel, config: NodesConfig, epochs: int, first: int = 0) -> dict[str, Any]:
    images, labels = _data()
    batches = BatchManager(images[:32], labels[:32], _BATCH, shuffle="permute")
    fed = model.feed(batches, (images[32:], labels[32:]))
    return dict(
        model.fit(
            fed,
            initial_epoch=first,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            validation_data=BatchManager(images[32:], labels[32:], 12).dataset(),
            callbacks=[batches.epoch_clock(), *model.callbacks(fed)],
        ).history
    )


@pytest.mark.parametrize(("learning", "settings"), [("vae", {"nodes": 2, "neighbours": 1}), ("bigan", {"nodes": 1})])
def test_nodes_without_labels_go_on_to_the_same_bits_with_classifiers_of_their_codes(
    tmp_path: Path, learning: str, settings: dict[str, Any]
) -> None:
    config, whole = _coders(learning, **settings, steps=12, epochs=2)
    _fitted_coders(whole, config, 1)
    checkpoint.save(str(tmp_path), whole, Record.empty(["ensemble"], 2), "digest")
    recorded = _fitted_coders(whole, config, 2, first=1)
    _, resumed = _coders(learning, **settings, steps=12, epochs=2)
    assert checkpoint.restore(str(tmp_path), resumed, "digest") is not None
    assert _fitted_coders(resumed, config, 2, first=1) == recorded
    variables = resumed.training_variables()
    for name, variable in whole.training_variables().items():
        assert np.array_equal(variable.numpy(), variables[name].numpy()), name
    images, labels = _data()
    wrong = [np.mean(np.argmax(each, axis=1) != labels[32:]) for each in whole.logits(images[32:])]
    # Here the validation part is also the test part.
    assert recorded["validation_error"][-1] == pytest.approx(np.mean(wrong))
    if config.nodes > 1:
        assert recorded["collective_validation_error"] == pytest.approx(recorded["val_ensemble_error"])


def _minibatch(width: int, consumed: bool) -> Minibatch:
    images, labels = _data(5)
    received = np.random.default_rng(3).normal(size=(5, width)).astype(np.float32)
    return Minibatch(
        tf.cast(images, tf.float32),
        tf.constant(labels),
        tf.constant(received),
        tf.constant(consumed),
        tf.constant([1, 2], tf.int64),
    )


def test_the_costs_of_a_vae_are_the_evidence_lower_bound_and_the_divergence_of_codes() -> None:
    _, model = _coders("vae", nodes=2, neighbours=1)
    learner = model._learners["node1"]
    own, consumed = _minibatch(learner.width, False), _minibatch(learner.width, True)
    networks = learner.further()
    mean, log_variance = (np.asarray(each, np.float64) for each in networks["encoder"](own.images, training=True))
    noise = np.asarray(coders.normal(mean.shape, own.seed))
    sample = (mean + np.exp(log_variance / 2) * noise).astype(np.float32)
    pixels = np.asarray(networks["decoder"](sample, training=True), np.float64)
    scaled = np.asarray(own.images, np.float64) / 255
    likelihood = np.sum(scaled * np.log(expit(pixels)) + (1 - scaled) * np.log(expit(-pixels)), axis=(1, 2, 3))
    prior = np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1) / 2
    assert float(learner.compute(own).cost) == pytest.approx(np.mean(prior - likelihood), rel=1e-4)
    sent, log_sent = np.split(np.asarray(consumed.received, np.float64), 2, axis=1)
    # Of one-dimensional Gaussians, with deviations s and r: log(r/s) + (s^2 + (a - b)^2) / (2 r^2) - 1/2.
    s, r = np.exp(log_sent / 2), np.exp(log_variance / 2)
    expected = np.sum(np.log(r / s) + (s**2 + (sent - mean) ** 2) / (2 * r**2) - 0.5, axis=1).mean()
    computed = learner.compute(consumed)
    assert float(computed.cost) == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(computed.content, np.concatenate([mean, log_variance], axis=1), atol=1e-5)
    reached = _reached(learner, computed)
    assert reached == {"encoder"}
    assert _reached(learner, learner.compute(own)) == {"encoder", "decoder"}


def _reached(learner: Any, computed: Any) -> set[str]:
    """The networks with a gradient that is not 0."""
    of = {id(variable): name for name, network in learner.further().items() for variable in network.trainable_variables}
    pairs = zip(learner.variables, computed.gradients, strict=True)
    return {of[id(variable)] for variable, gradient in pairs if gradient is not None and np.any(gradient)}


def test_the_costs_of_a_bigan_are_those_of_players_and_the_distance_of_codes() -> None:
    _, model = _coders("bigan", nodes=2, neighbours=1)
    learner = model._learners["node1"]
    own, consumed = _minibatch(learner.width, False), _minibatch(learner.width, True)
    networks = learner.further()
    code = np.asarray(networks["encoder"](own.images, training=True))
    noise = np.asarray(coders.normal(code.shape, own.seed))
    made = 255 * expit(np.asarray(networks["generator"](noise, training=True)))
    pixels, codes = np.concatenate([own.images, made]), np.concatenate([code, noise])
    scores = np.asarray(networks["judge"]([tf.constant(pixels), tf.constant(codes)], training=True), np.float64)
    real, fake = np.split(scores, 2)
    fooling = -np.mean(np.log(expit(-real)) + np.log(expit(fake)))
    computed = learner.compute(own)
    assert float(computed.cost) == pytest.approx(fooling, rel=1e-4)
    assert _reached(learner, computed) == {"encoder", "generator", "judge"}
    distance = np.mean(0.5 * np.sum((code - np.asarray(consumed.received)) ** 2, axis=1))
    computed = learner.compute(consumed)
    assert float(computed.cost) == pytest.approx(distance, rel=1e-4)
    assert _reached(learner, computed) == {"encoder"}
    # The players pull the judge's scores in opposite directions.
    judge = networks["judge"].trainable_variables[-1]
    gradient = learner.compute(own).gradients[[id(v) for v in learner.variables].index(id(judge))]
    assert float(gradient[0]) == pytest.approx(np.mean(expit(real) - 1 + expit(fake)), abs=1e-5)


def test_a_linear_classifier_descends_its_cost_and_ends_by_the_validation_part() -> None:
    random = np.random.default_rng(0)
    codes = random.normal(size=(300, 5)).astype(np.float32) * [1, 2, 3, 4, 5] + 7
    labels = (codes @ random.normal(size=(5, 3))).argmax(axis=1)
    weights, inputs = random.normal(size=(6, 3)), (codes - 7) / 5
    gradient = probe._gradient(weights, inputs, labels)
    for place in ((0, 0), (5, 2), (3, 1)):
        moved = np.zeros_like(weights)
        moved[place] = 1e-6
        slope = (probe.cost(weights + moved, inputs, labels) - probe.cost(weights - moved, inputs, labels)) / 2e-6
        assert gradient[place] == pytest.approx(slope, abs=1e-7)
    kernel, bias = probe.train(codes[:250], labels[:250], codes[250:], labels[250:], 3, 0)
    assert np.mean((codes[250:] @ kernel + bias).argmax(axis=1) == labels[250:]) > 0.8
    # Labels of the validation part that contradict those of training: the best pass is an early one.
    early, _ = probe.train(codes[:250], labels[:250], codes[250:], (labels[250:] + 1) % 3, 3, 0)
    assert np.abs(early).sum() < np.abs(kernel).sum()


def test_the_grid_without_labels_is_that_of_the_thesis() -> None:
    configs = grid.plan("lacaille-2.3", {"dataset": "cifar10"}, [0])
    arrangements = [(1, "none"), (10, "none"), (10, "features")]
    chosen = [(each.learning, each.nodes, each.content) for each in configs]  # type: ignore[attr-defined]
    assert chosen == [(learning, *each) for learning in ("vae", "bigan") for each in arrangements]
    assert configs[0].held_out(50_000) == 5_000
    with pytest.raises(ConfigError, match="--content=labels: --learning=vae has no labels to send"):
        _config(learning="vae", content="labels", members=("strided2",))
    with pytest.raises(ConfigError, match="--members=mlp6-7: --learning=bigan takes a network such as strided32"):
        _config(learning="bigan", content="features")
