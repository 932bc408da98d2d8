"""The grid of the paper."""

import pytest

from collab_ensembles.config import RunConfig
from experiments import grids


def test_the_paper_has_thirteen_ensembles() -> None:
    """Section 5.2: three methods with four weights each, and the plain ensemble."""
    configs = grids.noel(RunConfig(dataset="mnist"))
    assert [(config.method, config.weight) for config in configs] == [
        ("None", 1.0),
        *((method, weight) for method in ("CE", "L1", "L2") for weight in (1.0, 0.1, 0.01, 0.0001)),
    ]
    assert len({config.digest() for config in configs}) == len(configs) == 13


def test_a_grid_keeps_all_other_settings() -> None:
    base = RunConfig(dataset="mnist", members=("ST", "ST", "M"), resnet="fixed", seed=3, augment=True)
    for config in grids.noel(base):
        same = {**config.to_json(), "method": "None", "weight": 1.0}
        assert same == base.to_json()


def test_a_grid_is_repeated_for_each_seed_one_after_the_other() -> None:
    configs = grids.with_seeds(grids.noel, RunConfig(), [5, 0])
    assert [config.seed for config in configs] == [5] * 13 + [0] * 13
    assert len({config.digest() for config in configs}) == 26
    assert [config.method for config in configs[:13]] == [config.method for config in configs[13:]]


@pytest.mark.parametrize("name", grids.GRIDS)
def test_every_named_grid_has_distinct_configurations(name: str) -> None:
    configs = grids.GRIDS[name](RunConfig())
    assert configs
    assert len(set(configs)) == len(configs)
