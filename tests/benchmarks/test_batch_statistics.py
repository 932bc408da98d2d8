"""Statistics of batch normalisation, taken anew."""

import pathlib

import numpy as np
import pandas as pd
import pytest

from benchmarks import batch_statistics
from collab_ensembles.models.ensemble import EnsembleModel
from collab_ensembles.runs import run
from collab_ensembles.settings.config import RunConfig
from conftest import network


def test_the_first_layers_statistics_are_those_of_the_images(rng: np.random.Generator) -> None:
    model = EnsembleModel({"one": network("B1R1F2", 0), "other": network("B1R1F3", 1)})
    batches = rng.integers(0, 256, (5, 20, *model.members["one"].input_shape[1:])).astype(np.uint8)
    batch_statistics.take_statistics_anew(model, list(batches))
    for member in model.members.values():
        first = next(layer for layer in member.layers if hasattr(layer, "moving_mean"))
        np.testing.assert_allclose(np.asarray(first.moving_mean), batches.mean(axis=(0, 1, 2, 3)), rtol=1e-4)
        variances = [batch.var(axis=(0, 1, 2)) for batch in batches]
        np.testing.assert_allclose(np.asarray(first.moving_variance), np.mean(variances, axis=0), rtol=1e-3)


def test_a_runs_errors_stand_beside_those_with_statistics_taken_anew(tmp_path: pathlib.Path) -> None:
    config = RunConfig(members=("B1R1F2", "B1R1F3"), train_limit=200, epochs=1)
    directory, data_dir = str(tmp_path / "run"), str(tmp_path / "data")
    status = run.run(config, directory, run.Options(data_dir))
    rows = batch_statistics.compare(directory, data_dir)
    assert [row["output"] for row in rows] == ["B1R1F2", "B1R1F3", "ensemble"]
    recorded = [row["moving_averages_percent"] for row in rows]
    assert recorded == pytest.approx([100 * error for error in status.test_errors.values()])
    # After four steps averages with momentum 0.99 are still near their initial values.
    assert np.mean([row["taken_anew_percent"] for row in rows]) < np.mean(recorded)


def test_rows_of_runs_without_checkpoints_stay_and_others_are_replaced(tmp_path: pathlib.Path) -> None:
    columns = ["digest", "run", "output", "moving_averages_percent", "taken_anew_percent"]
    kept = [["00aa11bb", "plain", "ST", 0.81, 0.74], ["22222222", "CE 1", "ST", 1.39, 1.11]]
    earlier = pd.DataFrame([*kept, ["1e22ccdd", "CE 1", "ST", 9.0, 9.0]], columns=columns)
    latest = pd.DataFrame([["1e22ccdd", "CE 1", "ST", 0.66, 0.68]], columns=columns)
    path = tmp_path / "table.csv"
    assert batch_statistics.added(str(path), latest).equals(latest)
    earlier.to_csv(path, index=False)
    received = batch_statistics.added(str(path), latest)
    assert received.to_numpy().tolist() == [*kept, ["1e22ccdd", "CE 1", "ST", 0.66, 0.68]]
