"""The files that a run's settings name, found again after a move.

Settings hold absolute paths, which are part of their digest. So that a folder with data and runs can be moved or
renamed as a whole, config.json also has these paths as seen from the run directory.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from collab_ensembles.data import catalogue
from collab_ensembles.settings.config import RunConfig

Paths = dict[str, list[str]]
"""By the name of the field."""


def relative(config: RunConfig, directory: str) -> Paths:
    """The files that settings name, as paths from a run directory; empty if they name none."""
    start = os.path.abspath(directory)
    return {name: [os.path.relpath(path, start) for path in paths] for name, paths in _named(config).items()}


def located(config: RunConfig, recorded: Mapping[str, Any], directory: str) -> RunConfig:
    """The settings with the paths where the files lie now.

    That is where `relative` saw them from the run directory, if there is one, or else where the settings say. If there
    is none either, the former: a folder was moved whose data are gone.

    Raises:
      TypeError: `recorded` is not what `relative` gives.
      ValueError: likewise.
    """
    start = os.path.abspath(directory)
    changes: dict[str, Any] = {}
    for name, paths in _named(config).items():
        if name in recorded:
            pairs = zip(paths, recorded[name], strict=True)
            changes[name] = tuple(_present(os.path.normpath(os.path.join(start, seen)), path) for path, seen in pairs)
    if "dataset" in changes:
        (changes["dataset"],) = changes["dataset"]
    return dataclasses.replace(config, **changes) if changes else config


def _named(config: RunConfig) -> Paths:
    dataset = {"dataset": [config.dataset]} if catalogue.is_file(config.dataset) else {}
    return dataset | {name: list(getattr(config, name)) for name in config.kept_files() if getattr(config, name)}


def _present(seen: str, path: str) -> str:
    return seen if os.path.exists(seen) or not os.path.exists(path) else path
