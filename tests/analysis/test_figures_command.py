"""The command that writes figures, and what a report gets."""

import pathlib
import xml.etree.ElementTree
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from figure_runs import GRID, invented_runs, line_of, make_panels
from matplotlib.figure import Figure
from synthetic_runs import KEYS, OUTPUTS, write_run

import command_runner
from analysis import figure_style, figures, frame
from analysis.methods.ensemble import noel_figures
from analysis.methods.ensemble.noel_looks import ALPHA
from collab_ensembles.errors import CollabError


def _write(log_dir: pathlib.Path, grid: Sequence[tuple[str, float]], further: bool = False, **settings: Any) -> None:
    for run in invented_runs(grid=grid, further=further, **settings):
        contents = {}
        for end, table in zip(OUTPUTS, run.statistics.values(), strict=True):
            contents[end] = {key: table["TestError"].to_numpy() / 100 for key in KEYS}
            if "Disagreement" in table:
                contents[end]["disagreement"] = table["Disagreement"].to_numpy() / 100
                contents[end]["logit_distance"] = table["LogitDistance"].to_numpy()
        write_run(log_dir, run.config, contents)


def test_the_command_writes_every_figure_twice_and_says_where(tmp_path: pathlib.Path) -> None:
    _write(tmp_path / "runs", GRID, further=True, dataset="cifar10", epochs=3)
    flags = (f"--log_dir={tmp_path}/runs", "--dataset=cifar10", f"--out={tmp_path}/out")
    result = command_runner.run("analysis.figures", *flags)
    assert (result.exit_status, result.errors) == (0, "")
    names = ("a5_cifar10_st", "a6_cifar10_m", "b3_cifar10", "alpha_cifar10", "disagreement_cifar10")
    expected = [f"{tmp_path}/out/{name}_epochs=3.{end}" for name in names for end in ("png", "svg")]
    assert result.output.splitlines() == expected
    for path in map(pathlib.Path, expected):
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            assert xml.etree.ElementTree.parse(path).getroot().tag.endswith("svg")


def test_equal_runs_give_equal_files(tmp_path: pathlib.Path) -> None:
    written = []
    for name in ("one", "two"):
        drawing = next(iter(figures.drawings(invented_runs())))
        paths = figure_style.save(drawing.draw(), str(tmp_path / name), drawing.name)
        assert paths == [f"{tmp_path}/{name}/a1_mnist_st.{end}" for end in ("png", "svg")]
        written.append([pathlib.Path(path).read_bytes() for path in paths])
    assert written[0] == written[1]


def test_the_command_passes_the_papers_axes_on_and_says_what_it_leaves_out(tmp_path: pathlib.Path) -> None:
    _write(tmp_path / "runs", [("plain", 1.0), ("L2", 0.01)])
    flags = (f"--log_dir={tmp_path}/runs", "--dataset=mnist", f"--out={tmp_path}/out", "--paper_axes")
    result = command_runner.run("analysis.figures", *flags)
    assert (result.exit_status, result.errors) == (0, "")
    assert "skipped disagreement_mnist: " in result.output
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {
        "a1_mnist_st",
        "a2_mnist_m",
        "b1_mnist",
        "alpha_mnist",
    }
    runs = frame.read_runs(str(tmp_path / "runs"), "mnist")
    for paper_axes in (True, False):
        for drawing in list(figures.drawings(runs, paper_axes))[:1]:
            path, _ = figure_style.save(drawing.draw(), str(tmp_path / "again"), drawing.name)
            same = pathlib.Path(path).read_bytes() == (tmp_path / "out" / f"{drawing.name}.png").read_bytes()
            assert same == paper_axes


def test_a_report_gets_the_figures_that_can_be_drawn_with_captions() -> None:
    pairs = list(figures.all_figures(invented_runs(further=False)))
    assert all(isinstance(figure, Figure) for figure, _ in pairs)
    assert [caption.split(". ")[0] for _, caption in pairs[:3]] == ["Figure A.1", "Figure A.2", "Figure B.1"]
    assert len(pairs) == 4
    captions = [caption for _, caption in figures.all_figures(invented_runs(dataset="digits"))]
    assert len(captions) == 5
    assert not any("Figure" in caption for caption in captions)


def test_the_command_refuses_the_papers_axes_for_other_data(tmp_path: pathlib.Path) -> None:
    _write(tmp_path / "runs", [("L2", 0.01)], dataset="digits", epochs=2)
    flags = (f"--log_dir={tmp_path}/runs", "--dataset=digits", f"--out={tmp_path}/out", "--paper_axes")
    result = command_runner.run("analysis.figures", *flags)
    assert result.exit_status == 2
    assert "MNIST, notMNIST, CIFAR10" in result.errors
    assert not (tmp_path / "out").exists()


def test_settings_have_files_of_their_own(tmp_path: pathlib.Path) -> None:
    settings = ({}, {"members": ("M",)}, {"resnet": "fixed", "epochs": 3})
    names = set()
    for options in settings:
        found = [drawing.name for drawing in figures.drawings(invented_runs(grid=[("plain", 1.0)], **options))]
        assert not names & set(found)
        names |= set(found)
        assert all(name.replace("_", "").replace("=", "").isalnum() for name in found)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(CollabError, match="out"):
        figure_style.save(Figure(), str(tmp_path / "out"), "name")


def test_frames_and_figures_agree(tmp_path: pathlib.Path) -> None:
    """Through files: what `frame.load` gives is what is drawn."""
    _write(tmp_path, GRID)
    table = frame.load(str(tmp_path), "mnist")
    panel = noel_figures.last_epochs(frame.read_runs(str(tmp_path), "mnist"), "ST", make_panels(3))[1]
    column = table.xs(("ST", "L2", 0.1, "TestError"), axis=1, level=("Model", "Method", "Weight", "Data"))
    np.testing.assert_array_equal(line_of(panel, f"{ALPHA} = 0.1").get_ydata(), column.to_numpy()[-10:, 0])
