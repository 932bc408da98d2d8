"""Checkpoints: what they hold, which are kept, and what is refused."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from collab_ensembles.errors import CollabError
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.models.optimizers import Adam
from collab_ensembles.networks.resnet import build_resnet
from collab_ensembles.networks.sizes import parse_size
from collab_ensembles.runs import checkpoint
from collab_ensembles.runs.logger import Record
from collab_ensembles.streams import Stream, generator
from conftest import network

Batch = tuple[np.ndarray, np.ndarray]

_DIGEST = "5" * 64
_OUTPUTS = ("m0", "m1", "ensemble")


def _model(sizes: tuple[str, str] = ("B1R1F2", "B1R1F3")) -> EnsembleModel:
    model = EnsembleModel({f"m{index}": network(size, index) for index, size in enumerate(sizes)})
    model.compile(optimizer=Adam(0.01))
    return model


def _values(model: EnsembleModel) -> list[np.ndarray]:
    members = [variable for member in model.members.values() for variable in member.variables]
    return [variable.numpy() for variable in (*members, *model.optimizer.variables)]


def _are_equal(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(some, others, strict=True))


def _record(epochs_done: int) -> Record:
    """A record whose values are all different, and none of them a short decimal."""
    record = Record.empty(_OUTPUTS, max(epochs_done, 3))
    for index, (output, key) in enumerate((o, k) for o in _OUTPUTS for k in record.series[o]):
        record.series[output][key][:epochs_done] = [1 / (3 + index + 20 * epoch) for epoch in range(epochs_done)]
    return Record(epochs_done, epochs_done / 3, record.series)


def _save(directory: Path, epochs_done: int, model: EnsembleModel) -> Path:
    checkpoint.save(str(directory), model, _record(epochs_done), _DIGEST)
    return directory / f"epoch-{epochs_done:05d}.npz"


def _restored(directory: Path, model: EnsembleModel) -> int | None:
    """The epochs done of what was restored."""
    record = checkpoint.restore(str(directory), model, _DIGEST)
    return None if record is None else record.epochs_done


def test_weights_statistics_and_optimizer_come_back_bit_for_bit(tmp_path: Path, batch: Batch) -> None:
    model = _model()
    model.train_step(batch)
    saved = _values(model)
    _save(tmp_path / "new", 1, model)
    model.train_step(batch)
    after_two = _values(model)
    other = _model()
    assert _restored(tmp_path / "new", other) == 1
    assert _are_equal(saved, _values(other))
    assert sum(not np.array_equal(a, b) for a, b in zip(saved, after_two, strict=True)) > 20
    # A further step equals the one not interrupted: moments and step count are there too.
    other.train_step(batch)
    assert _are_equal(after_two, _values(other))


def test_the_statistics_come_back_to_the_bit(tmp_path: Path) -> None:
    model, saved = _model(), _record(2)
    saved.series["m0"]["test_costs"][:2] = np.nan, -0.0
    checkpoint.save(str(tmp_path), model, saved, _DIGEST)
    restored = checkpoint.restore(str(tmp_path), model, _DIGEST)
    assert restored is not None
    assert (restored.epochs_done, restored.seconds) == (2, 2 / 3)
    assert type(restored.epochs_done) is int
    assert list(restored.series) == list(_OUTPUTS)
    for output, series in saved.series.items():
        assert list(restored.series[output]) == list(series)
        for key, array in series.items():
            assert restored.series[output][key].dtype == np.float64
            assert restored.series[output][key].tobytes() == array.tobytes()


def test_the_last_two_are_kept_and_the_newest_is_used(tmp_path: Path, batch: Batch) -> None:
    model = _model()
    states = {}
    for epoch in (1, 2, 3):
        model.train_step(batch)
        states[epoch] = _values(model)
        _save(tmp_path, epoch, model)
    assert sorted(os.listdir(tmp_path)) == ["epoch-00002.npz", "epoch-00003.npz"]
    for epoch in (3, 2):
        model.train_step(batch)
        assert _restored(tmp_path, model) == epoch
        assert _are_equal(states[epoch], _values(model))
        (tmp_path / f"epoch-{epoch:05d}.npz").unlink()
    assert _restored(tmp_path, model) is None


def test_without_a_directory_or_a_checkpoint_there_is_nothing_to_restore_and_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "notes.txt").write_text("of somebody")
    (tmp_path / "epoch-00001.npz123.tmp").write_bytes(b"PK")
    model = _model()
    before = _values(model)
    assert _restored(tmp_path / "none", model) is None
    assert _restored(tmp_path, model) is None
    assert _are_equal(before, _values(model))
    assert caplog.records == []


def _flipped(content: bytes) -> Iterator[bytes]:
    """The content with a bit wrong: in 200 places spread evenly, and in its first and last bytes."""
    places = {*np.linspace(0, len(content) - 1, 200, dtype=int).tolist(), *range(8), *range(-70, 0)}
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        yield bytes(damaged)


def _shortened(content: bytes) -> Iterator[bytes]:
    """The content cut off in 200 places, and after the first and before the last bytes."""
    lengths = {*np.linspace(0, len(content) - 1, 200, dtype=int).tolist(), *range(8)}
    for length in sorted(lengths | {len(content) - missing for missing in range(1, 70)}):
        yield content[:length]


def _lengthened(content: bytes) -> Iterator[bytes]:
    yield from (content + end for end in (b"\0", b"f", content[-64:], content))
    yield from (start + content for start in (b"\0", content[:1], content))


@pytest.mark.parametrize("damage", [_flipped, _shortened, _lengthened])
def test_whatever_is_damaged_is_found_out_and_the_one_before_is_used(
    tmp_path: Path, batch: Batch, damage: Callable[[bytes], Iterator[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    model = _model()
    model.train_step(batch)
    _save(tmp_path, 1, model)
    first = _values(model)
    model.train_step(batch)
    newest = _save(tmp_path, 2, model)
    content = newest.read_bytes()
    for damaged in damage(content):
        assert damaged != content
        newest.write_bytes(damaged)
        caplog.clear()
        assert _restored(tmp_path, model) == 1
        assert f"{newest}: truncated or changed: its checksum is wrong; the one before it is used" in caplog.text
    assert _are_equal(first, _values(model))
    newest.write_bytes(content)
    assert _restored(tmp_path, model) == 2


def test_where_none_is_good_the_model_stays_as_it_was_and_a_warning_says_so(
    tmp_path: Path, batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    model = _model()
    for epoch in (1, 2):
        path = _save(tmp_path, epoch, model)
        path.write_bytes(path.read_bytes()[1:])
    model.train_step(batch)
    before = _values(model)
    assert _restored(tmp_path, model) is None
    assert _are_equal(before, _values(model))
    assert f"{tmp_path}: no usable checkpoint is left" in caplog.text


def test_one_that_cannot_be_read_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = _model()
    _save(tmp_path, 1, model)
    (tmp_path / "epoch-00002.npz").mkdir()
    assert _restored(tmp_path, model) == 1
    assert "epoch-00002.npz: cannot be read (Is a directory); the one before it is used" in caplog.text


def test_one_whose_disk_fails_is_not_taken_for_a_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise training would start again, and remove it."""
    model = _model()
    _save(tmp_path, 1, model)

    def failing(path: str, mode: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("builtins.open", failing)
    with pytest.raises(CollabError, match=r"epoch-00001.npz: cannot be read \(Input/output error\)"):
        _restored(tmp_path, model)


def test_one_of_other_settings_is_refused_and_the_model_left_as_it_was(
    tmp_path: Path, batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    model = _model()
    _save(tmp_path, 1, model)
    model.train_step(batch)
    before = _values(model)
    assert checkpoint.restore(str(tmp_path), model, "6" * 64) is None
    assert "not a checkpoint of this model (of other settings)" in caplog.text
    assert _are_equal(before, _values(model))


def _with_filters(size: str) -> EnsembleModel:
    """A model whose variables have the same names whatever their shapes."""
    members = {
        name: build_resnet(parse_size(given), (8, 8, 1), 5, random=generator(3, Stream.INITIALISATION, 0), name=name)
        for name, given in (("m0", "B1R1F2"), ("m1", size))
    }
    model = EnsembleModel(members)
    model.compile(optimizer=Adam(0.01))
    return model


def test_one_of_other_shapes_is_refused_and_no_variable_takes_its_value(
    tmp_path: Path, batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    _save(tmp_path, 1, _with_filters("B1R1F3"))
    model = _with_filters("B1R1F4")
    model.train_step(batch)
    before = _values(model)
    assert _restored(tmp_path, model) is None
    assert "not a checkpoint of this model (other shapes of m1/" in caplog.text
    assert "m0/" not in caplog.text
    assert _are_equal(before, _values(model))


def test_one_without_all_variables_is_refused_and_no_variable_takes_its_value(
    tmp_path: Path, batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    uncompiled = EnsembleModel(dict(_model().members))
    _save(tmp_path, 1, uncompiled)
    model = _model()
    model.train_step(batch)
    before = _values(model)
    assert _restored(tmp_path, model) is None
    assert "not a checkpoint of this model ('optimizer/0')" in caplog.text
    assert _are_equal(before, _values(model))


def test_a_model_that_is_not_to_be_trained_takes_what_it_has_of_a_checkpoint(tmp_path: Path, batch: Batch) -> None:
    model = _model()
    model.train_step(batch)
    _save(tmp_path, 1, model)
    other = EnsembleModel(dict(_model().members))
    assert _restored(tmp_path, other) == 1
    for name, member in model.members.items():
        assert _are_equal(
            [variable.numpy() for variable in member.variables],
            [variable.numpy() for variable in other.members[name].variables],
        )


def test_a_checkpoint_is_an_npz_file_without_pickled_objects(tmp_path: Path) -> None:
    model = _model()
    path = _save(tmp_path, 1, model)
    with np.load(path, allow_pickle=False) as values:
        arrays = {key: values[key] for key in values.files}
    assert all(array.dtype.kind in "fiU" for array in arrays.values())
    statistics = sum(map(len, _record(1).series.values()))
    assert len(arrays) == len(_values(model)) + statistics + 3
    assert int(arrays["epochs_done"]) == 1
    assert str(arrays["digest"]) == _DIGEST


def test_what_was_just_saved_is_kept_though_damaged_checkpoints_of_later_epochs_lie_beside_it(tmp_path: Path) -> None:
    model = _model()
    for epoch in (9, 10):
        path = _save(tmp_path, epoch, model)
        path.write_bytes(path.read_bytes()[:-1])
    assert _restored(tmp_path, model) is None
    # The training starts over.
    _save(tmp_path, 1, model)
    assert _restored(tmp_path, model) == 1
