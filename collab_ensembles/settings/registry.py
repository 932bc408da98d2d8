"""The systems that there are: the folders of `collab_ensembles.methods`, and those of other packages.

A folder has a `METHOD`, see `settings.method.Method`. An entry point of the group `collab_ensembles.methods` refers to
one, under the name of its system. A package that cannot be used takes away its own system and nothing else. This module
imports nothing heavy.
"""

import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from absl import logging

from collab_ensembles.errors import ConfigError, did_you_mean, one_line
from collab_ensembles.settings.method import Grid, Method, Spread, Training

if TYPE_CHECKING:
    from collab_ensembles.settings.config import RunConfig

GROUP = "collab_ensembles.methods"
"""The group of entry points; also the package of our own systems, which nothing here names one by one."""


class UnknownSystemError(ConfigError):
    """A system that is not there, or cannot be used."""


def names() -> list[str]:
    """What `--system` takes: our own systems, then those of other packages, which may turn out to be broken."""
    return [*folders(), *_entry_points()]


def usable() -> list[str]:
    """The names of the systems that can be loaded."""
    return [name for name in names() if isinstance(_loaded(name), Method)]


def method(name: str) -> Method:
    """A system by its name.

    Raises:
      UnknownSystemError: there is none, or the package that brings it cannot be used.
    """
    found = _loaded(name) if isinstance(name, str) else "needed: a name"
    if isinstance(found, Method):
        return found
    raise UnknownSystemError(f"--system={name}: {found}")


def training(config: "RunConfig") -> Training:
    """The functions that train such a run; this imports TensorFlow.

    Raises:
      ConfigError: the module of another package cannot be used.
    """
    name = method(config.system).training
    try:
        module = importlib.import_module(name)
    except Exception as error:
        why = f"{type(error).__name__}: {one_line(error)}"
        raise ConfigError(f"--system={config.system}: its module {name} cannot be imported: {why}") from error
    missing = [each for each in ("build", "optimizer", "learning_rates") if not callable(getattr(module, each, None))]
    if missing:
        raise ConfigError(f"--system={config.system}: its module {name} has no function {' and no '.join(missing)}")
    return cast(Training, module)


def spread(config: "RunConfig") -> Spread:
    """The function that builds what several processes train, see `check_team`; this imports TensorFlow."""
    return cast(Spread, importlib.import_module(method(config.system).spread))


def check_team(config: "RunConfig", with_team: bool) -> None:
    """Raises ConfigError if several processes cannot train such a run, or if one cannot.

    Args:
      config: of the run.
      with_team: several are to train it.
    """
    if with_team and not method(config.system).spread:
        able = [name for name in usable() if method(name).spread]
        raise ConfigError(
            f"--executor=ray: one run can be spread with --system={' or '.join(able)}; received "
            f"--system={config.system}; leave --executor out, or send whole runs with experiments.sweep"
        )
    if config.team_only and not with_team:
        raise ConfigError(
            f"{config.team_only}: needs experiments.train --executor=ray; leave one out, or add the other"
        )


def owners(field: str) -> list[str]:
    """The systems that have a setting of this name for themselves."""
    return [name for name in usable() if field in {own.name for own in method(name).config.own_fields()}]


def misplaced(field: str, system: str) -> str:
    """The message for a setting of other systems than this one; empty if no system has such a setting."""
    found = owners(field)
    return f"--{field} belongs to --system={' or '.join(found)}; received --system={system}" if found else ""


@functools.cache
def grids() -> Mapping[str, tuple[Method, Grid]]:
    """What sweeps can train, by name, with the system that brings it."""
    found: dict[str, tuple[Method, Grid]] = {}
    for each in map(method, usable()):
        for name, grid in each.grids.items():
            if name in found:
                first = found[name][0].name
                logging.warning("--system=%s: its grid %s is ignored: %s has one of this name", each.name, name, first)
            else:
                found[name] = each, grid
    return found


@functools.cache
def folders() -> list[str]:
    """The names of our own systems."""
    return sorted(
        module.name for module in pkgutil.iter_modules(importlib.import_module(GROUP).__path__) if module.ispkg
    )


@functools.cache
def _loaded(name: str) -> Method | str:
    """A system, or why there is none."""
    if name in folders():
        return cast(Method, importlib.import_module(f"{GROUP}.{name}").METHOD)
    points = _entry_points().get(name, [])
    if not points:
        return f"not known; allowed: {', '.join(names())}{did_you_mean(name, names())}"
    packages = " and ".join(sorted(point.dist.name if point.dist else point.value for point in points))
    if len(points) > 1:
        return f"the packages {packages} both bring a system of this name; uninstall one"
    start = f"the package {packages} that brings it cannot be used:"
    try:
        loaded = points[0].load()
        fault = _fault(name, loaded)
    except (Exception, SystemExit) as error:
        return f"{start} {type(error).__name__}: {one_line(error)}"
    return f"{start} {points[0].value} {fault}" if fault else cast(Method, loaded)


@functools.cache
def _entry_points() -> dict[str, list[importlib.metadata.EntryPoint]]:
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.name in folders():
            logging.warning("%s: its system %s is ignored: this project has one of this name", point.value, point.name)
        else:
            found.setdefault(point.name, []).append(point)
    return found


def _fault(name: str, loaded: object) -> str:
    """What is wrong with what an entry point refers to, or nothing."""
    if not isinstance(loaded, Method):
        return "is no collab_ensembles.settings.method.Method"
    if loaded.name != name:
        return f"is named {loaded.name}, and its entry point {name}"
    if not isinstance(loaded.training, str):
        return "has a training that is no name of a module"
    if not isinstance(loaded.grids, Mapping) or not all(isinstance(grid, Grid) for grid in loaded.grids.values()):
        return "has grids that are no mapping from names to Grid"
    of_settings = getattr(loaded.config, "fault", None)
    return of_settings() if callable(of_settings) else "has a config that is no subclass of RunConfig"
