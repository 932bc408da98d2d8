"""Systems and collaboration costs that the analysis has never heard of stand in its tables, figures and report."""

import dataclasses
import importlib.metadata
import io
import itertools
import pathlib
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import invented, write_run

from analysis import (
    claims,
    commands,
    comparison,
    figures,
    frame,
    generic,
    methods,
    published_grid,
    report,
    results,
    tables,
)
from analysis.drawing import Drawing
from analysis.methods.ensemble.noel_looks import colour
from analysis.recorded_run import Run
from analysis.table_text import Cell, Table
from collab_ensembles.errors import ConfigError, DataError
from collab_ensembles.methods.ensemble import options
from collab_ensembles.settings.config import RunConfig
from own_package import forget, install_consensus

_EPOCHS = 4
_SHARES = (0.0, 0.5, 0.9)


@pytest.fixture
def further_cost(monkeypatch: pytest.MonkeyPatch) -> str:
    """A collaboration cost beside those of the paper, as its author would declare it."""
    (field,) = (field for field in dataclasses.fields(options.EnsembleConfig) if field.name == "method")
    costs = (*options.COLLABORATING, "JS")
    allowed = types.MappingProxyType({**field.metadata, "choices": (options.PLAIN, *costs)})
    monkeypatch.setattr(options, "COLLABORATING", costs)
    monkeypatch.setattr(field, "metadata", allowed)
    return "JS"


def test_a_cost_that_the_paper_does_not_have_stands_behind_its_own(tmp_path: pathlib.Path, further_cost: str) -> None:
    pairs = [("CE", 0.1), (further_cost, 0.1), ("L2", 0.01), ("plain", 1.0)]
    for number, (method, weight) in enumerate(pairs):
        config = RunConfig(dataset="mnist", epochs=_EPOCHS, method=method, weight=weight)
        write_run(tmp_path, config, invented(number, _EPOCHS))
    runs = frame.read_runs(str(tmp_path), "mnist")
    table = pd.read_csv(io.StringIO(tables.report(runs, "csv")))
    assert list(dict.fromkeys(table["method"])) == ["CE", "L2", "Single", "JS"]
    for drawing in itertools.islice(figures.drawings(runs), 2):
        assert [panel.get_title() for panel in drawing.draw().axes] == ["CE", "L2", "L1 (no runs)", "JS"]
    assert len({colour(method, 0.1) for method in ("CE", "L1", "L2", "Single", "JS")}) == 5
    page = report.report(str(tmp_path))
    assert "4 ensembles, 1 seed" in page
    assert "<td>JS</td>" in page
    assert page.count("<img") == 4


@pytest.fixture
def own_runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """Runs of the system that docs/EXTENDING.md shows, of which the analysis knows nothing."""
    install_consensus(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    _forget()
    log_dir = tmp_path / "runs"
    for number, share in enumerate(_SHARES):
        config = RunConfig(system="consensus", dataset="mnist", share=share, epochs=_EPOCHS)
        contents = invented(number, _EPOCHS)
        contents["Ensemble"]["common_answers"] = np.arange(_EPOCHS, dtype=float)
        write_run(log_dir, config, contents)
    yield log_dir
    sys.modules.pop("consensus", None)
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    forget()
    methods._of_system.cache_clear()


def test_a_system_that_the_analysis_has_never_heard_of_stands_everywhere(own_runs: pathlib.Path) -> None:
    runs = frame.read_runs(str(own_runs), "mnist")
    names = [f"2 members, share {share:g}" for share in _SHARES]
    for style in tables.FORMATS:
        text = tables.report(runs, style)
        assert [name for name in names if name in text] == names
    # Of the same files, what pandas makes of the pickles' arrays.
    rows = pd.read_csv(io.StringIO(tables.report(runs, "csv"))).set_index(["arrangement", "model"])
    for number, name in enumerate(names):
        expected = [100 * invented(number, _EPOCHS)[end]["test_errors"][-1] for end in ("000", "001", "Ensemble")]
        np.testing.assert_allclose(rows.loc[name, "test_error_percent"], expected, rtol=1e-6)
    page = report.report(str(own_runs))
    assert "MNIST: system=consensus, epochs=4" in page
    assert "3 arrangements, 1 seed" in page
    assert page.count("<img") == 1
    assert "<h3>Claims</h3>" not in page
    assert claims.set_of(runs) is None
    # What a system records besides is there, under a name like the others.
    recorded = frame.to_frame(runs).xs("CommonAnswers", axis=1, level="Data")
    assert recorded.to_numpy().tolist() == [[epoch] * 3 for epoch in range(_EPOCHS)]


def test_settings_that_a_description_does_not_name_are_told_apart(own_runs: pathlib.Path) -> None:
    for seed, changes in enumerate(({"members": ("ST", "ST")}, {"label_noise": 0.5})):
        config = RunConfig(system="consensus", dataset="mnist", share=0.5, epochs=_EPOCHS, seed=seed, **changes)
        write_run(own_runs, config, invented(9, _EPOCHS))
    rows = comparison.rows_of(frame.read_runs(str(own_runs), "mnist"))
    assert [len(row) for row in rows.values()] == [1] * 5
    assert {
        "2 members, share 0.9",
        "2 members, share 0.5, members ST,M, label_noise 0.0",
        "2 members, share 0.5, members ST,ST, label_noise 0.0",
        "2 members, share 0.5, members ST,M, label_noise 0.5",
    } < set(rows)


def test_its_figure_has_a_line_for_each_arrangement(own_runs: pathlib.Path) -> None:
    ((figure, _),) = figures.all_figures(frame.read_runs(str(own_runs), "mnist"))
    lines = {str(line.get_label()): line.get_ydata() for line in figure.axes[0].get_lines()}
    assert set(lines) == {f"2 members, share {share:g}" for share in _SHARES}
    for number, share in enumerate(_SHARES):
        expected = 100 * invented(number, _EPOCHS)["Ensemble"]["test_errors"]
        np.testing.assert_allclose(lines[f"2 members, share {share:g}"], expected)


def test_its_own_grid_is_one_command_and_its_results_are_not_published(own_runs: pathlib.Path) -> None:
    runs = frame.read_runs(str(own_runs), "mnist")
    assert commands.training_commands(runs, "logs") == (
        "python -m experiments.sweep --grid=consensus-shares --dataset=mnist --epochs=4 --seeds=0 --log_dir=logs"
    )
    on_jax = dataclasses.replace(runs[0].status, environment={"backend": "jax"})
    assert commands.training_commands([dataclasses.replace(run, status=on_jax) for run in runs], "logs").endswith(
        " --seeds=0 --backend=jax --log_dir=logs"
    )
    for grid in published_grid.published():
        with pytest.raises(DataError, match=re.escape(f"{own_runs}: no finished")) as error:
            results.contents(str(own_runs), "mnist", "out", grid)
        assert "\n" not in str(error.value)


ANALYSIS = dataclasses.replace(generic.ANALYSIS, rows="shares")
_NO_ANALYSIS = 3


def _points(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    points = [importlib.metadata.EntryPoint("consensus", value, methods.ENTRY_POINTS) for value in values]
    monkeypatch.setattr(methods, "_entry_points", lambda: points)


def test_a_package_can_bring_the_analysis_of_its_system(
    own_runs: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _points(monkeypatch, f"{__name__}:ANALYSIS")
    runs = frame.read_runs(str(own_runs), "mnist")
    assert methods.of(runs[0].config).rows == "shares"


def _fails(*arguments: object, **options: object) -> Any:
    raise ValueError("two\nlines")


def _undrawn(*arguments: object, **options: object) -> Iterator[Drawing]:
    yield Drawing("own", "Own.", _fails)


def _short(*arguments: object, **options: object) -> list[Table]:
    return [Table("Own", ("share", "error"), [[Cell("0.5")]])]


BROKEN = dataclasses.replace(generic.ANALYSIS, text_tables=_short, long_table=_fails, drawings=_undrawn)


def test_an_analysis_that_fails_leaves_its_place_to_the_generic_one(
    own_runs: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs = frame.read_runs(str(own_runs), "mnist")
    expected = [tables.report(runs, style) for style in ("markdown", "csv")]
    _forget()
    _points(monkeypatch, f"{__name__}:BROKEN")
    assert [tables.report(runs, style) for style in ("markdown", "csv")] == expected
    whose = f"the analysis of consensus, {__name__}:BROKEN: "
    assert (
        f"{whose}text_tables: TypeError: received a row of Cell '0.5'; needed: a Cell for each of share" in caplog.text
    )
    assert f"{whose}long_table: ValueError: two lines" in caplog.text
    (drawing,) = figures.drawings(runs)
    with pytest.raises(DataError, match=f"{whose}drawings: ValueError: two lines"):
        drawing.draw()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["no_such_module:ANALYSIS"], "no_such_module:ANALYSIS, cannot be loaded .ModuleNotFoundError"),
        (["exits:ANALYSIS"], "exits:ANALYSIS, cannot be loaded .SystemExit"),
        ([f"{__name__}:_NO_ANALYSIS"], "_NO_ANALYSIS: needed: an analysis.methods.Analysis; received int"),
        (["one:ANALYSIS", "two:ANALYSIS"], "2 packages have an analysis of consensus .one:ANALYSIS, two:ANALYSIS"),
    ],
)
def test_an_analysis_that_cannot_be_used_is_named_in_one_line_and_takes_no_other_away(
    own_runs: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    values: list[str],
    message: str,
) -> None:
    (tmp_path / "exits.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    _points(monkeypatch, *values)
    runs = frame.read_runs(str(own_runs), "mnist")
    with pytest.raises(ConfigError, match=message) as error:
        tables.report(runs, "markdown")
    assert "\n" not in str(error.value)
    config = RunConfig(dataset="digits", epochs=_EPOCHS)
    write_run(own_runs, config, invented(0, _EPOCHS))
    others: list[Run] = frame.read_runs(str(own_runs), "digits")
    assert "Single" in tables.report(others, "csv")
