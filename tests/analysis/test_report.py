"""The report: one page that hides nothing and needs nothing."""

import dataclasses
import html.parser
import json
import pathlib
import re

import make_author_files
import pytest
from synthetic_runs import invented, write_run

from analysis import contents, figures, report
from collab_ensembles.errors import DataError
from collab_ensembles.runs import run_directory
from collab_ensembles.settings.config import RunConfig

CONFIG = RunConfig(dataset="mnist", epochs=4)
GRID = [
    CONFIG,
    *(
        dataclasses.replace(CONFIG, method=method, weight=weight)
        for method in ("CE", "L1", "L2")
        for weight in (1.0, 0.1, 0.01, 0.0001)
    ),
]


class _Page(html.parser.HTMLParser):
    """Tags that are open, and what a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _parsed(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    assert page.open == []
    return page


@pytest.fixture
def log_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    for number, config in enumerate(GRID):
        write_run(tmp_path, config, invented(number, 4))
    return tmp_path


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a test have no figures of runs, which take most of the time."""
    monkeypatch.setattr(figures, "all_figures", lambda runs: [])


def test_the_page_is_well_formed_and_fetches_nothing(log_dir: pathlib.Path) -> None:
    page = _parsed(report.report(str(log_dir)))
    assert len(page.sources) >= 4
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)


@pytest.mark.usefixtures("undrawn")
def test_it_shows_tables_claims_times_and_the_command(log_dir: pathlib.Path) -> None:
    text = " ".join(_parsed(report.report(str(log_dir))).texts)
    assert "13 runs in" in text
    assert "13 done" in text
    assert "All runs are finished." in text
    assert "python -m experiments.sweep --grid=noel --dataset=mnist --epochs=4 --seeds=0" in text
    assert len(re.findall(r"6\.1 \(\d\w?\) [A-Z]", text)) == 14
    assert "final test error" in text.lower()
    assert "13 ensembles, 1 seed (0), 4 epochs" in text


@pytest.mark.usefixtures("undrawn")
def test_failed_and_unfinished_runs_are_shown_with_their_reasons(log_dir: pathlib.Path) -> None:
    failed = dataclasses.replace(CONFIG, method="L2", weight=0.5)
    directory = write_run(log_dir, failed, invented(1, 4), state="failed")
    status = run_directory.read_status(str(directory))
    status.reason = "DivergenceError: epoch 2: the cost of <M> is nan"
    run_directory.write_status(str(directory), status)
    resumed = write_run(log_dir, dataclasses.replace(CONFIG, seed=7), invented(2, 4))
    status = run_directory.read_status(str(resumed))
    status.resumed = [2, 3]
    run_directory.write_status(str(resumed), status)
    text = report.report(str(log_dir))
    shown = " ".join(_parsed(text).texts)
    assert "All runs are finished" not in shown
    assert "MNIST L2 0.5, seed 0: failed after 0 of 4 epochs. DivergenceError: epoch 2: the cost of <M> is nan" in shown
    assert "<M>" not in text
    assert "MNIST plain, seed 7 (after epoch 2, 3)" in shown


@pytest.mark.usefixtures("undrawn")
def test_settings_that_differ_stand_apart(log_dir: pathlib.Path) -> None:
    write_run(log_dir, dataclasses.replace(CONFIG, batch_size=32), invented(3, 4))
    text = " ".join(_parsed(report.report(str(log_dir))).texts)
    assert "batch_size=32" in text


@pytest.mark.usefixtures("undrawn")
def test_environments_that_differ_are_pointed_out(log_dir: pathlib.Path) -> None:
    for number, directory in enumerate(sorted(path.parent for path in log_dir.rglob("config.json"))):
        status = run_directory.read_status(str(directory))
        status.environment = {"threads": 1 + number % 2, "keras": "3.15"}
        run_directory.write_status(str(directory), status)
    text = " ".join(_parsed(report.report(str(log_dir))).texts)
    assert "Not the same in all runs: threads." in text


@pytest.mark.usefixtures("undrawn")
def test_inference_is_shown_where_it_was_measured(log_dir: pathlib.Path) -> None:
    without = report.report(str(log_dir))
    rows = [{"model": model, "parameters": 10, "seconds_per_image": 1e-4} for model in ("ST", "M", "Ens")]
    (log_dir / "MNIST").mkdir(exist_ok=True)
    (log_dir / "MNIST" / "inference.json").write_text(json.dumps({"models": rows}))
    assert report.report(str(log_dir)).count("<img") == without.count("<img") + 1


def test_a_directory_without_runs_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="no runs there"):
        report.report(str(tmp_path))
    with pytest.raises(DataError, match="no such directory"):
        report.report(str(tmp_path / "missing"))


def test_contents_name_the_data_sets_that_have_finished_runs(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path, CONFIG, invented(0, 4))
    write_run(tmp_path, RunConfig(dataset="digits", epochs=4), invented(0, 4), state="running")
    assert contents.datasets(str(tmp_path)) == ["mnist"]


def test_the_authors_files_have_a_report_too(tmp_path: pathlib.Path) -> None:
    for method, power in (("None", 0), ("L2", 2)):
        statistics = make_author_files.invented(power, 4)
        make_author_files.write(tmp_path / "MNIST" / "collab", "MNIST", method, power, statistics)
    assert contents.datasets(str(tmp_path)) == ["mnist"]
    _parsed(report.report(str(tmp_path)))


@pytest.mark.usefixtures("undrawn")
def test_times_are_in_minutes_and_a_damaged_status_is_a_fault_among_good_runs(log_dir: pathlib.Path) -> None:
    directories = sorted(path.parent for path in log_dir.rglob("config.json"))
    for directory in directories:
        status = run_directory.read_status(str(directory))
        status.seconds = 90.0
        run_directory.write_status(str(directory), status)
    (directories[0] / "status.json").write_text("{")
    text = " ".join(_parsed(report.report(str(log_dir))).texts)
    assert re.search(r"all\s+12\s+1\.50\s+1\.50\s+1\.50\s+18\.00", text)
    assert "damaged" in text
    assert "12 done, 1 failed" in text


@pytest.mark.usefixtures("undrawn")
def test_runs_that_are_no_grid_are_trained_one_by_one(tmp_path: pathlib.Path) -> None:
    for number, config in enumerate((CONFIG, dataclasses.replace(CONFIG, method="L2", weight=0.5, seed=1))):
        write_run(tmp_path, config, invented(number, 4))
    text = " ".join(_parsed(report.report(str(tmp_path))).texts)
    assert "experiments.sweep" not in text
    assert text.count("python -m experiments.train --dataset=mnist") == 2
    assert "--method=L2 --weight=0.5 --epochs=4 --seed=1" in text
