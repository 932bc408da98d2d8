"""The page of a sweep that is running: written by another process after each run that ends, whatever becomes of it."""

import json
import pathlib
import sys
import time

import pytest
from rich.console import Console

from collab_ensembles.runs.run_directory import Status
from experiments import live_report
from experiments.launch.executors import Task
from experiments.live_report import LiveReport
from experiments.progress import Progress, Row


class _Pages:
    """Stands in for the process that writes: it keeps what each one reads."""

    def __init__(self, folder: pathlib.Path, rows: list[Row], script: str) -> None:
        self.folder = folder
        self.page = LiveReport(str(folder / "page.html"), str(folder), Progress(rows, Console()))
        self.page._command = [sys.executable, "-S", "-c", script, str(folder)]

    def watch_until_idle(self) -> list[dict[str, object]]:
        for _ in range(500):
            self.page.watch()
            if self.page._process is None:
                break
            time.sleep(0.02)
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]


_KEEPS = "import sys, time; open(f'{sys.argv[1]}/{time.time_ns()}.json', 'w').write(sys.stdin.read())"


def _row(folder: pathlib.Path, name: str) -> Row:
    status = Status(state="running", epochs_done=1, test_errors={"ST": 0.25})
    return Row(Task(name, [], str(folder / name), status=status), 4, str(folder / name), name)


def test_a_page_is_written_at_the_start_and_once_a_run_has_ended(tmp_path: pathlib.Path) -> None:
    rows = [_row(tmp_path, "one"), _row(tmp_path, "two")]
    pages = _Pages(tmp_path, rows, _KEEPS)
    with pages.page:
        assert len(pages.watch_until_idle()) == 1
        assert len(pages.watch_until_idle()) == 1
        assert rows[0].task is not None
        rows[0].task.exit_status = 0
        first, second = pages.watch_until_idle()
    assert [run["state"] for run in first["runs"]] == ["waiting", "waiting"]  # type: ignore[union-attr,attr-defined]
    assert second["runs"][0] == {  # type: ignore[index]
        "run": "one",
        "directory": str(tmp_path / "one"),
        "state": "done",
        "epoch": "1/4",
        "test errors": "ST 25.00 %",
    }


def test_the_command_itself_writes_the_page(tmp_path: pathlib.Path) -> None:
    with LiveReport(str(tmp_path / "page.html"), str(tmp_path), Progress([_row(tmp_path, "one")], Console())) as page:
        deadline = time.monotonic() + 120
        while page._process is not None and time.monotonic() < deadline:
            time.sleep(0.05)
            page.watch()
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "ST 25.00 %" in text
    assert "waiting" in text


def test_a_page_that_fails_is_one_warning_and_one_that_hangs_is_ended(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(live_report.logging, "warning", lambda text, *values: warnings.append(text % values))
    rows = [_row(tmp_path, "one"), _row(tmp_path, "two")]
    pages = _Pages(tmp_path, rows, "import sys; sys.exit('error: the disk is full')")
    with pages.page:
        pages.watch_until_idle()
        for row in rows:
            assert row.task is not None
            row.task.exit_status = 0
            pages.watch_until_idle()
        pages.page._command = [sys.executable, "-c", "import time; time.sleep(600)"]
        pages.page._shown = None
        pages.page.watch()
        began = time.monotonic()
        pages.page.watch()
        hanging = pages.page._process
    assert time.monotonic() - began < 5
    assert hanging is not None
    assert hanging.poll() is not None
    (warning,) = warnings
    assert warning.endswith("page.html: not written, the sweep goes on: error: the disk is full")
    pages.page._command = ["/no/such/program"]
    pages.page._shown, pages.page._process = None, None
    pages.page.watch()
    assert "/no/such/program" in warnings[1]
