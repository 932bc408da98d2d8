"""The page of a sweep that is running: what its runs do, and their curves so far."""

import dataclasses
import io
import json
import math
import pathlib
from typing import Any

import pytest
from matplotlib.axes import Axes
from synthetic_runs import invented, write_run

from analysis import live_progress, report
from analysis.live_progress import Progress
from collab_ensembles.errors import DataError
from collab_ensembles.runs import run_directory
from collab_ensembles.settings.config import RunConfig

_CONFIG = RunConfig(dataset="mnist", epochs=4)


def _run(name: str, directory: str, state: str) -> dict[str, str]:
    return {"run": name, "directory": directory, "state": state, "epoch": "2/4", "test errors": ""}


def test_a_page_shows_runs_that_wait_go_on_and_are_done(tmp_path: pathlib.Path) -> None:
    done = str(write_run(tmp_path, _CONFIG, invented(0, 4)))
    going = str(write_run(tmp_path, dataclasses.replace(_CONFIG, seed=1), invented(1, 4)))
    for directory in (done, going):
        status = dataclasses.replace(run_directory.read_status(directory), epochs_done=4)
        run_directory.write_status(directory, status)
    run_directory.write_status(going, dataclasses.replace(status, state="running", epochs_done=2))
    runs = [_run("first", done, "done"), _run("second", going, "running"), _run("third", "nowhere", "waiting")]
    page = report.report(str(tmp_path), Progress("1.0 min used, about 3.5 min left", runs))
    assert '<meta http-equiv="refresh" content="60">' in page
    for text in ("about 3.5 min left", "<td>third</td>", "1 done", "1 waiting", 'src="data:image/png'):
        assert text in page
    assert len(live_progress._test_errors(done)) == 4
    assert len(live_progress._test_errors(going)) == 2
    # At the end of the sweep it is a page that stays.
    run_directory.write_status(going, status)
    assert "refresh" not in report.report(str(tmp_path))


def test_a_curve_leaves_out_epochs_without_a_test(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = []
    plot = Axes.plot

    def note(axes: Axes, *arguments: Any, **options: Any) -> Any:
        lines.append([list(values) for values in arguments[:2]])
        return plot(axes, *arguments, **options)

    monkeypatch.setattr(Axes, "plot", note)
    directories = []
    for tested in ((1, 3), ()):
        content = invented(0, 4)
        errors = content["Ensemble"]["test_errors"]
        errors[[epoch for epoch in range(4) if epoch not in tested]] = math.nan
        config = dataclasses.replace(_CONFIG, seed=len(directories))
        directories.append(str(write_run(tmp_path, config, content)))
        status = dataclasses.replace(run_directory.read_status(directories[-1]), state="running", epochs_done=4)
        run_directory.write_status(directories[-1], status)
    runs = [_run(str(place), directory, "running") for place, directory in enumerate(directories)]
    assert "<img" in report.report(str(tmp_path), Progress("", runs))
    ((epochs, shown),) = lines
    assert epochs == [2, 4]
    assert len(shown) == 2


def test_a_page_can_be_written_before_there_is_a_run(tmp_path: pathlib.Path) -> None:
    (tmp_path / "broken").mkdir()
    runs = [_run("first", str(tmp_path / "nowhere"), "running"), _run("second", str(tmp_path / "broken"), "failed")]
    page = report.report(str(tmp_path), Progress("", runs))
    assert "<td>first</td>" in page
    assert "<img" not in page
    with pytest.raises(DataError, match="no runs there"):
        report.report(str(tmp_path))


@pytest.mark.parametrize("text", ["", "3", '{"times": ""}', '{"times": "", "runs": 3}', '{"times": "", "runs": [3]}'])
def test_what_is_no_progress_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no progress of a sweep"):
        live_progress.read(io.StringIO(text))


def test_progress_is_read(tmp_path: pathlib.Path) -> None:
    content = {"times": "now", "runs": [_run("first", "a", "done")]}
    assert live_progress.read(io.StringIO(json.dumps(content))) == Progress("now", content["runs"])  # type: ignore[arg-type]
