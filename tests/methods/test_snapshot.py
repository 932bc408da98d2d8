"""Snapshot ensembles: who is trained when, from where, what the ensemble is, and resume."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from collab_ensembles.methods.snapshot.cycles import cosine_starts, triangular_starts
from collab_ensembles.methods.snapshot.model import SnapshotModel
from collab_ensembles.models.optimizers import SGD
from collab_ensembles.models.single import SingleModel
from collab_ensembles.runs import checkpoint, top_errors, uncertainty
from collab_ensembles.runs.logger import Record
from conftest import network
from reference import cross_entropy, log_mean_softmax, softmax

Batch = tuple[np.ndarray, np.ndarray]
_SIZE = "B1R1F2"


def _optimizer() -> SGD:
    return SGD(0.05, momentum=0.9, nesterov=True, decay=5e-4)


def _model(
    snapshots: int = 3, epochs: int = 6, compiled: bool = True, averaging: str = "softmax", keep_momentum: bool = False
) -> SnapshotModel:
    """Differently initialised networks, so that weights which are not taken over are seen."""
    members = {f"snapshot{i + 1}": network(_SIZE, i, regularization_rate=0.0) for i in range(snapshots)}
    starts = cosine_starts(epochs, snapshots)
    model = SnapshotModel(members, starts, averaging=averaging, keep_momentum=keep_momentum)
    if compiled:
        model.compile(_optimizer())
    return model


def _values(network: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in network.variables]


def _members(model: SnapshotModel) -> list[list[np.ndarray]]:
    return [_values(member) for member in model.members.values()]


def _state(model: SnapshotModel) -> dict[str, np.ndarray]:
    return {key: variable.numpy() for key, variable in model.training_variables().items()}


def _are_equal(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(some, others, strict=True))


def _fit(model: SnapshotModel, batch: Batch, epochs: int, first: int = 0, **options: Any) -> dict[str, list[float]]:
    clock = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: model.begin_epoch(epoch))
    options["callbacks"] = [clock, *options.get("callbacks", [])]
    history: dict[str, list[float]] = model.fit(
        *batch, batch_size=5, epochs=epochs, initial_epoch=first, shuffle=False, verbose=0, **options
    ).history
    return history


def test_a_cycle_trains_its_member_alone_from_where_the_one_before_ended(batch: Batch) -> None:
    model = _model()
    for epoch, active in enumerate((0, 0, 1, 1, 2, 2)):
        before = _members(model)
        model.begin_epoch(epoch)
        begun = _members(model)
        if epoch in (2, 4):
            assert _are_equal(begun[active], before[active - 1])
            assert not _are_equal(begun[active], before[active])
        for index in range(3):
            if (epoch, index) not in ((2, 1), (4, 2)):
                assert _are_equal(begun[index], before[index])
        momenta = [each.numpy() for each in model.optimizer.momentums]
        model.train_step(batch)
        after = _members(model)
        assert [_are_equal(a, b) for a, b in zip(begun, after, strict=True)] == [index != active for index in range(3)]
        assert all(np.any(a != b) for a, b in zip(begun[active], after[active], strict=True))
        count = len(momenta) // 3
        for index in range(3):
            rows = slice(count * index, count * (index + 1))
            later = [each.numpy() for each in model.optimizer.momentums[rows]]
            assert _are_equal(momenta[rows], later) == (index != active)
            assert all(np.all(each == 0) for each in later) == (index > active)


def test_each_cycle_is_the_training_of_one_network_with_a_fresh_optimizer(batch: Batch) -> None:
    model, single = _model(2, 4), SingleModel(network(_SIZE, 0, regularization_rate=0.0))
    costs = _fit(model, batch, 4)["ensemble_cost"]
    expected: list[float] = []
    for member in model.members.values():
        single.compile(_optimizer())
        expected += single.fit(*batch, batch_size=5, epochs=2, shuffle=False, verbose=0).history[f"{_SIZE}_0_cost"]
        for received, wanted in zip(_values(member), _values(single.members[f"{_SIZE}_0"]), strict=True):
            np.testing.assert_allclose(received, wanted, rtol=1e-4, atol=1e-6)
    assert costs == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("averaging", "cycle"), [("softmax", 0), ("softmax", 1), ("softmax", 2), ("logits", 1)])
def test_the_ensemble_is_the_average_of_the_members_so_far_and_later_ones_stand_for_the_present(
    averaging: str, cycle: int, batch: Batch
) -> None:
    model = _model(averaging=averaging)
    model.begin_epoch(2 * cycle + 1)  # in the middle of the cycle, where no weights are taken over
    received = model.evaluate(*batch, batch_size=5, verbose=0, return_dict=True)
    logits = [np.asarray(member(batch[0].astype(np.float32)), float) for member in model.members.values()]
    seen = [logits[min(index, cycle)] for index in range(3)]
    together = log_mean_softmax(logits[: cycle + 1])
    if averaging == "logits":
        together = sum(logits[: cycle + 1]) / (cycle + 1)
    for name, each in zip((*model.members, "ensemble"), (*seen, together), strict=True):
        assert received[f"{name}_cost"] == pytest.approx(cross_entropy(batch[1], each), rel=1e-5)
        assert received[f"{name}_error"] == pytest.approx(np.mean(each.argmax(axis=1) != batch[1]))
    np.testing.assert_allclose(model.ensemble_logits(model.logits(batch[0])), together, rtol=1e-4, atol=1e-5)
    for index in range(cycle):
        assert not np.allclose(seen[index], seen[index + 1])


@pytest.mark.parametrize("trained", [1, 2, 3])
def test_snapshots_that_are_not_trained_yet_do_not_answer(trained: int, batch: Batch) -> None:
    model = _model()
    model.begin_epoch(2 * trained - 2)
    ((_, outputs),) = model.output_logits(batch[0])
    names = [f"snapshot{number + 1}" for number in range(trained)]
    assert list(outputs) == names + ["ensemble"] * (trained > 1)
    assert model.answer == list(outputs)[-1]
    probabilities = [softmax(outputs[name]) for name in names]
    np.testing.assert_allclose(softmax(outputs[model.answer]), np.mean(probabilities, axis=0), rtol=1e-4, atol=1e-9)
    mean = uncertainty.outputs(model, batch[0]).get(uncertainty.SOFTMAX_MEAN)
    if mean is not None:
        np.testing.assert_allclose(np.exp(mean), np.mean(probabilities, axis=0), rtol=1e-4, atol=1e-9)
    assert set(top_errors.compute(model, *batch, 2)) == set(outputs)


def test_training_statistics_are_those_of_the_network_in_training(batch: Batch) -> None:
    model = _model()
    model.begin_epoch(2)
    logits = np.asarray(model.members["snapshot2"](batch[0].astype(np.float32), training=True), float)
    model.begin_epoch(2)  # its moving averages have taken in the batch
    statistics = {key: float(value) for key, value in model.train_step(batch).items()}
    for name in ("loss", "snapshot1_cost", "snapshot2_cost", "snapshot3_cost", "ensemble_cost"):
        assert statistics[name] == pytest.approx(cross_entropy(batch[1], logits), rel=1e-5)


def test_a_resumed_training_goes_on_bit_for_bit(batch: Batch, tmp_path: Path) -> None:
    """In the middle of a cycle, and at the first epoch of one."""
    whole, expected = _saved_training(batch, tmp_path)
    for saved in (1, 2, 3):
        resumed = _model(2, 4)
        assert checkpoint.restore(str(tmp_path / str(saved)), resumed, "digest") is not None
        received = _fit(resumed, batch, 4, first=saved, validation_data=batch)
        assert {key: values[saved:] for key, values in expected.items()} == received
        assert _are_equal(list(_state(whole).values()), list(_state(resumed).values()))


def test_a_restored_ensemble_knows_its_members_without_an_optimizer(batch: Batch, tmp_path: Path) -> None:
    _, expected = _saved_training(batch, tmp_path)
    model = _model(2, 4, compiled=False)
    model.compile()
    for saved in (4, 1, 2, 3):
        assert checkpoint.restore(str(tmp_path / str(saved)), model, "digest") is not None
        received = model.evaluate(*batch, batch_size=5, verbose=0, return_dict=True)
        for name in ("snapshot1", "snapshot2", "ensemble"):
            assert received[f"{name}_cost"] == pytest.approx(expected[f"val_{name}_cost"][saved - 1], rel=1e-6)


def _saved_training(batch: Batch, directory: Path) -> tuple[SnapshotModel, dict[str, list[float]]]:
    """Two snapshots in four epochs, with a checkpoint of each in a directory of its own."""
    model = _model(2, 4)

    def save(epoch: int, logs: Any) -> None:
        checkpoint.save(str(directory / str(epoch + 1)), model, Record(epoch + 1, 1.0, {}), "digest")

    callback = keras.callbacks.LambdaCallback(on_epoch_end=save)
    return model, _fit(model, batch, 4, validation_data=batch, callbacks=[callback])


def test_fast_geometric_snapshots_are_one_training_whose_momentum_goes_on(batch: Batch) -> None:
    members = {f"snapshot{i + 1}": network(_SIZE, i, regularization_rate=0.0) for i in range(2)}
    starts = triangular_starts(3, 2, 2)
    assert starts == [0, 1]
    model = SnapshotModel(members, starts, keep_momentum=True)
    single = SingleModel(network(_SIZE, 0, regularization_rate=0.0))
    for each in (model, single):
        each.compile(_optimizer())
    _fit(model, batch, 3)
    for first, last, member in zip(starts, [*starts[1:], 3], model.members.values(), strict=True):
        single.fit(*batch, batch_size=5, epochs=last - first, shuffle=False, verbose=0)
        for received, wanted in zip(_values(member), _values(single.members[f"{_SIZE}_0"]), strict=True):
            np.testing.assert_allclose(received, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("starts", [[0, 2], [0, 2, 2], [1, 2, 4], [0, 4, 2]])
def test_members_that_would_not_be_trained_in_turn_are_refused(starts: list[int]) -> None:
    with pytest.raises(ValueError, match=f"3 members and .* {', '.join(map(str, starts))}; needed"):
        SnapshotModel({name: network(_SIZE, 0) for name in "abc"}, starts)
