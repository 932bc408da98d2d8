"""Checkpoints: what they hold, which are kept, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from collab_ensembles import checkpoint
from collab_ensembles.errors import RunDirectoryError
from collab_ensembles.models import EnsembleModel
from collab_ensembles.optimizers import Adam
from conftest import network

Batch = tuple[np.ndarray, np.ndarray]


def _model(sizes: tuple[str, str] = ("B1R1F2", "B1R1F3")) -> EnsembleModel:
    model = EnsembleModel({f"m{index}": network(size, index) for index, size in enumerate(sizes)})
    model.compile(optimizer=Adam(0.01))
    model.optimizer.build(model.trainable_variables)
    return model


def _values(model: EnsembleModel) -> list[np.ndarray]:
    members = [variable for member in model.members.values() for variable in member.variables]
    return [variable.numpy() for variable in (*members, *model.optimizer.variables)]


def test_weights_statistics_and_optimizer_come_back_bit_for_bit(tmp_path: Path, batch: Batch) -> None:
    model = _model()
    model.train_step(batch)
    saved = _values(model)
    checkpoint.save(str(tmp_path / "new"), 1, model)
    model.train_step(batch)
    after_two = _values(model)
    other = _model()
    checkpoint.restore(str(tmp_path / "new"), 1, other)
    assert all(np.array_equal(a, b) for a, b in zip(saved, _values(other), strict=True))
    assert sum(not np.array_equal(a, b) for a, b in zip(saved, after_two, strict=True)) > 20
    # A further step equals the one not interrupted: moments and step count are there too.
    other.train_step(batch)
    assert all(np.array_equal(a, b) for a, b in zip(after_two, _values(other), strict=True))


def test_the_last_two_are_kept_and_each_can_be_had(tmp_path: Path, batch: Batch) -> None:
    model = _model()
    states = {}
    for epoch in (1, 2, 3):
        model.train_step(batch)
        states[epoch] = _values(model)
        checkpoint.save(str(tmp_path), epoch, model)
    assert sorted(os.listdir(tmp_path)) == ["epoch-00002.npz", "epoch-00003.npz"]
    for epoch in (2, 3):
        checkpoint.restore(str(tmp_path), epoch, model)
        assert all(np.array_equal(a, b) for a, b in zip(states[epoch], _values(model), strict=True))
    with pytest.raises(RunDirectoryError, match=r"epoch-00001\.npz: no such checkpoint"):
        checkpoint.restore(str(tmp_path), 1, model)


def test_a_damaged_file_or_one_of_another_model_is_refused(tmp_path: Path) -> None:
    checkpoint.save(str(tmp_path), 1, _model())
    with pytest.raises(RunDirectoryError, match="not a checkpoint of this model"):
        checkpoint.restore(str(tmp_path), 1, _model(("B1R1F2", "B1R1F4")))
    path = tmp_path / "epoch-00001.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunDirectoryError, match="not a checkpoint of this model"):
        checkpoint.restore(str(tmp_path), 1, _model())


def test_a_checkpoint_holds_no_pickled_objects(tmp_path: Path) -> None:
    checkpoint.save(str(tmp_path), 1, _model())
    with np.load(tmp_path / "epoch-00001.npz", allow_pickle=False) as values:
        assert all(values[key].dtype.kind in "fi" for key in values.files)
