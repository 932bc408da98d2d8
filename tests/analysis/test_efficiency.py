"""Error against size and time."""

import pandas as pd
import pytest
from figure_runs import make_panels

from analysis.methods.ensemble import efficiency
from collab_ensembles.errors import DataError

_EFFICIENCY = pd.DataFrame(
    {
        "model": ["ST", "M", "Ens"],
        "parameters": [40_000, 200_000, 240_000],
        "seconds_per_image": [0.001, 0.003, 0.004],
        "test_error": [0.7, 0.6, 0.5],
    }
)


def test_efficiency_shows_error_against_size_and_time() -> None:
    left, right = efficiency.efficiency(_EFFICIENCY, make_panels(2))
    for panel, expected in ((left, [40, 200, 240]), (right, [1, 3, 4])):
        *points, claim = panel.get_lines()
        assert [line.get_xdata()[0] for line in points] == pytest.approx(expected)  # type: ignore[index]
        assert [line.get_ydata()[0] for line in points] == [0.7, 0.6, 0.5]  # type: ignore[index]
        assert len({line.get_marker() for line in points}) == 3
        # As Noel (2017) claims: a fifth of 200 thousand parameters, a third of 3 ms.
        assert claim.get_xdata()[0] == pytest.approx(expected[0])  # type: ignore[index]
        assert claim.get_label() == "paper's claim for ST"
        assert panel.get_xlim()[0] == 0
    assert [line.get_label() for line in left.get_lines()][:3] == ["ST: 20 % of M", "M", "Ens: 120 % of M"]
    assert [line.get_label() for line in right.get_lines()][:3] == [
        "ST: 3 times as fast as M",
        "M",
        "Ens: 0.75 times as fast as M",
    ]


def test_efficiency_without_m_compares_with_the_largest_and_claims_nothing() -> None:
    rows = _EFFICIENCY.replace({"model": {"M": "B3R5F16", "Ens": "B4R5F16"}})
    left, right = efficiency.efficiency(rows, make_panels(2))
    assert [line.get_label() for line in left.get_lines()] == [
        "ST: 17 % of B4R5F16",
        "B3R5F16: 83 % of B4R5F16",
        "B4R5F16",
    ]
    assert len(right.get_lines()) == 3


@pytest.mark.parametrize("column", efficiency.EFFICIENCY_COLUMNS)
def test_efficiency_names_what_is_missing(column: str) -> None:
    with pytest.raises(DataError, match=f"no {column}"):
        efficiency.efficiency(_EFFICIENCY.drop(columns=column), make_panels(2))
    with pytest.raises(DataError, match="no rows"):
        efficiency.efficiency(_EFFICIENCY[:0], make_panels(2))


def test_a_report_gets_both_panels() -> None:
    assert len(efficiency.efficiency_figure(_EFFICIENCY).axes) == 2
