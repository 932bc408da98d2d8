"""Planning a sweep: from a grid's name, settings and seeds to the runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from collab_ensembles import methods
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.method import Grid, Method


def find(name: str) -> tuple[Method, Grid]:
    """A grid, with the system that brings it.

    Raises:
      ConfigError: there is none of this name.
    """
    grids = methods.grids()
    if name not in grids:
        raise ConfigError(f"--grid={name}: not known; allowed: {', '.join(grids)}")
    return grids[name]


def plan(name: str, settings: Mapping[str, Any], seeds: Sequence[int]) -> list[RunConfig]:
    """A grid once for each seed; all of it for the first seed comes first.

    Raises:
      ConfigError: a setting is not allowed, has no effect in any run, or is one that the grid lays down itself.
    """
    _, grid = find(name)
    configs = [config for seed in seeds for config in grid.plan({**settings, "seed": seed})]
    for key, value in settings.items():
        given = tuple(value) if isinstance(value, list) else value
        # A data set's path is made absolute.
        others = [config for config in configs if getattr(config, key) != given and key != "dataset"]
        text = ",".join(value) if isinstance(value, list) else value
        if any(key not in config.without_effect() for config in others):
            raise ConfigError(f"--{key}={text}: --grid={name} sets this itself; leave it out")
        if len(others) == len(configs):
            raise ConfigError(f"--{key}={text} has no effect in --grid={name}; leave it out")
    return configs


def row(settings: Mapping[str, Any], **own: Any) -> RunConfig:
    """A configuration of its own settings and of those of the grid that have an effect beside them."""
    needed = {name: settings[name] for name in ("dataset", "members") if name in settings}
    idle = RunConfig(**{**needed, **own}).without_effect()
    return RunConfig(**{**{name: value for name, value in settings.items() if name not in idle}, **own})
