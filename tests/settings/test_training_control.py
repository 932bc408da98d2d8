"""Settings that control a training: what they may be, and that those of before keep their digests."""

from typing import Any

import pytest

from collab_ensembles.data.catalogue import Description
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.config import RunConfig


def test_rates_of_members_have_one_spelling() -> None:
    spellings = ("ST:0.001,M:0.0005", "M:5e-4, ST:1e-3")
    configs = [RunConfig(learning_rate=spelling) for spelling in spellings]
    assert configs[0] == configs[1]
    assert configs[0].rates() == {"ST": 0.001, "M": 0.0005}
    assert list(configs[1].rates()) == ["ST", "M"]
    assert RunConfig.from_json(configs[0].to_json()).digest() == configs[1].digest()
    assert "learning_rate" in configs[0].description()


def test_equal_rates_are_the_run_with_one_rate() -> None:
    assert RunConfig(learning_rate="ST:0.01,M:0.01") == RunConfig(learning_rate=0.01) == RunConfig(learning_rate="0.01")
    assert RunConfig(learning_rate=0.01).rates() == {}


def test_each_copy_of_a_member_has_its_rate() -> None:
    config = RunConfig(members=("ST", "ST"), learning_rate="ST:0.1,ST_2:0.2")
    assert config.rates() == {"ST": 0.1, "ST_2": 0.2}


@pytest.mark.parametrize(
    ("settings", "fragments"),
    [
        ({"learning_rate": "ST:0.1,L:0.2"}, ["'L'", "ST, M"]),
        ({"learning_rate": "ST:0.1"}, ["no rate of M"]),
        ({"learning_rate": "ST:0.1,M:0.2,M:0.3"}, ["M has two"]),
        ({"learning_rate": "ST:0.1,M:fast"}, ["'M:fast'"]),
        ({"learning_rate": "ST:0.1,M:-0.2"}, ["--learning_rate=-0.2", "above 0"]),
        ({"learning_rate": "quick"}, ["'quick'"]),
        ({"learning_rate": "head1:0.1", "system": "multihead", "members": ("resnet20",)}, ["--system=ensemble"]),
        ({"learning_rate": "ST:0.1,M:0.2", "system": "fdl"}, ["--learning_rate=ST:0.1,M:0.2", "--system=fdl"]),
        ({"test_every": 0}, ["--test_every=0", "from 1 to 30"]),
        ({"test_every": 31}, ["--test_every=31", "from 1 to 30"]),
        ({"test_every": 2, "early_stopping": 3}, ["--test_every=2", "--early_stopping=3"]),
        ({"test_every": 2, "system": "fdl"}, ["--test_every=2", "--system=ensemble"]),
        ({"class_weight": "even"}, ["--class_weight=even", "none, balanced"]),
        ({"class_weight": "balanced", "system": "snapshot"}, ["--system=snapshot", "--system=ensemble"]),
    ],
)
def test_contradictions_are_refused_in_one_line(settings: dict[str, Any], fragments: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**settings)
    assert "\n" not in str(caught.value)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_there_is_a_test_after_every_so_many_epochs_and_the_last() -> None:
    config = RunConfig(epochs=7, test_every=3)
    assert [epoch for epoch in range(7) if config.is_tested(epoch)] == [2, 5, 6]
    assert all(RunConfig(epochs=7).is_tested(epoch) for epoch in range(7))


def test_a_row_is_named_by_what_changes_its_weights() -> None:
    assert RunConfig(test_every=3).description() == RunConfig().description() == "plain"
    for changes in ({"class_weight": "balanced"}, {"pad": True}, {"early_stopping": 3}, {"continue_from": "/runs/one"}):
        (name,) = changes
        assert f"plain, {name} " in RunConfig(**changes).description()


def test_padding_is_for_images_that_need_it() -> None:
    of = {side: Description((side, side, 1), 1000) for side in (27, 28)}
    with pytest.raises(ConfigError, match=r"27 x 27; .*add --pad$"):
        RunConfig().check_data(of[27])
    RunConfig(pad=True).check_data(of[27])
    with pytest.raises(ConfigError, match=r"^--pad: images of 28 x 28 fit ST, M as they are; leave it out$"):
        RunConfig(pad=True).check_data(of[28])
    with pytest.raises(ConfigError, match=r"less often$"):
        RunConfig(system="multihead", members=("densenet40-12",)).check_data(of[27])
