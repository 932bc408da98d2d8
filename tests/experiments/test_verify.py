"""experiments.verify: what is said of two series; a run of a sweep is verified in test_sweep.py."""

import pathlib
import pickle

import numpy as np
import pytest
from absl import flags

from collab_ensembles.runs import naming, run_directory
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig
from command_runner import run
from experiments import runtime, verify
from experiments.verify import _statistics, compare


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(0.0, "identical"), (1e-9, "within rounding"), (5e-4, "within rounding"), (0.01, "differs")],
)
def test_a_series_is_identical_within_rounding_or_different(change: float, verdict: str) -> None:
    recorded = np.array([0.5, 0.25, 0.125])
    repeated = recorded + np.array([0, change, 0])
    received, remark = compare("ST test_errors", recorded, repeated)
    assert received == verdict
    assert remark == "" if change == 0 else "most in epoch 2: 0.25 then" in remark


def test_costs_are_compared_relatively_and_shares_of_examples_are_not() -> None:
    """A thousandth more is within rounding of a small cost, and not within that of an error of 0.02 %."""
    number = np.array([0.0002])
    for name in ("ST train_costs_mean", "ensemble logit_distance"):
        verdicts = [compare(name, number, factor * number)[0] for factor in (1.0009, 1.0011)]
        assert verdicts == ["within rounding", "differs"]
    assert compare("terror test_costs", np.array([1000.0]), np.array([1000.5]))[0] == "within rounding"
    for name in ("ensemble disagreement", "M train_errors_mean"):
        assert [compare(name, number, number + more)[0] for more in (0.0009, 0.0011)] == ["within rounding", "differs"]


def test_a_number_in_place_of_one_that_is_none_differs() -> None:
    assert compare("M test_errors", np.array([np.nan]), np.array([0.1]))[0] == "differs"


def test_epochs_without_a_test_are_alike() -> None:
    recorded = np.array([np.nan, 0.1, np.nan, 0.2])
    assert compare("M test_errors", recorded, recorded.copy()) == ("identical", "")
    verdict, remark = compare("M test_errors", recorded, recorded + np.array([0, 0, 0, 0.01]))
    assert (verdict, "epoch 4" in remark) == ("differs", True)


def test_of_a_run_that_was_stopped_the_epochs_that_it_has_are_compared(tmp_path: pathlib.Path) -> None:
    config = RunConfig(members=("B1R1F2", "B1R1F3"))
    for stem in naming.statistics_names(config).values():
        content = {"params": {}, "test_errors": np.array([0.5, 0.25, 0.0, 0.0])}
        (tmp_path / f"{stem}.pkl").write_bytes(pickle.dumps(content))
    received = _statistics(str(tmp_path), config, 2)
    outputs = ("B1R1F2", "B1R1F3", "ensemble")
    assert {name: series.tolist() for name, series in received.items()} == {
        f"{output} test_errors": [0.5, 0.25] for output in outputs
    }


def test_what_is_no_trained_run_is_refused(tmp_path: pathlib.Path) -> None:
    result = run("experiments.verify", str(tmp_path))
    assert result.exit_status == 2
    assert "no such file; give the directory of a run" in result.errors
    assert result.errors.count("\n") == 1


@pytest.mark.parametrize("products", ["tensorfloat32", "highest"])
def test_a_run_is_repeated_as_exactly_as_it_was_trained(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, products: str
) -> None:
    config = RunConfig(members=("B1R1F2", "B1R1F3"))
    run_directory.write_config(str(tmp_path), config)
    environment = {"backend": "jax", "threads": 3, "products": products}
    run_directory.write_status(str(tmp_path), Status(state="stopped", epochs_done=2, environment=environment))
    for stem in naming.statistics_names(config).values():
        (tmp_path / f"{stem}.pkl").write_bytes(pickle.dumps({"params": {}, "test_errors": np.array([0.5, 0.25])}))
    started: list[object] = []

    def start(backend: str, threads: int, tf32: bool) -> int:
        started.extend([backend, threads, tf32])
        raise KeyboardInterrupt

    monkeypatch.setattr(runtime, "start", start)
    flags.FLAGS.mark_as_parsed()
    with pytest.raises(KeyboardInterrupt):
        verify.main([str(tmp_path)])
    assert started == ["jax", 3, products == "tensorfloat32"]
