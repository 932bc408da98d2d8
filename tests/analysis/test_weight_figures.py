"""Figures of all methods and weights, against the statistics they are drawn from."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from figure_runs import OUTPUT_NAMES, WEIGHTS, invented_runs, line_of, make_panels, values_of
from matplotlib.container import ErrorbarContainer

from analysis.intervals import interval
from analysis.methods.ensemble import noel_figures, weight_figures
from analysis.methods.ensemble.noel_looks import ALPHA
from analysis.methods.ensemble.noel_rows import setting_of
from collab_ensembles.errors import DataError


def test_final_errors_stand_at_their_weights_with_intervals_over_seeds() -> None:
    runs = invented_runs(seeds=3)
    for panel, method in zip(weight_figures.alpha(runs, make_panels(3)), ("CE", "L2", "L1"), strict=True):
        assert panel.get_xscale() == "log"
        containers = {c.get_label(): c for c in panel.containers if isinstance(c, ErrorbarContainer)}
        assert list(containers) == list(OUTPUT_NAMES)
        for output, container in containers.items():
            line, _, (bars,) = container.lines
            finals = [values_of(runs, method, weight, str(output))[:, -1] for weight in WEIGHTS[::-1]]
            np.testing.assert_allclose(line.get_xdata(), WEIGHTS[::-1], rtol=0.11)
            np.testing.assert_allclose(line.get_ydata(), np.mean(finals, axis=1), rtol=1e-12)
            for segment, values in zip(bars.get_segments(), finals, strict=True):
                assert tuple(segment[:, 1]) == pytest.approx(interval(values.tolist()), rel=1e-9)
        places = [container.lines[0].get_xdata()[0] for container in containers.values()]
        assert places == sorted(places)
        assert len(set(places)) == 3
        for output in OUTPUT_NAMES:
            expected = values_of(runs, "Single", 1.0, output)[:, -1].mean()
            assert list(line_of(panel, f"plain {output}").get_ydata()) == pytest.approx([expected] * 2)  # type: ignore[arg-type]


def test_a_weight_of_0_is_left_out_of_the_logarithmic_axis() -> None:
    runs = invented_runs()
    zero = [
        dataclasses.replace(run, config=dataclasses.replace(run.config, weight=0.0))
        if setting_of(run.config) == ("L2", 0.0001)
        else run
        for run in runs
    ]
    panels = weight_figures.alpha(zero, make_panels(3))
    containers = [[len(c.lines[0].get_xdata()) for c in panel.containers] for panel in panels]  # type: ignore[attr-defined]
    assert containers == [[4] * 3, [3] * 3, [4] * 3]


@pytest.mark.parametrize("draw", [weight_figures.alpha, lambda runs, axes: noel_figures.last_epochs(runs, "ST", axes)])
def test_figures_of_weights_take_a_collaborating_run(draw: Callable[..., object]) -> None:
    with pytest.raises(DataError, match="no run has a collaboration method"):
        draw(invented_runs(grid=[("plain", 1.0)]), make_panels(3))


def test_disagreement_shows_every_method_and_weight() -> None:
    runs = invented_runs(seeds=2)
    left, right = weight_figures.disagreement(runs, make_panels(2))
    assert "%" in left.get_ylabel()
    for panel, data in ((left, "Disagreement"), (right, "LogitDistance")):
        assert len(panel.get_lines()) == 13
        for method in ("CE", "L2", "L1", "Single"):
            for weight in WEIGHTS if method != "Single" else (1.0,):
                line = line_of(panel, "plain" if method == "Single" else f"{method}, {ALPHA} = {weight:g}")
                expected = values_of(runs, method, weight, "Ens", data)
                assert expected.shape == (2, 30)
                np.testing.assert_allclose(line.get_ydata(), expected.mean(axis=0), rtol=1e-12)
    assert len(left.figure.legends[0].get_texts()) == 13


def test_disagreement_that_was_not_recorded_cannot_be_shown() -> None:
    with pytest.raises(DataError, match="Disagreement of Ens was not recorded"):
        weight_figures.disagreement(invented_runs(further=False), make_panels(2))
