"""The sizes of the ResNets of Noel (2017), section 2: bricks B, repetitions R and filters F."""

import dataclasses
import re
import reprlib

from collab_ensembles.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class ResNetSize:
    """B bricks of R repetitions each; the first convolution has F filters."""

    bricks: int
    repetitions: int
    filters: int

    def __str__(self) -> str:
        return f"B{self.bricks}R{self.repetitions}F{self.filters}"

    @property
    def image_divisor(self) -> int:
        """Height and width of the images must be multiples of this: each reduction halves them."""
        return int(2 ** (self.bricks - 1))


NAMED_SIZES = {"ST": ResNetSize(3, 1, 8), "M": ResNetSize(3, 2, 16)}
LONG_NAMES = {"ST": "shallow_and_thin", "M": "medium"}


def parse_size(member: str) -> ResNetSize:
    """The size that a member's name stands for: `ST`, `M`, or a size spelled out like `B3R5F16`.

    Raises:
      ConfigError: the name is neither.
    """
    if member in NAMED_SIZES:
        return NAMED_SIZES[member]
    match = re.fullmatch(r"B([1-9]\d?)R([1-9]\d{0,3})F([1-9]\d{0,3})", member)
    if match is None:
        raise ConfigError(
            f"unknown member {reprlib.repr(member)}; allowed: {', '.join(NAMED_SIZES)}, or bricks (1 to 99), "
            "repetitions and filters (1 to 9999) such as B3R5F16"
        )
    bricks, repetitions, filters = map(int, match.groups())
    return ResNetSize(bricks, repetitions, filters)
