"""Runs on JAX: programs are shared and never compiled again, and runs do not affect each other."""

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collab_ensembles.data import Dataset
from collab_ensembles.data.batch_manager import BatchManager
from collab_ensembles.errors import ConfigError, DivergenceError, OtherBackendError, UnavailableDataError
from collab_ensembles.methods.assembly import build_model, compile_for_training
from collab_ensembles.models.compiled_epoch import Device
from collab_ensembles.models.schedules import Rate
from collab_ensembles.runs import compiled_fit, naming, run, run_data, run_directory, run_model, uncertainty
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.runs.run_options import Options
from collab_ensembles.runs.unpickle import read_pickle
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from experiments.launch.device_executor import DeviceExecutor
from experiments.launch.executors import Task

_TINY = RunConfig(
    dataset="digits",
    members=("convnet2", "convnet3"),
    method="L2",
    weight=0.1,
    epochs=3,
    batch_size=16,
    train_limit=40,
    shuffle="permute",
    augment=True,
)
_OTHER = dataclasses.replace(_TINY, seed=5, weight=0.001, learning_rate=0.01)

Series = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def device() -> Device:
    """The programs that the tests of this file share."""
    return Device()


def _series(directory: Path, config: RunConfig) -> Series:
    found = {}
    for output, stem in naming.statistics_names(config).items():
        content = read_pickle(str(directory / f"{stem}.pkl"))
        assert isinstance(content, dict)
        found |= {f"{output} {key}": value for key, value in content.items() if isinstance(value, np.ndarray)}
    return found


def _trained(directory: Path, config: RunConfig, dataset: Dataset, device: Device | None = None) -> Series:
    assert run.run(config, str(directory), Options(), dataset, device=device).state == "done"
    return _series(directory, config)


def _same(a: Series, b: Series) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_there_is_no_tensorflow_here() -> None:
    assert importlib.util.find_spec("tensorflow") is None


def test_runs_that_share_programs_equal_runs_by_themselves(tmp_path: Path, dataset: Dataset, device: Device) -> None:
    first = _trained(tmp_path / "a", _TINY, dataset, device)
    # One program to train and one to test: the later epochs compile nothing.
    assert device.compilations == 2
    other = _trained(tmp_path / "b", _OTHER, dataset, device)
    assert device.compilations == 2
    assert _same(other, _trained(tmp_path / "c", _OTHER, dataset))
    assert not _same(first, other)
    for change in ({"seed": 1}, {"weight": 1.0}, {"learning_rate": 0.1}):
        changed = _trained(tmp_path / str(change), dataclasses.replace(_TINY, **change), dataset, device)
        assert not _same(first, changed)
    assert device.compilations == 2
    assert np.mean(first["ensemble train_errors_mean"]) > 0


def test_an_interrupted_run_goes_on_to_the_same_numbers(tmp_path: Path, dataset: Dataset, device: Device) -> None:
    whole = _trained(tmp_path / "whole", _TINY, dataset, device)
    directory = str(tmp_path / "parts")
    assert run.run(_TINY, directory, Options(stop_after=2), dataset, device=device).state == "stopped"
    status = run.run(_TINY, directory, Options(), dataset, device=device)
    assert status.resumed == [2]
    assert _same(_series(Path(directory), _TINY), whole)


@pytest.mark.parametrize("way", ["serial", "unrolled", "vmap"])
def test_runs_together_have_the_numbers_of_runs_alone(
    tmp_path: Path, dataset: Dataset, device: Device, way: str
) -> None:
    configs = [_TINY, dataclasses.replace(_TINY, seed=3, learning_rate=1e30), _OTHER]
    alone = [_trained(tmp_path / f"alone{place}", configs[place], dataset, device) for place in (0, 2)]
    directories = [tmp_path / f"together{place}" for place in range(3)]
    trainings = [run.in_epochs(*each, Options(), dataset) for each in zip(configs, map(str, directories), strict=True)]
    errors: dict[int, Exception | None] = {}
    calls = []
    own = device if way == "serial" else Device(way)
    groups = [[each] for each in trainings] if way == "serial" else [trainings]
    for start, group in enumerate(groups):
        compiled_fit.together(
            group, own, lambda place, error, start=start: errors.update({start + place: error}), lambda: calls.append(1)
        )
    assert own.compilations == 2
    assert len(calls) >= 3
    # The second run diverges, which stops no other.
    assert {place: type(error) for place, error in errors.items()} == {
        0: type(None),
        1: DivergenceError,
        2: type(None),
    }
    assert run_directory.read_status(str(directories[1])).state == "failed"
    for place, expected in zip((0, 2), alone, strict=True):
        found = _series(directories[place], configs[place])
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6, err_msg=name)


def test_runs_with_few_tests_are_as_with_every_one(
    tmp_path: Path, dataset: Dataset, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one ends while the first is not tested."""
    expected = _trained(tmp_path / "every", _TINY, dataset, device)
    parts = []
    compute = Device._run

    def note(self: Device, part: str, *arguments: Any) -> Any:
        parts.append(part)
        return compute(self, part, *arguments)

    monkeypatch.setattr(Device, "_run", note)
    configs = [dataclasses.replace(_TINY, test_every=3), dataclasses.replace(_OTHER, epochs=1)]
    directories = [str(tmp_path / str(place)) for place in range(2)]
    own = Device("vmap")
    errors: dict[int, Exception | None] = {}
    trainings = [run.in_epochs(*each, Options(), dataset) for each in zip(configs, directories, strict=True)]
    compiled_fit.together(trainings, own, lambda place, error: errors.update({place: error}), lambda: None)
    assert errors == {0: None, 1: None}
    assert own.compilations == 2
    assert parts == ["train", "test", "train", "train", "test"]
    found = _series(Path(directories[0]), configs[0])
    of_tests = ("test_errors", "test_costs", "disagreement", "logit_distance")
    for name, values in expected.items():
        untested = name.split()[1] in of_tests
        np.testing.assert_array_equal(np.isnan(found[name]), [untested, untested, False])
        known = ~np.isnan(found[name])
        np.testing.assert_allclose(found[name][known], values[known], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("way", ["serial", "unrolled", "vmap"])
@pytest.mark.parametrize("size", [5, 12])
def test_the_test_logits_of_an_epoch_are_those_of_the_trained_members(dataset: Dataset, way: str, size: int) -> None:
    """In batches that leave a rest, or in one batch."""
    models = [build_model(config, (8, 8, 1), 10) for config in (_TINY, _OTHER)]
    fits = []
    for model, config in zip(models, (_TINY, _OTHER), strict=True):
        compile_for_training(model, config)
        training = BatchManager(dataset.train_images, dataset.train_labels, 16)
        test = BatchManager(dataset.test_images, dataset.test_labels, size)
        fits.append(compiled_fit.fit(model, config, training, test, "", range(1), []))
    epochs = [next(each) for each in fits]
    own = Device(way)
    for group in [[each] for each in epochs] if way == "serial" else [epochs]:
        own.compute(group)
    for model, epoch, training_fit in zip(models, epochs, fits, strict=True):
        expected = model.logits(dataset.test_images)
        assert len(epoch.test_logits) == 2
        for logits, own_expected in zip(epoch.test_logits, expected, strict=True):
            np.testing.assert_allclose(logits, own_expected, rtol=1e-4, atol=1e-5)
        with pytest.raises(StopIteration) as end:
            next(training_fit)
        for logits, fetched in zip(epoch.test_logits, end.value.value, strict=True):
            np.testing.assert_array_equal(logits, fetched)


def test_an_error_of_the_computation_is_one_of_the_run(
    tmp_path: Path, dataset: Dataset, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(epochs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(device, "compute", fail)
    with pytest.raises(KeyboardInterrupt):
        run.run(_TINY, str(tmp_path), Options(), dataset, device=device)
    status = run_directory.read_status(str(tmp_path))
    assert (status.state, status.reason) == ("stopped", "interrupted")


def test_the_status_names_backend_and_device(tmp_path: Path, dataset: Dataset, device: Device) -> None:
    _trained(tmp_path, _TINY, dataset, device)
    environment = json.loads((tmp_path / "status.json").read_text())["environment"]
    assert (environment["backend"], environment["devices"]) == ("jax", ["cpu"])
    assert "tensorflow" not in environment


def test_a_run_of_tensorflow_goes_on_only_if_asked_to(tmp_path: Path, dataset: Dataset, device: Device) -> None:
    directory = str(tmp_path)
    run.run(_TINY, directory, Options(stop_after=2), dataset, device=device)
    status = run_directory.read_status(directory)
    # As runs had it before there was a choice.
    status.environment = {"tensorflow": "2.21.0"}
    run_directory.write_status(directory, status)
    before = (tmp_path / "status.json").read_bytes()
    with pytest.raises(OtherBackendError, match="trained with tensorflow; received --backend=jax; add --change_back"):
        run.run(_TINY, directory, Options(), dataset, device=device)
    assert (tmp_path / "status.json").read_bytes() == before
    after = run.run(_TINY, directory, Options(change_backend=True), dataset, device=device)
    assert (after.state, after.resumed, after.environment["backend"]) == ("done", [2], "jax")
    assert after.earlier_environments == [{"tensorflow": "2.21.0"}]
    after.environment = {"tensorflow": "2.21.0"}
    run_directory.write_status(directory, after)
    with pytest.raises(OtherBackendError, match="use another --log_dir"):
        run.run(_TINY, directory, Options(change_backend=True), dataset, device=device)


def test_a_trained_run_can_be_read_again(
    tmp_path: Path, dataset: Dataset, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        # The run takes its logits from the test of its last epoch.
        patch.setattr(uncertainty, "outputs", None)
        _trained(tmp_path, _TINY, dataset, device)
    model, status = run_model.restore(str(tmp_path))
    with pytest.raises(ConfigError, match="backend is jax; needed: tensorflow"):
        model.fit(dataset.train_images, dataset.train_labels)
    logits = model.logits(dataset.test_images)
    wrong = np.argmax(np.asarray(sum(logits)), axis=-1) != dataset.test_labels
    assert wrong.mean() == pytest.approx(status.test_errors["ensemble"])
    measured = uncertainty.read(str(tmp_path), _TINY.epochs).outputs
    assert measured["ensemble"]["error"] == pytest.approx(status.test_errors["ensemble"])
    again = uncertainty.measure(uncertainty.outputs(model, dataset.test_images), dataset.test_labels)
    assert measured.keys() == again.keys()
    assert all(measured[name] == pytest.approx(again[name], rel=1e-4) for name in again)


def test_what_jax_does_not_train_is_refused(tmp_path: Path, dataset: Dataset) -> None:
    snapshot = RunConfig(system="snapshot", members=("convnet2",), epochs=5, train_limit=40, batch_size=16)
    with pytest.raises(
        ConfigError, match="--backend=jax: trains distillation, ensemble, multihead; received --system="
    ):
        run.run(snapshot, str(tmp_path / "run"), Options(), dataset)
    assert not (tmp_path / "run").exists()


def test_graphs_of_runs_that_go_together_take_no_more_of_the_time(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[float] = []

    def in_epochs(config: RunConfig, directory: str, options: Options, dataset: Dataset) -> compiled_fit.Training:
        begun.append(options.graph_seconds)
        yield from ()
        return Status()

    monkeypatch.setattr(run_data, "load", lambda config, data_dir: dataset)
    monkeypatch.setattr(run, "in_epochs", in_epochs)
    configs = {str(tmp_path / str(seed)): dataclasses.replace(_TINY, seed=seed) for seed in range(5)}
    tasks = [Task(directory, [], directory) for directory in configs]
    DeviceExecutor(configs, Options(), "vmap", 3).compute(tasks, lambda: None)
    usual = Options().graph_seconds
    assert begun == [3 * usual] * 3 + [2 * usual] * 2


def test_data_that_cannot_be_loaded_end_their_runs_alone(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(config: RunConfig, data_dir: str) -> Dataset:
        if config.train_limit == 20:
            raise UnavailableDataError("no such folder")
        return dataset

    monkeypatch.setattr(run_data, "load", load)
    configs = {str(tmp_path / str(limit)): dataclasses.replace(_TINY, train_limit=limit) for limit in (20, 40)}
    tasks = [Task(directory, [], directory) for directory in configs]
    DeviceExecutor(configs, Options(), "vmap", 3).compute(tasks, lambda: None)
    lost = UnavailableDataError.exit_status, "no such folder"
    assert [(task.exit_status, task.error) for task in tasks] == [lost, (0, "")]


def test_a_rate_that_changes_by_the_step_is_refused(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"optimizer": Rate(lambda epoch: 0.1, by_step=True)}
    monkeypatch.setattr(registry.training(_TINY), "learning_rates", lambda config: rates)
    with pytest.raises(ConfigError, match="the rate of optimizer changes by the step, which only TensorFlow obeys"):
        run.run(_TINY, str(tmp_path / "run"), Options(), dataset)


def test_runs_with_unlabelled_images_go_together(tmp_path: Path, dataset: Dataset) -> None:
    first = dataclasses.replace(_TINY, epochs=2, unlabelled="gaussian", unlabelled_every=2, unlabelled_batch=8)
    configs = [first, dataclasses.replace(first, seed=3)]
    serial, vmap = Device(), Device("vmap")
    alone = [_trained(tmp_path / f"alone{config.seed}", config, dataset, serial) for config in configs]
    directories = [tmp_path / f"together{config.seed}" for config in configs]
    trainings = [run.in_epochs(*each, Options(), dataset) for each in zip(configs, map(str, directories), strict=True)]
    compiled_fit.together(trainings, vmap, lambda place, error: None, lambda: None)
    assert (serial.compilations, vmap.compilations) == (2, 2)
    assert not _same(*alone)
    for directory, config, expected in zip(directories, configs, alone, strict=True):
        assert np.all(expected["ensemble unlabelled_cost"] > 0)
        found = _series(directory, config)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_each_member_learns_as_with_its_own_rate_alone(tmp_path: Path, dataset: Dataset) -> None:
    """Without collaboration the members do not see each other, so that each is, to the bit, that of a single rate."""
    plain = dataclasses.replace(_TINY, method="plain", weight=1.0, epochs=1)
    slow, fast, both = (
        _trained(tmp_path / str(number), dataclasses.replace(plain, learning_rate=rate), dataset)
        for number, rate in enumerate((0.002, 0.02, "convnet2:0.02,convnet3:0.002"))
    )
    for name, of in (("convnet2", fast), ("convnet3", slow)):
        assert all(np.array_equal(both[key], of[key]) for key in both if key.startswith(f"{name} "))
    assert not _same(slow, fast)
