"""Objective, gradients, training step and statistics of the models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from collab_ensembles.models import collaboration, statistics
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.model import Model
from collab_ensembles.models.single import SingleModel
from conftest import network
from reference import cross_entropy

Batch = tuple[np.ndarray, np.ndarray]


def _ensemble(
    method: str = "plain", weight: float = 0.3, sizes: tuple[str, ...] = ("B2R1F2", "B2R2F3"), **options: str
) -> EnsembleModel:
    members = {f"member{index}": network(size, index, regularization_rate=0.02) for index, size in enumerate(sizes)}
    cost = collaboration.by_name(method)
    model = EnsembleModel(members) if cost is None else EnsembleModel(members, cost, weight, **options)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def _weights(model: Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.variables]


def _gradients(model: Model, batch: Batch) -> dict[str, list[np.ndarray]]:
    """By member, in inference mode, so that finite differences can repeat the forward pass."""
    with tf.GradientTape() as tape:
        total, _ = model.objective(batch[1], model.logits(batch[0]))
    members = {name: member.trainable_variables for name, member in model.members.items()}
    gradients = tape.gradient(total, members)
    return {name: [gradient.numpy() for gradient in each] for name, each in gradients.items()}


def _decay(member: keras.Model) -> float:
    kernels = [layer.kernel.numpy() for layer in member.layers if getattr(layer, "kernel_regularizer", None)]
    return sum(0.02 * float(np.sum(np.square(kernel, dtype=float))) / 2 for kernel in kernels)


@pytest.mark.parametrize("method", ["plain", "CE", "L2", "L1"])
def test_the_objective_is_the_sum_of_member_costs_plus_alpha_times_collab(method: str, batch: Batch) -> None:
    model = _ensemble(method)
    logits = [each.numpy().astype(float) for each in model.logits(batch[0])]
    costs = [cross_entropy(batch[1], each) + _decay(m) for each, m in zip(logits, model.members.values(), strict=True)]
    collab = collaboration.by_name(method)
    expected = sum(costs) + (
        0.3 * float(collab([keras.ops.convert_to_tensor(each) for each in logits], [(0, 1)])) if collab else 0
    )
    total, received = model.objective(batch[1], model.logits(batch[0]))
    np.testing.assert_allclose([float(cost) for cost in received], costs, rtol=1e-5)
    np.testing.assert_allclose(float(total), expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["plain", "CE", "L2"])
def test_gradients_equal_finite_differences(method: str, batch: Batch) -> None:
    """Along a random direction for each member, in float64; targets of CE stay where they are."""
    model = _double_precision_ensemble(method)
    for member in model.members.values():
        # As if trained: logits of a size at which differences say something.
        member.get_layer("input_normalization").moving_mean.assign([127.0])
        member.get_layer("input_normalization").moving_variance.assign([5400.0])
    targets = [each.numpy() for each in model.logits(batch[0])]
    with tf.GradientTape() as tape:
        total, _ = model.objective(batch[1], model.logits(batch[0]))
    gradients = tape.gradient(total, {name: m.trainable_variables for name, m in model.members.items()})
    rng = np.random.default_rng(1)
    for index, (name, member) in enumerate(model.members.items()):
        directions = [rng.normal(size=variable.shape) for variable in member.trainable_variables]
        expected = sum(float(np.sum(g.numpy() * d)) for g, d in zip(gradients[name], directions, strict=True))
        received = _slope(model, batch, method, targets, index, directions)
        np.testing.assert_allclose(received, expected, rtol=1e-5)


def _double_precision_ensemble(method: str) -> EnsembleModel:
    class DoublePrecision(EnsembleModel):
        def logits(self, images: np.ndarray, training: bool = False) -> list[tf.Tensor]:
            return [member(tf.cast(images, tf.float64), training=training) for member in self.members.values()]

    members = {
        f"member{index}": network(size, index, regularization_rate=0.02, precision="float64")
        for index, size in enumerate(("B2R1F2", "B2R2F3"))
    }
    cost = collaboration.by_name(method)
    return DoublePrecision(members, cost, 1.0 if cost is None else 0.3)


def _slope(
    model: EnsembleModel, batch: Batch, method: str, targets: list[np.ndarray], moved: int, directions: list[np.ndarray]
) -> float:
    """The objective's slope along directions of one member's variables, computed in NumPy from its logits."""
    member = list(model.members.values())[moved]
    start = [variable.numpy() for variable in member.trainable_variables]

    def at(step: float) -> float:
        for variable, value, direction in zip(member.trainable_variables, start, directions, strict=True):
            variable.assign(value + step * direction)
        logits = [each.numpy() for each in model.logits(batch[0])]
        total = sum(
            cross_entropy(batch[1], each) + _decay(m) for each, m in zip(logits, model.members.values(), strict=True)
        )
        return total + 0.3 * _collab(method, logits, targets)

    slope = (at(1e-6) - at(-1e-6)) / 2e-6
    at(0.0)
    return slope


def _collab(method: str, logits: list[np.ndarray], targets: list[np.ndarray]) -> float:
    if method == "plain":
        return 0.0
    if method == "L2":
        return float(np.mean(np.sum((logits[0] - logits[1]) ** 2, axis=1)))
    losses = [
        tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(target), prediction)
        for target, prediction in ((targets[1], logits[0]), (targets[0], logits[1]))
    ]
    return float(sum(np.mean(loss) for loss in losses))


@pytest.mark.parametrize("method", ["plain", "CE", "L2", "L1"])
def test_one_step_changes_every_trainable_variable_of_every_member(method: str, batch: Batch) -> None:
    model = _ensemble(method, sizes=("B2R1F2", "B1R1F4", "B2R2F3"))
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_step(batch)
    after = [variable.numpy() for variable in model.trainable_variables]
    assert len(before) == sum(len(member.trainable_variables) for member in model.members.values())
    assert all(np.any(a != b) for a, b in zip(before, after, strict=True))


def _fit(model: Model, batch: Batch) -> list[np.ndarray]:
    for rows in (slice(0, 5), slice(5, 12)):
        model.train_step((batch[0][rows], batch[1][rows]))
    return _weights(model)


@pytest.mark.parametrize("method", ["CE", "L2", "L1"])
def test_weight_zero_is_the_plain_ensemble_bit_for_bit(method: str, batch: Batch) -> None:
    plain, zero, collaborating = (
        _fit(_ensemble(*options), batch) for options in (("plain",), (method, 0.0), (method, 0.3))
    )
    assert all(np.array_equal(a, b) for a, b in zip(plain, zero, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(plain, collaborating, strict=True))


@pytest.mark.parametrize(("method", "depends"), [("plain", False), ("CE", True), ("L2", True), ("L1", True)])
def test_a_members_gradient_depends_on_the_other_only_in_collaboration(
    method: str, depends: bool, batch: Batch
) -> None:
    model = _ensemble(method)
    before = _gradients(model, batch)["member0"]
    for variable in model.members["member1"].trainable_variables:
        variable.assign(variable + 0.1)
    after = _gradients(model, batch)["member0"]
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert any(changed) == depends


def test_a_member_of_the_plain_ensemble_learns_as_it_does_alone(batch: Batch) -> None:
    ensemble = _ensemble()
    ensemble.train_step(batch)
    single = SingleModel(network("B2R1F2", 0, regularization_rate=0.02))
    single.compile(optimizer=keras.optimizers.Adam(0.01))
    single.train_step(batch)
    alone = {variable.path: variable.numpy() for variable in single.trainable_variables}
    for together in ensemble.members["member0"].trainable_variables:
        np.testing.assert_allclose(together.numpy(), alone[together.path], rtol=1e-5, atol=1e-7)


def test_all_pairs_differ_from_the_chain_with_three_members(batch: Batch) -> None:
    sizes = ("B2R1F2", "B1R1F4", "B2R2F3")
    totals = [
        float(
            _ensemble("CE", 0.3, sizes, pairing=pairing).objective(
                batch[1], _ensemble("plain", sizes=sizes).logits(batch[0])
            )[0]
        )
        for pairing in ("chain", "all")
    ]
    assert totals[1] > totals[0]


def test_statistics_of_members_and_ensemble(batch: Batch) -> None:
    """Test statistics: sample-weighted over unequal batches; the ensemble answers with the mean of the logits."""
    model = _ensemble("L2")
    received = model.evaluate(*batch, batch_size=5, verbose=0, return_dict=True)
    logits = [each.numpy().astype(float) for each in model.logits(batch[0])]
    mean = (logits[0] + logits[1]) / 2
    for name, each, decay in (
        ("member0", logits[0], _decay(model.members["member0"])),
        ("member1", logits[1], _decay(model.members["member1"])),
        ("ensemble", mean, 0.0),
    ):
        assert received[f"{name}_cost"] == pytest.approx(cross_entropy(batch[1], each) + decay, rel=1e-5)
        assert received[f"{name}_error"] == pytest.approx(np.mean(each.argmax(axis=1) != batch[1]))


def test_the_disagreement_is_over_all_pairs_of_members() -> None:
    logits = [np.random.default_rng(seed).normal(size=(7, 4)).astype(np.float32) for seed in range(3)]
    pairs = [(logits[0], logits[1]), (logits[0], logits[2]), (logits[1], logits[2])]
    answers = [np.mean(one.argmax(axis=1) != other.argmax(axis=1)) for one, other in pairs]
    distances = [np.mean(np.linalg.norm(one - other, axis=1)) for one, other in pairs]
    assert len({*np.round(answers, 3)}) > 1
    received = [float(value) for value in statistics.disagreement(logits)]
    assert received == pytest.approx([np.mean(answers), np.mean(distances)], rel=1e-5)


def test_the_loss_is_the_objective_weighted_by_the_sample(batch: Batch) -> None:
    model = _ensemble("L2")
    received = model.evaluate(*batch, batch_size=5, verbose=0, return_dict=True)["loss"]
    parts = [(size, slice(start, start + size)) for start, size in ((0, 5), (5, 5), (10, 2))]
    totals = [size * float(model.objective(batch[1][rows], model.logits(batch[0][rows]))[0]) for size, rows in parts]
    assert received == pytest.approx(sum(totals) / 12, rel=1e-5)


def test_logits_pass_on_whether_it_trains(batch: Batch) -> None:
    model = _ensemble()
    for training in (True, False):
        received = model.logits(batch[0], training=training)
        expected = [member(batch[0].astype(np.float32), training=training) for member in model.members.values()]
        for one, other in zip(received, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)


def test_running_average_forgets_and_starts_each_epoch_from_zero(batch: Batch) -> None:
    """s = 0.95 s + 0.05 batch, against the costs that the same model has batch by batch; nothing learns at rate 0."""
    model = _ensemble()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    logs = model.fit(*batch, batch_size=5, epochs=2, shuffle=False, verbose=0).history
    for name in ("member0", "member1", "ensemble"):
        running, wrong, total = 0.0, 0.0, 0.0
        for start, size in ((0, 5), (5, 5), (10, 2)):
            rows = slice(start, start + size)
            cost = _training_cost(model, name, batch[0][rows], batch[1][rows])
            running = 0.95 * running + 0.05 * cost
            wrong = 0.95 * wrong + 0.05 * _training_error(model, name, batch[0][rows], batch[1][rows])
            total += size * cost
        np.testing.assert_allclose(logs[f"{name}_running_cost"], [running] * 2, rtol=1e-5)
        np.testing.assert_allclose(logs[f"{name}_running_error"], [wrong] * 2, rtol=1e-5)
        np.testing.assert_allclose(logs[f"{name}_cost"], [total / 12] * 2, rtol=1e-5)


def _training_error(model: Model, name: str, images: np.ndarray, labels: np.ndarray) -> float:
    logits = dict(zip(model.members, model.logits(images, training=True), strict=True))
    own = logits[name] if name in logits else sum(logits.values())
    return float(np.mean(np.argmax(own, axis=1) != labels))


def _training_cost(model: Model, name: str, images: np.ndarray, labels: np.ndarray) -> float:
    logits = [each.numpy().astype(float) for each in model.logits(images, training=True)]
    if name == "ensemble":
        return cross_entropy(labels, sum(logits) / len(logits))
    index = list(model.members).index(name)
    return cross_entropy(labels, logits[index]) + _decay(model.members[name])


def test_batch_statistics_in_training_and_moving_ones_in_evaluation(batch: Batch) -> None:
    model = _ensemble()
    moving = [variable for variable in model.non_trainable_variables if "moving" in variable.path]
    before = [variable.numpy() for variable in moving]
    model.evaluate(*batch, verbose=0)
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, moving, strict=True))
    model.train_step(batch)
    assert not any(np.array_equal(a, b.numpy()) for a, b in zip(before, moving, strict=True))


def test_wrong_members_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        EnsembleModel({})
    with pytest.raises(ValueError, match="'ensemble'"):
        EnsembleModel({"ensemble": network(), "other": network()})
    one = network()
    with pytest.raises(ValueError, match="members a and b are one and the same network; make one for each"):
        EnsembleModel({"a": one, "b": one})
    with pytest.raises(ValueError, match="needs two or more"):
        EnsembleModel({"one": network()}, collaboration.squared_distance)
    with pytest.raises(ValueError, match=r"-0\.1; allowed: numbers from 0"):
        EnsembleModel({"a": network(), "b": network(member=1)}, collaboration.squared_distance, -0.1)
