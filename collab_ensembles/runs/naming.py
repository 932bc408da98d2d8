"""Names of run directories and of the files in them."""

import os

from collab_ensembles.data import catalogue
from collab_ensembles.settings.config import RunConfig


def describe(config: RunConfig) -> str:
    """The name of a run in its grid, for people: `plain, seed 0` or `L2 0.01, seed 0`."""
    return f"{config.description()}, seed {config.seed}"


def run_directory(log_dir: str, config: RunConfig) -> str:
    """The directory of a run; different settings have different directories."""
    name = f"{config.run_name()}-seed{config.seed}-{config.digest()[:8]}"
    return os.path.join(log_dir, catalogue.label(config.dataset), name)


def statistics_names(config: RunConfig) -> dict[str, str]:
    """The stems of file names by member name, and for `ensemble` if there are several members."""
    stem = config.run_name()
    names = {member: f"{stem}_{index:03d}" for index, member in enumerate(config.member_names())}
    if len(names) > 1:
        names["ensemble"] = f"{stem}_Ensemble"
    return names
