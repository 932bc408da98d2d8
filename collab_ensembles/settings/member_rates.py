"""Learning rates of members, as `--learning_rate=ST:0.001,M:0.0005` writes them. Imports nothing heavy."""

from collections.abc import Sequence

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.fields import check_number

_FORM = "a number, or one for each member, such as ST:0.001,M:0.0005"


def parse(text: str, members: Sequence[str]) -> dict[str, float]:
    """The rate of each member, in the order of the members.

    Args:
      text: the rates, each after the name of its member and a colon.
      members: their names.

    Raises:
      ConfigError: something is no rate of a member, a member has none or two, or a rate is not allowed.
    """
    rates: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.strip().rpartition(":")
        try:
            rate = float(number) + 0.0
        except ValueError as error:
            raise ConfigError(f"--learning_rate={text}: {part!r} is no rate; needed: {_FORM}") from error
        if name not in members:
            raise ConfigError(f"--learning_rate={text}: no member {name!r}; the members are {', '.join(members)}")
        if name in rates:
            raise ConfigError(f"--learning_rate={text}: {name} has two rates; needed: one")
        check_number("learning_rate", rate, above=True)
        rates[name] = rate
    missing = [name for name in members if name not in rates]
    if missing:
        raise ConfigError(f"--learning_rate={text}: no rate of {', '.join(missing)}; needed: one for each member")
    return {name: rates[name] for name in members}


def normal(text: str, members: Sequence[str]) -> float | str:
    """Rates in one spelling, so that equal settings have equal digests; equal rates are one number. Errors: `parse`."""
    rates = parse(text, members)
    if len(set(rates.values())) == 1:
        return next(iter(rates.values()))
    return ",".join(f"{name}:{rate!r}" for name, rate in rates.items())
