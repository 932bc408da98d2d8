"""Links between members as text: `ST<-M:0.1` says that ST learns from M with weight 0.1. Imports nothing heavy."""

import dataclasses
import math
import re
from collections.abc import Sequence

from collab_ensembles.errors import ConfigError

_FORM = re.compile(r"(?P<target>[^<>:]+)<-(?P<source>[^<>:]+):(?P<weight>.+)")


@dataclasses.dataclass(frozen=True)
class DirectedLink:
    """One direction of collaboration.

    Attributes:
      target: the name of the member that learns.
      source: the name of the member that it learns from.
      weight: of the link's cost, above 0.
    """

    target: str
    source: str
    weight: float

    def __str__(self) -> str:
        return f"{self.target}<-{self.source}:{str(self.weight).removesuffix('.0')}"


def parse(texts: Sequence[str], members: Sequence[str]) -> list[DirectedLink]:
    """The links that texts name.

    Args:
      texts: such as `ST<-M:0.1`.
      members: the names of the members, such as `ST` and `M`, or `M` and `M_2`.

    Raises:
      ConfigError: a text has another form, names no member, one member twice or a weight that is not allowed, or a link
        is there twice.
    """
    links: list[DirectedLink] = []
    for text in texts:
        match = _FORM.fullmatch(text.replace(" ", ""))
        if not match:
            raise ConfigError(f"--links: received {text!r}; needed: TARGET<-SOURCE:WEIGHT, such as {_example(members)}")
        target, source, weight = match["target"], match["source"], _number(match["weight"])
        for name in (target, source):
            if name not in members:
                raise ConfigError(f"--links: {text} names {name}; allowed: the members, {', '.join(members)}")
        if target == source:
            raise ConfigError(f"--links: {text} links {target} to itself; name two members")
        if not 0 < weight < math.inf:
            raise ConfigError(
                f"--links: {text} has the weight {match['weight']}; allowed: finite numbers above 0 (leave out a link "
                "without a weight)"
            )
        if any((link.target, link.source) == (target, source) for link in links):
            raise ConfigError(f"--links: {target}<-{source} is there twice; give each link once")
        links.append(DirectedLink(target, source, weight))
    return links


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _example(members: Sequence[str]) -> str:
    target, source = (members[0], members[1]) if len(members) > 1 else ("ST", "M")
    return f"'{target}<-{source}:0.1'"
