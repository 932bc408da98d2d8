"""Multi-head collaborative learning against independent computations and the paper's own arguments."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.methods.multihead.head_graph import head_groups
from collab_ensembles.methods.multihead.model import MultiheadModel
from heads import DECAY, head_graph, kernels, multihead, target
from reference import cross_entropy, finite_differences, softmax

Batch = tuple[np.ndarray, np.ndarray]
SIZES = [("single", 1), ("instances", 3), ("simple", 3), ("hierarchical", 4)]


def _soft_cross_entropy(targets: np.ndarray, logits: np.ndarray, temperature: float) -> float:
    return float(np.mean(-np.sum(targets * np.log(softmax(logits / temperature)), axis=1)))


def _consensus(logits: list[np.ndarray], head: int, temperature: float) -> np.ndarray:
    others = [each for index, each in enumerate(logits) if index != head]
    return softmax(np.mean(others, axis=0) / temperature)


def _loss(labels: np.ndarray, logits: list[np.ndarray], head: int, temperature: float, beta: float) -> float:
    soft = _soft_cross_entropy(_consensus(logits, head, temperature), logits[head], temperature)
    return beta * cross_entropy(labels, logits[head]) + (1 - beta) * temperature**2 * soft


def _logits(rng: np.random.Generator, heads: int) -> list[np.ndarray]:
    return [3 * rng.standard_normal((12, 5)) for _ in range(heads)]


def _tensors(arrays: list[np.ndarray]) -> list[tf.Tensor]:
    return [tf.constant(array, "float64") for array in arrays]


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("beta", [1.0, 0.5, 0.2])
def test_head_losses_equal_equation_3(temperature: float, beta: float, batch: Batch, rng: np.random.Generator) -> None:
    logits = _logits(rng, 3)
    model = multihead("instances", 3, temperature=temperature, beta=beta)
    losses = model.head_losses(batch[1], _tensors(logits))
    expected = [_loss(batch[1], logits, head, temperature, beta) for head in range(3)]
    np.testing.assert_allclose([float(loss) for loss in losses], expected, rtol=1e-6)


def test_the_objective_is_the_sum_over_heads_and_the_decay_once(batch: Batch) -> None:
    model = multihead("hierarchical", 4)
    logits = [each.numpy().astype(float) for each in model.logits(batch[0])]
    members = list(model.members.values())
    distinct = {id(kernel): kernel.numpy() for member in members for kernel in kernels(member)}
    decay = sum(DECAY * float(np.sum(np.square(kernel, dtype=float))) / 2 for kernel in distinct.values())
    total, costs = model.objective(batch[1], model.logits(batch[0]))
    assert float(total) == pytest.approx(sum(_loss(batch[1], logits, h, 2.0, 0.5) for h in range(4)) + decay, rel=1e-5)
    own = sum(DECAY * float(np.sum(np.square(kernel.numpy(), dtype=float))) / 2 for kernel in kernels(members[1]))
    assert float(costs[1]) == pytest.approx(cross_entropy(batch[1], logits[1]) + own, rel=1e-5)


@pytest.mark.parametrize("target_gradient", [False, True])
def test_gradients_equal_finite_differences(target_gradient: bool, batch: Batch, rng: np.random.Generator) -> None:
    logits, labels = _logits(rng, 3), batch[1]
    model = multihead("instances", 3, target_gradient=target_gradient)
    tensors = _tensors(logits)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = sum(model.head_losses(labels, tensors))
    received = tape.gradient(total, tensors[0]).numpy()
    fixed = [_consensus(logits, head, 2.0) for head in range(3)]

    def objective(first: np.ndarray) -> float:
        varied = [first, *logits[1:]]
        targets = [_consensus(varied, head, 2.0) for head in range(3)] if target_gradient else fixed
        soft = [_soft_cross_entropy(q, z, 2.0) for q, z in zip(targets, varied, strict=True)]
        return sum(0.5 * cross_entropy(labels, z) for z in varied) + sum(0.5 * 4 * each for each in soft)

    np.testing.assert_allclose(received, finite_differences(objective, logits[0]), atol=1e-7)


def test_label_smoothing_spreads_the_label_over_all_classes(batch: Batch, rng: np.random.Generator) -> None:
    (logits,) = _logits(rng, 1)
    model = MultiheadModel(head_graph("single", 1), label_smoothing=0.1)
    smoothed = 0.9 * np.eye(5)[batch[1]] + 0.1 / 5
    (received,) = model.head_losses(batch[1], _tensors([logits]))
    assert float(received) == pytest.approx(_soft_cross_entropy(smoothed, logits, 1.0), rel=1e-6)


def _gradients(model: MultiheadModel, batch: Batch) -> dict[str, np.ndarray]:
    """Of the heads' losses, without decay, by the path of the variable in the whole graph."""
    variables = model._network.trainable_variables
    with tf.GradientTape() as tape:
        total = sum(model.head_losses(batch[1], model.logits(batch[0], training=True)))
    gradients = tape.gradient(total, variables)
    return {variable.path: gradient.numpy() for variable, gradient in zip(variables, gradients, strict=True)}


def _copy_first_head(model: MultiheadModel) -> None:
    """Gives all heads the weights of the first."""
    first, *others = model.members.values()
    for other in others:
        other.set_weights(first.get_weights())


@pytest.mark.parametrize(("graph", "heads"), [("simple", 2), ("simple", 5), ("hierarchical", 4)])
def test_identical_heads_give_the_trunk_beta_times_the_gradient_of_one_network(
    graph: str, heads: int, batch: Batch
) -> None:
    model = multihead(graph, heads, beta=0.3)
    _copy_first_head(model)
    single = multihead("single", 1)
    single.members["head1"].set_weights(model.members["head1"].get_weights())
    received, expected = _gradients(model, batch), _gradients(single, batch)
    for name in ("low_convolution/kernel", "low_convolution/bias"):
        assert np.abs(expected[name]).max() > 1e-3
        np.testing.assert_allclose(received[f"head1_{name}"], 0.3 * expected[name], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("graph", "heads", "trunk", "middle"), [("simple", 3, 3, 1), ("hierarchical", 4, 4, 2)])
def test_rescaling_divides_by_the_branches_below_each_layer_and_spares_the_heads(
    graph: str, heads: int, trunk: int, middle: int, batch: Batch
) -> None:
    plain, rescaled = (_gradients(multihead(graph, heads, rescale), batch) for rescale in (False, True))
    loss = _gradients(multihead(graph, heads, False, rescale_losses=True), batch)
    factors = {"head1_low": trunk, "head1_middle": middle, "head1_high": 1, "head2_logits": 1}
    for path, gradient in plain.items():
        for start, factor in factors.items():
            if path.startswith(start):
                assert np.abs(gradient).max() > 1e-4 or "normalization" in path
                np.testing.assert_allclose(rescaled[path], gradient / factor, rtol=1e-4, atol=1e-8)
        np.testing.assert_allclose(loss[path], gradient / heads, rtol=1e-4, atol=1e-8)


def test_with_many_heads_the_variance_of_the_rescaled_gradient_stays_and_that_of_the_sum_grows(batch: Batch) -> None:
    """Section 3.3: the heads' gradients are alike in law and not identical, here by their random initial values."""

    def variance(heads: int, rescale: bool) -> float:
        gradients = _gradients(multihead("simple", heads, rescale, beta=1.0), batch)
        return float(np.var(gradients["head1_low_convolution/kernel"]))

    few, many = variance(2, True), variance(32, True)
    assert many < 2 * few
    assert variance(32, False) == pytest.approx(32**2 * many, rel=1e-3)
    assert variance(32, False) > 2 * variance(2, False)


@pytest.mark.parametrize(("graph", "heads"), SIZES)
def test_an_exported_head_is_the_target_network(graph: str, heads: int, batch: Batch) -> None:
    model = multihead(graph, heads)
    model.fit(*batch, epochs=1, verbose=0)
    plain = target()
    for head in range(heads):
        exported = model.inference_network(f"head{head + 1}")
        assert exported.count_params() == plain.count_params()
        assert _structure(exported) == _structure(plain)
        logits = model.logits(batch[0])[head].numpy()
        np.testing.assert_allclose(exported(batch[0].astype(np.float32)), logits, rtol=1e-5, atol=1e-6)


def test_a_model_can_be_exported_as_keras_models_are() -> None:
    # Our heads have other names: Keras' method takes a path first.
    assert MultiheadModel.export is keras.Model.export


def _structure(net: keras.Model) -> list[object]:
    """Layers with their settings and inbound layers, but for the seeds of initial values."""
    config = net.get_config()
    for layer in config["layers"]:
        layer["config"].pop("kernel_initializer", None)
    return [(layer["name"], layer["class_name"], layer["config"], layer["inbound_nodes"]) for layer in config["layers"]]


@pytest.mark.parametrize(("graph", "heads"), SIZES)
def test_heads_share_what_the_graph_says(graph: str, heads: int) -> None:
    counts = {"low": 2 * 9 + 2, "middle": 3 * 2 * 9 + 2 * 3, "high": 4 * 3 * 9 + 4 * 5 + 5}
    copies = {
        "single": (1, 1, 1),
        "instances": (heads, heads, heads),
        "simple": (1, heads, heads),
        "hierarchical": (1, 2, 4),
    }[graph]
    trainable = sum(variable.shape.num_elements() for variable in multihead(graph, heads)._network.trainable_variables)
    assert trainable == sum(copy * count for copy, count in zip(copies, counts.values(), strict=True))


def test_the_first_head_begins_alike_in_every_graph_and_the_others_differ() -> None:
    models = [multihead(graph, heads) for graph, heads in SIZES]
    first = [model.inference_network("head1").get_weights() for model in models]
    for weights in first[1:]:
        for one, other in zip(first[0], weights, strict=True):
            np.testing.assert_array_equal(one, other)
    networks = [models[1].inference_network(name) for name in ("head1", "head2")]
    kernels = [network.get_layer("low_convolution").kernel.numpy() for network in networks]
    assert not np.array_equal(*kernels)


def test_alternating_heads_see_what_the_heads_before_have_learnt(batch: Batch) -> None:
    model = multihead("instances", 2, alternating=True)
    twin = multihead("instances", 2)
    twin.set_weights(model.get_weights())
    model.fit(*batch, epochs=1, verbose=0)
    for head, member in enumerate(twin.members.values()):
        with tf.GradientTape() as tape:
            loss = twin.head_losses(batch[1], twin.logits(batch[0], training=True))[head] + sum(member.losses)
        for variable, gradient in zip(
            member.trainable_variables, tape.gradient(loss, member.trainable_variables), strict=True
        ):
            variable.assign_sub(0.1 * gradient)
    for received, expected in zip(model._network.trainable_variables, twin._network.trainable_variables, strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-6)
    simultaneous = multihead("instances", 2)
    simultaneous.fit(*batch, epochs=1, verbose=0)
    assert np.abs(simultaneous.logits(batch[0])[1] - model.logits(batch[0])[1]).max() > 1e-5


def test_shared_layers_take_in_a_batch_once(batch: Batch) -> None:
    hierarchical = multihead("hierarchical", 4)
    shared = hierarchical.members["head2"].get_layer("head1_middle_normalization")
    hierarchical.logits(batch[0], training=True)
    convolution = hierarchical.members["head2"].get_layer("head1_middle_convolution")
    images = batch[0].astype(np.float32)
    values = keras.Model(hierarchical.members["head2"].input, convolution.output)(images, training=True)
    np.testing.assert_allclose(shared.moving_mean, 0.1 * values.numpy().mean(axis=(0, 1, 2)), rtol=1e-4, atol=1e-6)


def test_groups_of_heads_make_a_tree() -> None:
    segments = ("a", "b", "c", "d")
    apart = [[0], [1], [2], [3]]
    assert head_groups("instances", 4, segments, ()) == [apart] * 4
    assert head_groups("simple", 4, segments, ("b",)) == [[[0, 1, 2, 3]]] * 2 + [apart] * 2
    assert head_groups("hierarchical", 4, segments, ("a", "c")) == [
        [[0, 1, 2, 3]],
        [[0, 1], [2, 3]],
        [[0, 1], [2, 3]],
        apart,
    ]


@pytest.mark.parametrize(
    ("graph", "points"), [("simple", ("z",)), ("simple", ()), ("tree", ("a",)), ("single", ("a",))]
)
def test_graphs_that_do_not_exist_are_refused(graph: str, points: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="received the graph"):
        head_groups(graph, 2, ("a", "b"), points)


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"beta": 0.0}, {"beta": 1.1}, {"label_smoothing": 1.0}])
def test_numbers_that_are_not_allowed_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="allowed: above 0"):
        MultiheadModel(head_graph(), **options)  # type: ignore[arg-type]
