"""The learning-rate schedules."""

import math

import pytest

from collab_ensembles.methods.fdl.recipes import exponential
from collab_ensembles.methods.snapshot import cycles as schedules
from collab_ensembles.methods.snapshot.cycles import cosine_cycles
from collab_ensembles.models.schedules import halving, step


@pytest.mark.parametrize(("epochs", "drops"), [(30, [15, 23, 28]), (15, [8, 12, 14]), (20, [10, 15, 19])])
def test_drops_come_where_the_reference_has_them(epochs: int, drops: list[int]) -> None:
    rates = [halving(2.0**-10, epoch, epochs) for epoch in range(1, epochs + 1)]
    changes = [epoch for epoch in range(2, epochs + 1) if rates[epoch - 1] != rates[epoch - 2]]
    assert changes == drops
    assert [rates[0], *(rates[drop - 1] for drop in drops)] == [2.0**-10, 2.0**-11, 2.0**-12, 2.0**-13]


@pytest.mark.parametrize(("epochs", "drops"), [(200, [100, 150]), (300, [150, 225]), (7, [4, 6]), (2, [1])])
def test_steps_come_at_half_and_three_quarters_of_the_epochs(epochs: int, drops: list[int]) -> None:
    rates = [step(0.1, epoch, epochs) for epoch in range(epochs)]
    assert [epoch for epoch in range(1, epochs) if rates[epoch] != rates[epoch - 1]] == drops
    assert [rates[0], *(rates[drop] for drop in drops)] == pytest.approx([0.1, 0.01, 0.001][: len(drops) + 1])


def test_the_exponential_falls_towards_its_floor_and_ends_below_it() -> None:
    assert exponential(0.1, 0, 221) == pytest.approx(0.10001)
    assert exponential(0.1, 100, 221) == pytest.approx(1e-5 + 0.1 * math.e**-3)
    assert exponential(0.1, 219, 220) == pytest.approx(1e-5 + 0.1 * math.e**-6.57)
    assert exponential(0.1, 220, 220) == exponential(0.5, 399, 221) == exponential(0.1, 221, 221) == 2e-5
    assert exponential(0.1, 220, 221) == pytest.approx(1e-5 + 0.1 * math.e**-6.6)


def test_cosine_cycles_begin_anew() -> None:
    """Huang et al. (2017), equation 2, whose iterations t are counted from 1; here with epochs for iterations."""
    for epochs, cycles, length in ((250, 5, 50), (11, 3, 4)):
        expected = [0.1 / 2 * (math.cos(math.pi * ((t - 1) % length) / length) + 1) for t in range(1, epochs + 1)]
        received = [cosine_cycles(0.1, epoch, epochs, cycles) for epoch in range(epochs)]
        assert received == pytest.approx(expected)
        assert [epoch for epoch, rate in enumerate(received) if rate == 0.1] == list(range(0, epochs, length))
    assert [cosine_cycles(0.1, epoch, 8, 2) for epoch in (2, 6)] == pytest.approx([0.05, 0.05])


def test_fast_geometric_rates_are_an_ordinary_training_cut_off_by_triangles() -> None:
    """Garipov et al. (2018): VGG-16, cycles of 2 of 200 epochs; here the last half cycle is not there."""

    def rate(epoch: float) -> float:
        return schedules.triangular_cycles(0.05, 1e-2, 5e-4, epoch, 200, 22, 2)

    assert schedules.first_triangle(200, 22, 2) == 157
    for epoch in (0, 42.5, 99.9):
        assert rate(epoch) == 0.05
    # From half of the epochs, counted from 1, on a line that would end at 90 %.
    for epoch in (100, 130, 156):
        share = (epoch + 1) / 200
        assert rate(epoch) == rate(epoch + 0.7) == pytest.approx(0.05 * (1 - (share - 0.5) / 0.4 * 0.99))
    assert schedules.triangular_cycles(0.05, 1e-2, 5e-4, 185, 200, 2, 2) == pytest.approx(0.0005)
    # Algorithm 1 of the paper, with c iterations a cycle, and the last one of a half at alpha 2.
    for begun, expected in ((0, 1e-2), (0.5, 5.25e-3), (1, 5e-4), (1.5, 5.25e-3), (2, 1e-2), (41, 5e-4)):
        assert rate(157 + begun) == pytest.approx(expected)


def test_fast_geometric_snapshots_are_taken_where_the_rate_is_lowest() -> None:
    starts = schedules.triangular_starts(30, 3, 4)
    assert starts == [0, 22, 26]
    for taken in (*starts[1:], 30):
        rates = [schedules.triangular_cycles(0.1, 0.05, 5e-4, taken + step, 30, 3, 4) for step in (-0.1, 0, 0.1)]
        assert min(rates) == rates[1] == pytest.approx(5e-4)
