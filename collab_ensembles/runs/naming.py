"""Names of run directories and of the files in them."""

import os

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.config import RunConfig

_MOST_BYTES = 255 - len("_error.png12345678.tmp")
"""Of the stem of a file name; that of a run directory's name is no longer."""


def describe(config: RunConfig) -> str:
    """The name of a run in its grid, for people: `plain, seed 0` or `L2 0.01, seed 0`."""
    return f"{config.description()}, seed {config.seed}"


def run_directory(log_dir: str, config: RunConfig) -> str:
    """The directory of a run; different settings have different directories.

    Raises:
      ConfigError: the name of the data set makes names too long for a file system.
    """
    for stem in statistics_names(config).values():
        if len(os.fsencode(stem)) > _MOST_BYTES:
            raise ConfigError(
                f"--dataset={config.dataset}: its name is too long for the names of the files of a run; give the file "
                "or folder a shorter one"
            )
    name = f"{config.run_name()}-seed{config.seed}-{config.digest()[:8]}"
    return os.path.join(log_dir, catalogue.label(config.dataset), name)


def statistics_names(config: RunConfig) -> dict[str, str]:
    """The stems of file names by member name, and for `ensemble` if there are several members."""
    stem = config.run_name()
    names = {member: f"{stem}_{index:03d}" for index, member in enumerate(config.member_names())}
    if len(names) > 1:
        names["ensemble"] = f"{stem}_Ensemble"
    return names
