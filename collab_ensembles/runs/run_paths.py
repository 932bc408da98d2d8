"""Finds the files that a run's settings name, also after a move.

Settings have absolute paths, which are part of their digest. config.json also has these paths relative to the run
directory, so that a folder with data and runs can be moved or renamed as a whole.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from collab_ensembles.data import catalogue
from collab_ensembles.networks import own_files
from collab_ensembles.settings.config import RunConfig

Paths = dict[str, list[str]]
"""By the name of the field."""


def relative(config: RunConfig, directory: str) -> Paths:
    """The files that settings name, as paths relative to a run directory; empty if they name none."""
    start = os.path.abspath(directory)
    return {name: [os.path.relpath(path, start) for path in paths] for name, paths in _named(config).items()}


def located(config: RunConfig, recorded: Mapping[str, Any], directory: str) -> RunConfig:
    """The settings with the present paths of the files.

    A file is first looked for at its recorded relative path, then at the path in the settings. If it is at neither, the
    result has the relative one: the folder was moved and its data were removed.

    Raises:
      TypeError: `recorded` is not a result of `relative`.
      ValueError: likewise.
    """
    start = os.path.abspath(directory)
    changes: dict[str, Any] = {}
    for name, paths in _named(config).items():
        if name in recorded:
            pairs = zip(paths, recorded[name], strict=True)
            changes[name] = tuple(_present(os.path.normpath(os.path.join(start, seen)), path) for path, seen in pairs)
    for name in {"dataset", "continue_from"} & changes.keys():
        (changes[name],) = changes[name]
    if "members" in changes:
        changes["members"] = own_files.with_paths(config.members, changes["members"])
    return dataclasses.replace(config, **changes) if changes else config


def _named(config: RunConfig) -> Paths:
    dataset = {"dataset": [config.dataset]} if catalogue.is_own(config.dataset) else {}
    dataset |= {"continue_from": [config.continue_from]} if config.continue_from else {}
    own = [network.path for network in own_files.in_files(config.members).values()]
    networks = {"members": own} if own else {}
    kept = {name: list(getattr(config, name)) for name in config.kept_files() if getattr(config, name)}
    return dataset | networks | kept


def _present(seen: str, path: str) -> str:
    return seen if os.path.exists(seen) or not os.path.exists(path) else path
