"""The learning-rate schedules."""

import math

import pytest

from collab_ensembles.schedule import cosine_cycles, exponential, learning_rate, step


@pytest.mark.parametrize(("epochs", "drops"), [(30, [15, 23, 28]), (15, [8, 12, 14]), (20, [10, 15, 19])])
def test_drops_come_where_the_reference_has_them(epochs: int, drops: list[int]) -> None:
    rates = [learning_rate(2.0**-10, epoch, epochs) for epoch in range(1, epochs + 1)]
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
