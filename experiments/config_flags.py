"""The settings of runs as absl flags, made from the fields of RunConfig and of each system's class."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from absl import flags

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings import grid, registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text, field_types
from collab_ensembles.settings.method import Method
from collab_ensembles.settings.shared_options import DEFAULT_SYSTEM
from experiments.command_line import Flag, FurtherFlags, given

DEFAULT_GRID = "noel"
_kind: type[RunConfig] | None = None
"""The class of settings whose flags are defined: each process defines the flags of one system."""


def of_system(arguments: Sequence[str]) -> FurtherFlags:
    """Defines the flags of the shared settings, and those of the `--system` in the arguments.

    The help does not show those that the system refuses.

    Raises:
      ConfigError: there is no such system, or its package is broken.
    """
    method = registry.method(given("system", arguments) or DEFAULT_SYSTEM)
    heading = f"Settings of --system={method.name} (for another system add --system=NAME to --help)"
    sections = _define(method, heading)
    return FurtherFlags(
        method.config.without_control(),
        sections,
        lambda: _defaults(functools.partial(_typical, method), arguments),
        lambda: _of_others(method),
        functools.partial(_owner, method),
    )


def of_grid(arguments: Sequence[str]) -> FurtherFlags:
    """The same for the system of the `--grid` in the arguments; what the grid or `--seeds` sets is not shown either.

    Raises:
      ConfigError: there is no such grid.
    """
    method, chosen = grid.find(given("grid", arguments) or DEFAULT_GRID)
    grids = {name: each for name, (_, each) in registry.grids().items()}
    texts = _lines({name: each.summary for name, each in grids.items()})
    flags.DEFINE_enum("grid", DEFAULT_GRID, list(grids), f"what to train{texts}")
    sections = _define(
        method, f"Settings of --system={method.name}, which this grid trains", without=("system", "seed")
    )
    return FurtherFlags(
        (*chosen.sets, *method.config.without_control()),
        {"Grid": ["grid"], **sections},
        lambda: _defaults(lambda settings: chosen.plan(settings)[0], arguments),
        lambda: _of_others(method),
        functools.partial(_owner, method),
    )


def _define(method: Method, heading: str, without: Collection[str] = ()) -> dict[str, list[str]]:
    """Defines the flags of a system's settings; returns their names by heading."""
    global _kind
    _kind = method.config
    types, own = field_types(_kind), {field.name for field in _kind.own_fields()}
    sections: dict[str, list[str]] = {}
    for field in _kind.in_order():
        if field.name in own and field.name in flags.FLAGS:
            raise ConfigError(
                f"--system={method.name}: its setting {field.name} has the name of a flag of this command; the "
                "package that brings the system has to rename it"
            )
        if field.name not in without:
            _define_flag(field, types[field.name])
            sections.setdefault(heading if field.name in own else field.metadata["heading"], []).append(field.name)
    return sections


def _lines(texts: Mapping[str, str]) -> str:
    """A line for each name of a list that is too long for a sentence."""
    return "".join(f"\n    {name}: {text.rstrip('.')}" for name, text in texts.items())


def _define_flag(field: "dataclasses.Field[typing.Any]", kind: object) -> None:
    text, choices = field.metadata["help"], field.metadata["choices"]
    default: typing.Any = list(field.default) if isinstance(field.default, tuple) else field.default
    if field.name == "system":
        choices = tuple(registry.names())
        text = f"the way to learn together{_lines({name: registry.method(name).summary for name in registry.usable()})}"
    if choices:
        flags.DEFINE_enum(field.name, default, list(choices), text)
    else:
        _DEFINERS[kind](field.name, default, text)


def _defaults(typical: Callable[[dict[str, typing.Any]], RunConfig], arguments: Sequence[str]) -> dict[str, str]:
    """The defaults that depend on data and networks, for those in the arguments; empty if these are not allowed."""
    named = {name: given(name, arguments) for name in ("dataset", "members")}
    lists = flags.ListParser()
    try:
        config = typical(
            {name: lists.parse(value) if name == "members" else value for name, value in named.items() if value}
        )
    except (ConfigError, ValueError):
        return {}
    derived = (field.name for field in config.in_order() if field.default is None)
    values = {name: getattr(config, name) for name in derived}
    # As absl writes booleans.
    texts = {name: str(value).lower() if isinstance(value, bool) else as_text(value) for name, value in values.items()}
    return {name: text for name, text in texts.items() if values[name] is not None}


def _typical(method: Method, settings: dict[str, typing.Any]) -> RunConfig:
    """A run of a system; files that it needs have made-up names."""
    files = {field.name: ("any.keras",) for field in method.config.own_fields() if field.metadata["kept_in"]}
    return RunConfig(**{"system": method.name, **files, **settings})


def _of_others(method: Method) -> list[tuple[str, list[Flag]]]:
    """The settings that the system refuses, and those of the other systems, by heading."""
    refused = method.config.without_control()
    described = {
        f"Settings that --system={method.name} refuses": [
            field for field in method.config.in_order() if field.name in refused
        ],
        **{
            f"Settings of --system={each.name}": each.config.own_fields()
            for each in map(registry.method, registry.usable())
            if each is not method
        },
    }
    return [
        (heading, [(field.name, field.metadata["help"], field.default) for field in fields])
        for heading, fields in described.items()
        if fields
    ]


def _owner(method: Method, flag: str) -> str:
    """The message for a flag that is not defined: the system that it belongs to, or an empty text."""
    return registry.misplaced(flag, method.name) or registry.misplaced(flag.removeprefix("no"), method.name)


def settings() -> dict[str, typing.Any]:
    """The settings that were given as flags, without those that have their default.

    Raises:
      ConfigError: a flag for Keras files names none, as with an unset variable of the shell.
    """
    fields = [field for field in _fields() if field.name in flags.FLAGS and flags.FLAGS[field.name].present]
    values = {field.name: flags.FLAGS[field.name].value for field in fields}
    for field in fields:
        if field.metadata["kept_in"] and not values[field.name]:
            raise ConfigError(f"--{field.name} is empty; name a Keras file, such as those of experiments.export")
    return values


def _fields() -> list["dataclasses.Field[typing.Any]"]:
    assert _kind is not None, "no flags are defined"
    return _kind.in_order()


def config() -> RunConfig:
    """The configuration that the flags give.

    Raises:
      ConfigError: a value is not allowed; `check_data` checks it against the data set.
    """
    return RunConfig(**settings())


def check_data(configs: Iterable[RunConfig]) -> None:
    """Raises ConfigError if settings do not fit the shape and size of the data set."""
    described: dict[object, catalogue.Description] = {}
    for config in configs:
        # Once for all of them: a folder of images has to be read.
        data = config.dataset, config.split, config.folder_reading()
        if data not in described:
            described[data] = catalogue.describe(*data)
        config.check_data(described[data])


def arguments(run: RunConfig) -> list[str]:
    """The flags for the settings of `run`, without those that have their default."""
    return [f"--{name}={as_text(value)}" for name, value in run.changed().items()]


_DEFINERS: dict[object, Callable[..., object]] = {
    str: flags.DEFINE_string,
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    int | None: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    float | str: flags.DEFINE_string,
    tuple[str, ...]: flags.DEFINE_list,
}
