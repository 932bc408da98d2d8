"""Calibration in tables, as CSV and in claims, from hand-written measures of runs."""

import csv
import io
import pathlib

import pytest
from system_runs import constant, distilled, read, write
from table_runs import cells_of, runs_with

from analysis import tables, uncertainty_table
from analysis.methods.ensemble.claim_grid import grids_of
from analysis.recorded_run import Run
from collab_ensembles.runs import uncertainty
from collab_ensembles.runs.uncertainty import SOFTMAX_MEAN, Measures

_FINALS = {("L2", 0.01, seed): (1.0, 2.0, 3.0) for seed in (0, 1)} | {("Single", 1.0, 0): (1.0, 2.0, 3.0)}


def _measured(value: float) -> dict[str, float]:
    return {"error": value, "nll": 10 * value, "brier": 2 * value, "ece_width": value / 2, "ece_mass": value / 4}


@pytest.fixture
def runs(tmp_path: pathlib.Path) -> list[Run]:
    """L2 of two seeds, with measures of 0.02 and 0.04, and a plain run without."""
    runs = runs_with(tmp_path, _FINALS)
    for run in runs:
        if run.config.method == "L2":
            value = 0.02 * (run.config.seed + 1)
            outputs = {"ST": 9.0, "M": 9.0, "ensemble": value, SOFTMAX_MEAN: 2 * value}
            measures = {output: _measured(number) for output, number in outputs.items()}
            uncertainty.write(run.directory, 30, Measures(measures))
    return runs


def test_the_table_has_means_of_the_ensembles_that_were_measured(runs: list[Run]) -> None:
    text = tables.report(runs, "markdown")
    (table,) = [part for part in text.split("\n\n") if part.startswith("|") and "NLL" in part]
    _, *rows = cells_of(table)
    assert [row[0] for row in rows] == ["L2 0.01: Ens", "L2 0.01: Ens, mean of probabilities"]
    means = [[float(cell.split()[0]) for cell in row[1:]] for row in rows]
    assert means == [[3.0, 0.3, 0.06, 0.75, 1.5, 2.0], [6.0, 0.6, 0.12, 1.5, 3.0, 2.0]]


def test_of_a_student_and_its_teacher_the_student_is_shown(tmp_path: pathlib.Path) -> None:
    write(tmp_path, distilled("/t.keras"), constant(9, 3, 5))
    (run,) = read(tmp_path)
    measured = {"student": 0.09, "teacher": 0.03, "ensemble": 0.05, SOFTMAX_MEAN: 0.05}
    uncertainty.write(run.directory, 3, Measures({name: _measured(value) for name, value in measured.items()}))
    (table,) = uncertainty_table.tables([run])
    assert [[cell.text for cell in row[:2]] for row in table.rows] == [["resnet32, distilled: student", "9.00"]]


def test_without_measures_there_is_no_table(tmp_path: pathlib.Path) -> None:
    runs = runs_with(tmp_path, _FINALS)
    assert uncertainty_table.tables(runs) == []
    assert uncertainty_table.csv(runs) == ""
    assert all(grid.calibration == {} for grid in grids_of(runs))


def test_detection_has_a_table_for_each_unknown_data_set(runs: list[Run]) -> None:
    assert "told from" not in tables.report(runs, "markdown")
    for run in runs:
        value = 0.9 + 0.02 * run.config.seed
        outputs = {name: {"auroc_confidence": value} for name in ("ST", "M")}
        if run.config.method == "L2":
            ensemble = {"auroc_confidence": value, "auroc_mutual_information": value - 0.5}
            detection = {"notMNIST_small": {**outputs, "ensemble": ensemble, SOFTMAX_MEAN: ensemble}}
        else:
            detection = {"FashionMNIST": outputs}
        measures = {output: _measured(0.01) for output in ("ST", "ensemble")}
        uncertainty.write(run.directory, 30, Measures(measures, detection))
    by_heading = {table.heading.split(" (")[0]: table for table in uncertainty_table.tables(runs)}
    assert list(by_heading) == [
        "MNIST, calibration on the test examples",
        "MNIST, images of FashionMNIST told from the test examples",
        "MNIST, images of notMNIST_small told from the test examples",
    ]
    _, fashion, letters = by_heading.values()
    received = [[cell.text for cell in row] for row in (*fashion.rows, *letters.rows)]
    assert received == [
        ["Single 1: ST", "90.00", "", "1"],
        ["Single 1: M", "90.00", "", "1"],
        ["L2 0.01: Ens", "91.00", "41.00", "2"],
        ["L2 0.01: Ens, mean of probabilities", "91.00", "41.00", "2"],
    ]
    lines = list(csv.DictReader(io.StringIO(uncertainty_table.csv(runs))))
    (line,) = [line for line in lines if (line["run"], line["output"]) == ("L2 0.01, seed 1", "ensemble")]
    assert float(line["auroc_mutual_information, notMNIST_small"]) == pytest.approx(0.42)
    assert line["auroc_confidence, FashionMNIST"] == ""


def test_all_digits_of_members_too_are_in_the_csv(runs: list[Run]) -> None:
    rows = list(csv.DictReader(io.StringIO(uncertainty_table.csv(runs))))
    assert len(rows) == 2 * 4
    found = {(row["seed"], row["output"]): float(row["nll"]) for row in rows}
    assert found["1", "ensemble"] == 0.4
    assert found["0", "ST"] == 90.0


def test_claims_see_the_ensembles_calibration(runs: list[Run]) -> None:
    first, second = grids_of(runs)
    assert first.calibration == pytest.approx({("L2", 0.01): 0.5})
    assert second.calibration == pytest.approx({("L2", 0.01): 1.0})
