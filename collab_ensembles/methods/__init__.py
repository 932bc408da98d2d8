"""The systems: those of this project, one folder each, and those of other packages. Imports nothing heavy.

Each folder defines a `METHOD`, see `settings.method.Method`. Other packages register theirs as an entry point of the
group `collab_ensembles.methods`, under the name of the system. If such a package is broken, only its own system is
missing.
"""

import contextlib
import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from absl import logging

from collab_ensembles.errors import ConfigError, one_line
from collab_ensembles.settings.method import Grid, Method, Training

if TYPE_CHECKING:
    from collab_ensembles.settings.config import RunConfig

GROUP = "collab_ensembles.methods"
"""Of entry points."""


def names() -> list[str]:
    """The values of `--system`: this project's systems, then those of other packages, which may be broken."""
    return [*_folders(), *_entry_points()]


def usable() -> list[str]:
    """The systems in `names` that can be loaded."""
    found = []
    for name in names():
        with contextlib.suppress(ConfigError):
            method(name)
            found.append(name)
    return found


@functools.cache
def method(name: str) -> Method:
    """A system by its name.

    Raises:
      ConfigError: there is no such system, or its package is broken.
    """
    if name in _folders():
        return cast(Method, importlib.import_module(f"{__name__}.{name}").METHOD)
    points = _entry_points().get(name, [])
    if not points:
        raise ConfigError(f"--system={name}: not known; allowed: {', '.join(names())}")
    packages = " and ".join(sorted(point.dist.name if point.dist else point.value for point in points))
    if len(points) > 1:
        raise ConfigError(f"--system={name}: {packages} both define a system of this name; uninstall one")
    try:
        loaded = points[0].load()
    except Exception as error:
        raise _broken(name, packages, f"{type(error).__name__}: {one_line(error)}") from error
    wrong = _fault(name, loaded)
    if wrong:
        raise _broken(name, packages, f"{points[0].value} {wrong}")
    return cast(Method, loaded)


def training(config: "RunConfig") -> Training:
    """The functions that train a run of this configuration; imports TensorFlow.

    Raises:
      ConfigError: the module of another package cannot be imported.
    """
    module = method(config.system).training
    try:
        return cast(Training, importlib.import_module(module))
    except ImportError as error:
        raise ConfigError(f"--system={config.system}: {module} cannot be imported: {one_line(error)}") from error


def owners(field: str) -> list[str]:
    """The systems that have a setting of this name of their own."""
    return [name for name in usable() if field in {own.name for own in method(name).config.own_fields()}]


def grids() -> Mapping[str, tuple[Method, Grid]]:
    """The grids that sweeps can train, by name, each with its system."""
    found: dict[str, tuple[Method, Grid]] = {}
    for each in map(method, usable()):
        for name, grid in each.grids.items():
            if name in found:
                logging.warning(
                    "--system=%s: its grid %s is ignored, since %s has a grid of that name",
                    each.name,
                    name,
                    found[name][0].name,
                )
            else:
                found[name] = each, grid
    return found


@functools.cache
def _folders() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


@functools.cache
def _entry_points() -> dict[str, list[importlib.metadata.EntryPoint]]:
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.name in _folders():
            logging.warning(
                "%s: its system %s is ignored, since this project has a system of that name", point.value, point.name
            )
        else:
            found.setdefault(point.name, []).append(point)
    return found


def _fault(name: str, loaded: object) -> str:
    from collab_ensembles.settings.config import RunConfig

    if not isinstance(loaded, Method):
        return "is no collab_ensembles.settings.method.Method"
    if loaded.name != name:
        return f"is named {loaded.name}, and its entry point {name}"
    if not (isinstance(loaded.config, type) and issubclass(loaded.config, RunConfig)):
        return "has a config that is no subclass of RunConfig"
    return ""


def _broken(name: str, package: str, why: str) -> ConfigError:
    return ConfigError(f"--system={name}: the package {package} that defines it cannot be used: {why}")
