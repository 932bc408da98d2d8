"""Plans a sweep: makes the list of runs from a grid, settings and seeds."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from collab_ensembles.errors import ConfigError, did_you_mean
from collab_ensembles.networks import own_files
from collab_ensembles.settings import registry
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text
from collab_ensembles.settings.method import Grid, Method


def find(name: str) -> tuple[Method, Grid]:
    """A grid by its name, with the system that defines it.

    Raises:
      ConfigError: there is none of this name.
    """
    grids = registry.grids()
    if name not in grids:
        raise ConfigError(f"--grid={name}: not known; allowed: {', '.join(grids)}{did_you_mean(name, grids)}")
    return grids[name]


def plan(name: str, settings: Mapping[str, Any], seeds: Sequence[int]) -> list[RunConfig]:
    """The runs of a grid for each seed; first all runs of the first seed, and so on.

    Raises:
      ConfigError: a setting is not allowed, has no effect in any run, or is one that the grid sets itself.
    """
    _, grid = find(name)
    if "members" in settings:
        # As the settings of runs have them; and each file is read once.
        settings = {**settings, "members": [own_files.sealed(member) for member in settings["members"]]}
    # A run that several seeds share is planned once.
    configs = list(dict.fromkeys(config for seed in seeds for config in grid.plan({**settings, "seed": seed})))
    for key, value in settings.items():
        others = [config for config in configs if not _has(config, key, value, key not in grid.sets)]
        text = as_text(value)
        if any(key not in config.without_effect() for config in others):
            raise ConfigError(f"--{key}={text}: --grid={name} sets this itself; leave it out")
        if len(others) == len(configs):
            raise ConfigError(f"--{key}={text} has no effect in --grid={name}; leave it out")
    return configs


def _has(config: RunConfig, key: str, value: Any, repeated: bool) -> bool:
    """Whether a run has a value, which a flag may write in another way: as text, or as a relative path.

    With `repeated` it may have the networks of `members` more often.
    """
    if getattr(config, key) == value:
        return True
    if key == "members" and repeated and config.members == (*value,) * (len(config.members) // len(value)):
        return True
    try:
        return dataclasses.replace(config, **{key: value}) == config
    except ConfigError:
        return False


def names(configs: Sequence[RunConfig]) -> list[str]:
    """The name of each run for people, such as `L2 0.01, seed 0`.

    Where descriptions are equal, it has the settings in which these runs differ: `plain, epochs 60, seed 0`; but not
    those that are at their defaults in all of them.
    """
    alike: dict[str, list[RunConfig]] = {}
    for config in configs:
        alike.setdefault(config.description(), []).append(config)
    differing = {
        description: [
            field.name
            for field in dataclasses.fields(group[0])
            if field.name != "seed"
            and len({getattr(config, field.name, None) for config in group}) > 1
            and any(getattr(config, field.name) != config.default_of(field) for config in group)
        ]
        for description, group in alike.items()
    }
    return [
        ", ".join(
            [
                config.description(),
                *(f"{name} {as_text(getattr(config, name))}" for name in differing[config.description()]),
                f"seed {config.seed}",
            ]
        )
        for config in configs
    ]


def row(settings: Mapping[str, Any], **own: Any) -> RunConfig:
    """A configuration with its own settings and with those of the grid's settings that have an effect there."""
    needed = {name: settings[name] for name in ("dataset", "members") if name in settings}
    idle = RunConfig(**{**needed, **own}).without_effect()
    return RunConfig(**{**{name: value for name, value in settings.items() if name not in idle}, **own})
