"""Declares the settings of a run, converts them to their types and checks them one by one."""

import csv
import dataclasses
import io
import math
import operator
import reprlib
import typing
from collections.abc import Mapping
from typing import Any

from collab_ensembles.errors import ConfigError

MOST = 2**31 - 1

WHAT, TRAINING = "Data and networks", "Training"
"""Headings of the shared settings."""

KINDS: tuple[Any, ...] = (str, bool, int, int | None, float, float | str, tuple[str, ...])
"""The types that a setting can have."""


def option(
    default: Any, description: str, choices: tuple[str, ...] = (), *, heading: str = "", kept_in: str = ""
) -> Any:
    """A field of a configuration.

    Args:
      default: the default; None if it depends on other fields, see `RunFields.default`.
      description: the help text of its flag.
      choices: the allowed values, if there are only a few.
      heading: the heading in the help; if empty, that of the system's own fields.
      kept_in: for a field that names Keras files: the directory in the run directory where copies are kept.
    """
    return dataclasses.field(
        default=default,
        metadata={"help": description, "choices": choices, "heading": heading, "kept_in": kept_in},
    )


_types: dict[type, dict[str, Any]] = {}


def field_types(kind: type) -> dict[str, Any]:
    """The types of a configuration's fields by name; cached, since it takes time to find them."""
    if kind not in _types:
        _types[kind] = typing.get_type_hints(kind)
    return _types[kind]


def typed(name: str, kind: Any, value: Any) -> Any:
    """Converts the value to the type of its field, so that equal settings have equal digests. JSON has no tuples.

    Raises:
      ConfigError: the value does not have this type.
    """
    try:
        if kind is float:
            # Adding 0 turns -0.0 into 0.0, which is equal to it.
            return float(value) + 0.0
        if kind == float | str:
            return _number_or_text(value)
        if kind is int or (kind == int | None and value is not None):
            return operator.index(value)
        if kind == tuple[str, ...] and not isinstance(value, str):
            return tuple(_typed_as(str, member) for member in value)
        return _typed_as(kind, value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"--{name}={reprlib.repr(value)}: needed: {getattr(kind, '__name__', kind)}") from error


def _number_or_text(value: Any) -> float | str:
    """A number, also if it is written as text; any other text as it is."""
    try:
        return float(value) + 0.0
    except ValueError:
        return str(_typed_as(str, value))


def _typed_as(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind}")
    return value


def as_text(value: object) -> str:
    """The value of a setting as a flag takes it: lists are separated by commas, and quoted where they have some."""
    if not isinstance(value, tuple | list):
        return str(value)
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(value)
    return line.getvalue()


def check_whole(name: str, value: int | None, least: int, most: int = MOST) -> None:
    """Raises ConfigError unless the value is None or a whole number from `least` to `most`."""
    if value is not None and not least <= value <= most:
        raise ConfigError(f"--{name}={value}: allowed: whole numbers from {least} to {most:,}")


def check_number(
    name: str, value: float, least: float = 0.0, most: float = math.inf, *, above: bool = False, below: bool = False
) -> None:
    """Raises ConfigError unless the value is a finite number from `least` to `most`.

    Args:
      name: the name of the field.
      value: its value.
      least: the least value; `above`: this value itself is not allowed.
      most: the greatest value; `below`: this value itself is not allowed.
      above: see `least`.
      below: see `most`.
    """
    excluded = (above and value == least) or (below and value == most)
    if math.isfinite(value) and least <= value <= most and not excluded:
        return
    lower = f"{'above' if above else 'from'} {least:g}"
    upper = "" if most == math.inf else f" {'to below' if below else 'to'} {most:g}"
    raise ConfigError(f"--{name}={value}: allowed: finite numbers {lower}{upper}")


def check_effects(config: Any, without_effect: Mapping[str, Any], given: str) -> None:
    """Raises ConfigError if a setting that has no effect with those in `given` has another value."""
    for name, only in without_effect.items():
        value = getattr(config, name)
        if value != only:
            raise ConfigError(f"--{name}={as_text(value)}: has no effect with {given}; leave it out")
