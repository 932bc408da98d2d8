"""Flags with any value: a configuration, or an error that the command shows in one line."""

from collections.abc import Iterator

import pytest
from absl import flags
from hypothesis import given
from hypothesis import strategies as st
from parsed_flags import FIELDS, parse, undefined

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from experiments import config_flags


@pytest.fixture(autouse=True, scope="module")
def _flags() -> Iterator[None]:
    with undefined():
        yield


_MEMBERS = st.one_of(st.sampled_from(["ST", "M", ""]), st.from_regex(r"B\d{1,2}R\d{1,2}F\d{1,2}", fullmatch=True))
_NUMBERS = st.one_of(st.integers(-3, 3000), st.integers(), st.floats(), st.just(10**400), st.just(0.5)).map(str)


def _likely(name: str) -> st.SearchStrategy[str]:
    """Values that are often allowed for a flag, and sometimes not."""
    choices = FIELDS[name].metadata["choices"]
    if name == "members":
        return st.lists(_MEMBERS, max_size=4).map(",".join)
    if name == "dataset":
        return st.sampled_from(["digits", "mnist", "cifar100", "notmnist", "digits ", "nowhere.npz", ".npz"])
    if choices:
        return st.sampled_from([*choices, choices[0].upper(), ""])
    if FIELDS[name].type is bool:
        return st.sampled_from(["true", "false", "1", "0", "yes", ""])
    return _NUMBERS


@st.composite
def _arguments(draw: st.DrawFn) -> list[str]:
    system = draw(st.sampled_from(registry.names()))
    fields = [field.name for field in registry.method(system).config.in_order()]
    # All networks take images of CIFAR-10, and few those of digits.
    result = [f"--system={system}", "--dataset=cifar10"]
    for name in draw(st.lists(st.sampled_from(fields), min_size=1, max_size=4)):
        value = draw(st.one_of(_likely(name), _likely(name), st.text(max_size=12)))
        spelling = draw(st.sampled_from(["--{0}={1}", "--{0}={1}", "-{0}={1}", "--{0}", "--no{0}"]))
        result.append(spelling.format(name, value))
    return result


@given(arguments=_arguments())
def test_any_values_of_flags_give_a_configuration_that_comes_back_or_an_error_of_its_kind(arguments: list[str]) -> None:
    try:
        config = parse(*arguments)
    except (ConfigError, flags.Error):
        return
    again = parse(*config_flags.arguments(config))
    assert again == config
    assert again.digest() == config.digest()


@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data())
def test_each_flag_alone_refuses_what_it_does_not_allow(name: str, data: st.DataObject) -> None:
    value = data.draw(st.one_of(_likely(name), st.text(max_size=12)))
    try:
        config = parse(f"--system={(registry.owners(name) or ['ensemble'])[0]}", f"--{name}={value}")
    except (ConfigError, flags.Error):
        return
    assert RunConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("member", ["B20000R1F1", "B" + "9" * 5000 + "R1F1"], ids=len)
def test_more_bricks_than_any_image_can_have_are_a_config_error(member: str) -> None:
    with pytest.raises(ConfigError):
        parse(f"--members={member}")
