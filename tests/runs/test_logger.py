"""Pickles and graphs of the Logger."""

import pickle
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from collab_ensembles.models.statistics import DISAGREEMENT
from collab_ensembles.runs import epoch_graph
from collab_ensembles.runs.epoch_graph import epoch_graph as draw
from collab_ensembles.runs.logger import Logger, Record

STEMS = {"ST": "X_000", "ensemble": "X_Ensemble"}


def _logs(scale: float) -> dict[str, float]:
    kinds = ("error", "cost", "running_error", "running_cost")
    logs = {
        f"{output}_{kind}": scale * (10 * o + k + 1) for o, output in enumerate(STEMS) for k, kind in enumerate(kinds)
    }
    logs |= {name: scale * (20 + index) for index, name in enumerate(DISAGREEMENT)}
    return {**logs, **{f"val_{name}": value + 0.5 for name, value in logs.items()}, "loss": 9.0}


def _pickle(directory: Path, stem: str) -> dict:
    with open(directory / f"{stem}.pkl", "rb") as file:
        content: dict = pickle.load(file)
    return content


@pytest.fixture(autouse=True)
def _graphs_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch_graph, "epoch_graph", draw)


@pytest.fixture
def logger(tmp_path: Path) -> Logger:
    logger = Logger(str(tmp_path), STEMS, 3, {"epochs": 3, "collab_method": "L2"})
    logger.on_train_begin()
    return logger


def test_pickles_hold_the_reference_keys(logger: Logger, tmp_path: Path) -> None:
    logger.on_epoch_end(0, _logs(0.01))
    logger.on_epoch_end(1, _logs(0.02))
    content = _pickle(tmp_path, "X_Ensemble")
    expected = {
        "train_errors_mean": [0.11, 0.22, 0],
        "train_costs_mean": [0.12, 0.24, 0],
        "train_errors": [0.13, 0.26, 0],
        "train_costs": [0.14, 0.28, 0],
        "test_errors": [0.61, 0.72, 0],
        "test_costs": [0.62, 0.74, 0],
        "disagreement": [0.7, 0.9, 0],
        "logit_distance": [0.71, 0.92, 0],
    }
    for key, values in expected.items():
        assert content[key].dtype == np.float64
        np.testing.assert_allclose(content[key], values)
    assert content["params"] == {"epochs": 3, "collab_method": "L2", "filename": "X_Ensemble"}
    assert content["end_time"] >= content["start_time"] > 1.7e9
    assert set(content) == {*expected, "params", "start_time", "end_time"}


def test_each_output_has_its_own_statistics(logger: Logger, tmp_path: Path) -> None:
    logger.on_epoch_end(0, _logs(0.01))
    content = _pickle(tmp_path, "X_000")
    assert content["test_errors"][0] == pytest.approx(0.51)
    # A member alone disagrees with nobody.
    assert not set(DISAGREEMENT) & set(content)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of both clocks."""
    now = [1.8e9]
    clocks = types.SimpleNamespace(time=lambda: now[0], monotonic=lambda: now[0])
    monkeypatch.setattr("collab_ensembles.runs.logger.time", clocks)
    return now


def test_a_clock_that_is_set_back_makes_no_time_negative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1.8e9, 50.0]
    clocks = types.SimpleNamespace(time=lambda: clock[0], monotonic=lambda: clock[1])
    monkeypatch.setattr("collab_ensembles.runs.logger.time", clocks)
    records: list[Record] = []
    logger = Logger(str(tmp_path), STEMS, 3, {}, records.append)
    logger.on_train_begin()
    clock[:] = [1.8e9 - 3600, 80.0]
    logger.on_epoch_end(0, _logs(0.01))
    content = _pickle(tmp_path, "X_000")
    assert (content["start_time"], content["end_time"], records[-1].seconds) == (1.8e9, 1.8e9 + 30, 30.0)


@pytest.mark.parametrize("times", [1, 16])
def test_graphs_are_drawn_rarely_and_at_the_end(tmp_path: Path, now: list[float], times: int) -> None:
    logger = Logger(str(tmp_path), STEMS, 5, {}, **({"graph_seconds": 30.0 * times} if times > 1 else {}))
    logger.on_train_begin()
    graph = tmp_path / "X_000_error.png"
    pictures = []
    for epoch, seconds in enumerate((29.0, 2.0, 29.0, 2.0, 2.0)):
        now[0] += seconds * times
        logger.on_epoch_end(epoch, _logs(0.01 * (epoch + 2)))
        pictures.append(graph.read_bytes() if graph.exists() else b"")
    logger.on_train_end()
    pictures.append(graph.read_bytes())
    assert pictures[0] == b""
    assert pictures[1] == pictures[2]
    assert pictures[3] == pictures[4]
    assert len(set(pictures)) == 4
    assert all(picture.startswith(b"\x89PNG") for picture in pictures[1:])
    assert {path.name for path in tmp_path.glob("*.png")} == {
        f"{stem}_{kind}.png" for stem in STEMS.values() for kind in ("error", "cost")
    }


def test_an_epochs_line_has_its_numbers(logger: Logger, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="absl"):
        logger.on_epoch_end(0, _logs(0.01))
    assert "epoch   1/3  ST train 0.0200  1.00 % test 0.5200 51.00 %" in caplog.text


def test_an_epoch_without_a_test_has_no_statistics_of_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reports: list[dict[str, float]] = []
    logger = Logger(
        str(tmp_path),
        STEMS,
        3,
        {},
        lambda record: reports.append(record.test_errors()),
        is_tested=lambda epoch: epoch == 1,
    )
    logger.on_train_begin()
    of_training = {name: value for name, value in _logs(0.01).items() if not name.startswith("val_")}
    with caplog.at_level("INFO", logger="absl"):
        logger.on_epoch_end(0, of_training)
        assert "test" not in caplog.text.splitlines()[-1]
        logger.on_epoch_end(1, _logs(0.02))
        assert "test 0.5400" in caplog.text.splitlines()[-1]
    logger.on_epoch_end(2, of_training)
    assert reports == [{}, *[{"ST": pytest.approx(0.52), "ensemble": pytest.approx(0.72)}] * 2]
    content = _pickle(tmp_path, "X_Ensemble")
    np.testing.assert_allclose(content["disagreement"], [np.nan, 0.9, np.nan])
    np.testing.assert_allclose(content["train_costs_mean"], [0.12, 0.24, 0.12])
    with pytest.raises(ValueError, match="val_ST_error"):
        logger.on_epoch_end(1, of_training)


def test_a_graph_leaves_epochs_without_a_test_out(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    plot = Axes.plot

    def note(axes: Axes, x: np.ndarray, y: np.ndarray, **look: Any) -> Any:
        drawn.append((x.tolist(), y.tolist(), look["marker"]))
        return plot(axes, x, y, **look)

    monkeypatch.setattr(Axes, "plot", note)
    draw("a", "error", {"test": np.array([np.nan, 0.25, np.nan, 0.5]), "one": np.array([np.nan, 0.5])})
    assert drawn == [([2, 4], [25.0, 50.0], None), ([2], [50.0], "o")]


def test_what_is_printed_and_drawn_of_training_is_the_mean_over_the_epoch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two batches an epoch: the running average, which begins at 0, reaches a tenth of the truth."""
    errors = np.array([[0.5, 0.75], [0.25, 0.5]])
    running = [0.95 * 0.05 * first + 0.05 * second for first, second in errors]
    drawn: dict[str, dict[str, np.ndarray]] = {}

    def draw(title: str, quantity: str, curves: dict[str, np.ndarray]) -> bytes:
        drawn[title] = curves
        return b""

    monkeypatch.setattr(epoch_graph, "epoch_graph", draw)
    logger = Logger(str(tmp_path), {"ST": "st"}, 2, {})
    logger.on_train_begin()
    with caplog.at_level("INFO", logger="absl"):
        for epoch in (0, 1):
            mean = float(errors[epoch].mean())
            values = {"ST_error": mean, "ST_cost": 1.0, "ST_running_error": running[epoch], "ST_running_cost": 0.1}
            logger.on_epoch_end(epoch, {**values, "val_ST_error": 0.0, "val_ST_cost": 0.0})
    logger.on_train_end()
    assert " 62.50 %" in caplog.text
    assert " 37.50 %" in caplog.text
    (name,) = (name for name in drawn["ST: error"] if name.startswith("train"))
    np.testing.assert_array_equal(drawn["ST: error"][name], errors.mean(axis=1))
    # The pickles keep the reference's keys.
    np.testing.assert_array_equal(_pickle(tmp_path, "st")["train_errors"], running)


def test_a_line_ends_with_the_minutes_since_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, now: list[float]
) -> None:
    logger = Logger(str(tmp_path), STEMS, 3, {})
    logger.on_train_begin()
    now[0] += 150
    with caplog.at_level("INFO", logger="absl"):
        logger.on_epoch_end(0, _logs(0.01))
    assert "2.5 min" in caplog.text


def test_a_report_follows_the_files(tmp_path: Path) -> None:
    reports: list[tuple[int, dict[str, float]]] = []

    def report(record: Record) -> None:
        assert (tmp_path / "X_000.pkl").exists()
        assert (tmp_path / "X_Ensemble.pkl").exists()
        reports.append((record.epochs_done, record.test_errors()))

    logger = Logger(str(tmp_path), STEMS, 3, {}, report)
    logger.on_train_begin()
    assert reports == []
    logger.on_epoch_end(0, _logs(0.01))
    logger.on_epoch_end(1, _logs(0.02))
    assert reports == [
        (1, {"ST": pytest.approx(0.51), "ensemble": pytest.approx(0.61)}),
        (2, {"ST": pytest.approx(0.52), "ensemble": pytest.approx(0.72)}),
    ]


def _record(epochs_done: int, seconds: float = 60.0, epochs: int = 3) -> Record:
    """A record whose values are all different, and none of them a short decimal."""
    record = Record.empty(STEMS, epochs)
    for index, (output, key) in enumerate((o, k) for o in STEMS for k in record.series[o]):
        record.series[output][key][:epochs_done] = [1 / (3 + index + 20 * epoch) for epoch in range(epochs_done)]
    return Record(epochs_done, seconds, record.series)


def test_an_empty_record_has_zeros_for_every_output_and_epoch() -> None:
    record = Record.empty(STEMS, 4)
    assert (record.epochs_done, record.seconds, list(record.series)) == (0, 0.0, list(STEMS))
    arrays = [array for series in record.series.values() for array in series.values()]
    assert len(arrays) == 6 + 8
    assert all(array.dtype == np.float64 and array.tolist() == [0.0] * 4 for array in arrays)
    assert len({id(array) for array in arrays}) == 6 + 8  # an epoch of one is not an epoch of another


def test_from_a_record_the_pickles_are_written_anew_to_the_bit_before_the_first_epoch(tmp_path: Path) -> None:
    reports: list[int] = []
    record = _record(2)
    expected = {output: {key: array.tobytes() for key, array in part.items()} for output, part in record.series.items()}
    (tmp_path / "X_000.pkl").write_bytes(b"of a dying process")
    logger = Logger(str(tmp_path), STEMS, 3, {"epochs": 3}, lambda record: reports.append(record.epochs_done), record)
    logger.on_train_begin()
    for output, stem in STEMS.items():
        content = _pickle(tmp_path, stem)
        assert {key: value.tobytes() for key, value in content.items() if isinstance(value, np.ndarray)} == expected[
            output
        ]
        assert content["params"] == {"epochs": 3, "filename": stem}
    assert reports == [2]


def test_the_epochs_after_a_record_stand_behind_those_of_the_record(tmp_path: Path) -> None:
    earlier = _record(2).series["ensemble"]["test_errors"][:2].tolist()
    logger = Logger(str(tmp_path), STEMS, 3, {}, record=_record(2))
    logger.on_train_begin()
    logger.on_epoch_end(2, _logs(0.01))
    assert _pickle(tmp_path, "X_Ensemble")["test_errors"].tolist() == [*earlier, pytest.approx(0.61)]


def test_without_a_record_nothing_is_written_before_the_first_epoch(logger: Logger, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []


def test_the_time_of_training_leaves_out_the_pause_before_it_was_taken_up_again(
    tmp_path: Path, now: list[float]
) -> None:
    records: list[Record] = []
    logger = Logger(str(tmp_path), STEMS, 3, {}, records.append)
    logger.on_train_begin()
    now[0] += 100
    logger.on_epoch_end(0, _logs(0.01))
    now[0] += 7  # of a second epoch that was cut off
    now[0] += 5000  # until somebody noticed
    logger = Logger(str(tmp_path), STEMS, 3, {}, records.append, records[0])
    logger.on_train_begin()
    content = _pickle(tmp_path, "X_000")
    assert content["end_time"] - content["start_time"] == 100
    now[0] += 30
    logger.on_epoch_end(1, _logs(0.02))
    content = _pickle(tmp_path, "X_000")
    assert content["end_time"] == now[0]
    assert content["end_time"] - content["start_time"] == 130
    assert records[-1].seconds == 130
