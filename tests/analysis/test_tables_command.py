"""analysis.tables as a command."""

import io
import pathlib

import pandas as pd
import pytest
from synthetic_runs import invented, write_run
from table_runs import make_config, runs_with

from analysis import tables
from command_runner import Result, run


def _run(*flags: str) -> Result:
    return run("analysis.tables", *flags, timeout=60)


@pytest.mark.parametrize("style", tables.FORMATS)
def test_the_command_prints_both_tables(tmp_path: pathlib.Path, style: str) -> None:
    runs_with(tmp_path, {("L2", 0.01, 0): (0.75, 0.5, 0.25), ("CE", 1.0, 0): (1, 2, 3)})
    result = _run(f"--log_dir={tmp_path}", "--dataset=mnist", f"--format={style}")
    assert (result.exit_status, result.errors) == (0, "")
    if style == "csv":
        read = pd.read_csv(io.StringIO(result.output)).set_index(["method", "weight"]).loc[("L2", 0.01)]
        assert read["test_error_percent"].tolist() == pytest.approx([0.75, 0.5, 0.25])
        assert read["test_cost"].tolist() == pytest.approx([0.0075, 0.005, 0.0025])
    else:
        start, end = ("**", "**") if style == "markdown" else (r"\textbf{", "}")
        for text in ("0.75", "0.50", "0.25", "0.007500", "0.005000", "0.002500"):
            assert f"{start}{text}{end}" in result.output


@pytest.mark.parametrize("style", tables.FORMATS)
def test_the_command_says_how_many_runs_are_left_out(tmp_path: pathlib.Path, style: str) -> None:
    """Under the tables, or, where there is no such place, as a warning."""
    runs_with(tmp_path, {("L2", 0.01, 0): (0.75, 0.5, 0.25)})
    write_run(tmp_path, make_config("L1", 0.1), {}, state="running")
    result = _run(f"--log_dir={tmp_path}", "--dataset=mnist", f"--format={style}")
    assert result.exit_status == 0
    said = "1 run is not finished and left out"
    assert (result.output.count(said), result.errors) == ((0, f"warning: {said}\n") if style == "csv" else (3, ""))


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: pathlib.Path) -> None:
    write_run(tmp_path / "a", make_config("L2", 0.01), invented(0, 30))
    write_run(tmp_path / "b", make_config("L2", 0.01), invented(1, 30))
    for dataset, words in (("mnist", "both have L2 0.01, seed 0"), ("cifar10", "it has runs of mnist (2)")):
        result = _run(f"--log_dir={tmp_path}", f"--dataset={dataset}")
        assert (result.exit_status, result.output) == (2, "")
        assert result.errors.startswith("error: ")
        assert words in result.errors
        assert result.errors.count("\n") == 1
