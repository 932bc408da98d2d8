"""The learning-rate schedule."""

import pytest

from collab_ensembles.schedule import learning_rate


@pytest.mark.parametrize(("epochs", "drops"), [(30, [15, 23, 28]), (15, [8, 12, 14]), (20, [10, 15, 19])])
def test_drops_come_where_the_reference_has_them(epochs: int, drops: list[int]) -> None:
    rates = [learning_rate(2.0**-10, epoch, epochs) for epoch in range(1, epochs + 1)]
    changes = [epoch for epoch in range(2, epochs + 1) if rates[epoch - 1] != rates[epoch - 2]]
    assert changes == drops
    assert [rates[0], *(rates[drop - 1] for drop in drops)] == [2.0**-10, 2.0**-11, 2.0**-12, 2.0**-13]
