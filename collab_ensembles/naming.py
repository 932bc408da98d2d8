"""Names of files and run directories, as the reference code forms them."""

import math
import os

from collab_ensembles.config import RunConfig
from collab_ensembles.datasets import catalogue
from collab_ensembles.networks.sizes import LONG_NAMES

_REPORT_MEMBERS = ("ST", "M")
_REPORT_POWERS = (0, 1, 2, 4)


def run_name(config: RunConfig) -> str:
    """Such as `MNIST_collab_shallow_and_thin_and_medium_L2_0.1x2`: the weight is 0.1 to the power 2.

    Ensembles that the report does not have spell their weight as a decimal; a member alone gives
    `MNIST_single_medium`.
    """
    members = "_and_".join(LONG_NAMES.get(member, member) for member in config.members)
    label = catalogue.label(config.dataset)
    if len(config.members) == 1:
        return f"{label}_single_{members}"
    return f"{label}_collab_{members}_{_method_name(config)}"


def _method_name(config: RunConfig) -> str:
    if config.method == "None":
        return "ensemble"
    for power in _REPORT_POWERS:
        if config.members == _REPORT_MEMBERS and math.isclose(config.weight, 0.1**power):
            return f"{config.method}_0.1x{power}"
    return f"{config.method}_{config.weight!r}"


def describe_ensemble(config: RunConfig) -> str:
    """An ensemble among those of its grid, for people: `plain` or `L2 0.01`."""
    return "plain" if config.method == "None" else f"{config.method} {config.weight:g}"


def describe(config: RunConfig) -> str:
    """A run among those of its grid, for people: `plain, seed 0` or `L2 0.01, seed 0`."""
    return f"{describe_ensemble(config)}, seed {config.seed}"


def run_directory(log_dir: str, config: RunConfig) -> str:
    """Where a run keeps its files; different settings, different directory."""
    name = f"{run_name(config)}-seed{config.seed}-{config.digest()[:8]}"
    return os.path.join(log_dir, catalogue.label(config.dataset), name)


def statistics_names(config: RunConfig) -> dict[str, str]:
    """File name stems by member name, and `ensemble` where there are several members."""
    stem = run_name(config)
    names = {member: f"{stem}_{index:03d}" for index, member in enumerate(config.member_names())}
    if len(config.members) > 1:
        names["ensemble"] = f"{stem}_Ensemble"
    return names
