"""The fields of RunConfig as absl flags, declared once: in RunConfig."""

import dataclasses
import typing
from collections.abc import Collection

from absl import flags

from collab_ensembles.data import catalogue
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import field_types


def define(without: Collection[str] = ()) -> None:
    """Defines a flag for each field of RunConfig but those in `without`."""
    types = field_types(RunConfig)
    for field in dataclasses.fields(RunConfig):
        if field.name in without:
            continue
        text, choices = field.metadata["help"], field.metadata["choices"]
        default: typing.Any = list(field.default) if isinstance(field.default, tuple) else field.default
        if choices:
            flags.DEFINE_enum(field.name, default, list(choices), text)
        else:
            _DEFINERS[types[field.name]](field.name, default, text)


def settings() -> dict[str, typing.Any]:
    """The fields of RunConfig that were given as flags; the others stay at their default."""
    names = [field.name for field in dataclasses.fields(RunConfig)]
    return {name: flags.FLAGS[name].value for name in names if name in flags.FLAGS and flags.FLAGS[name].present}


def config() -> RunConfig:
    """The configuration that the flags give.

    Raises:
      ConfigError: a value is not allowed by itself; `check_data` says whether it is for the data set.
    """
    result = RunConfig(**settings())
    check_belong(result)
    return result


def check_belong(config: RunConfig) -> None:
    """Raises ConfigError for flags of other systems: at their default too, since who gives them means another one."""
    for name in settings():
        config.check_belongs(name)


def check_data(config: RunConfig) -> None:
    """Raises ConfigError if settings do not go with the shape and size of the data set."""
    config.check_data(catalogue.describe(config.dataset, config.split))


def arguments(run: RunConfig) -> list[str]:
    """The flags that give `run`, without those at their default."""
    result = []
    for field in dataclasses.fields(RunConfig):
        value = getattr(run, field.name)
        if value != run.default_of(field):
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            result.append(f"--{field.name}={text}")
    return result


_DEFINERS: dict[object, typing.Callable[..., object]] = {
    str: flags.DEFINE_string,
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    int | None: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    tuple[str, ...]: flags.DEFINE_list,
}
