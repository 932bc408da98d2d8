"""Names of files and run directories, as the reference code forms them, and of outputs and layers."""

import dataclasses
import math
import os
import re

from collab_ensembles.data import catalogue
from collab_ensembles.methods.fdl.options import PHASES
from collab_ensembles.networks.sizes import LONG_NAMES
from collab_ensembles.settings.config import RunConfig

_REPORT_MEMBERS = ("ST", "M")
_REPORT_POWERS = (0, 1, 2, 4)
_LONGEST_LIST = 170
"""Characters of the members in a name: with all that stands around them a name of a file has 255 bytes at most."""


def run_name(config: RunConfig) -> str:
    """Such as `MNIST_collab_shallow_and_thin_and_medium_L2_0.1x2`: the weight is 0.1 to the power 2.

    Ensembles that the report does not have spell their weight as a decimal; a member alone gives
    `MNIST_single_medium`. Other systems: `CIFAR10_multihead_resnet32_simple2`, `CIFAR10_fdl_vgg16_and_vgg16_FDL`.
    Of a long list of members the name has their number only.
    """
    members = "_and_".join(LONG_NAMES.get(member, member) for member in config.members)
    if len(members) > _LONGEST_LIST:
        members = f"{len(config.members)}_members"
    label = catalogue.label(config.dataset)
    if config.system == "multihead":
        return f"{label}_multihead_{members}_{'distilled' if config.teacher else f'{config.graph}{config.heads}'}"
    if config.system == "fdl":
        return f"{label}_fdl_{members}_{_phases(config).replace(' ', '_')}"
    if config.system == "snapshot":
        return f"{label}_{'FGE' if config.cycle == 'triangular' else 'snapshot'}_{members}_{config.snapshots}"
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


def _phases(config: RunConfig) -> str:
    """FDL for all phases of feature-difference ensembles, RIE for independent networks, otherwise their names."""
    if config.phases == PHASES:
        return "FDL"
    if config.phases == ("cross_entropy",):
        return "RIE" if len(config.members) > 1 else "single"
    return " ".join(config.phases)


def describe_ensemble(config: RunConfig) -> str:
    """An ensemble among those of its grid, for people: `plain`, `L2 0.01` or `resnet32, 4 heads hierarchical`."""
    if config.system == "ensemble":
        return "plain" if config.method == "None" else f"{config.method} {config.weight:g}"
    return ", ".join([config.members[0], _arrangement(config), *_particulars(config)])


def _arrangement(config: RunConfig) -> str:
    if config.system == "snapshot":
        return f"{config.snapshots} {'FGE ' if config.cycle == 'triangular' else ''}snapshots"
    if config.system == "fdl":
        return _phases(config) if len(config.members) == 1 else f"{len(config.members)} x {_phases(config)}"
    if config.teacher:
        return "distilled"
    arrangements = {"single": "single", "instances": f"{config.heads} instances"}
    return arrangements.get(config.graph, f"{config.heads} heads {config.graph}")


def _particulars(config: RunConfig) -> list[str]:
    """What else makes a run of another system differ from the published way, such as `label_noise 0.4`."""
    named = ("cycle", "graph", "heads", "phases", "snapshots", "teacher")
    own = [field for field in dataclasses.fields(config) if config.system in field.metadata["systems"]]
    own += [field for field in dataclasses.fields(config) if field.name == "label_noise"]
    return [
        f"{field.name} {_text(getattr(config, field.name))}"
        for field in own
        if field.name not in named and getattr(config, field.name) != config.default_of(field)
    ]


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


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
    if len(names) > 1:
        names["ensemble"] = f"{stem}_Ensemble"
    return names


def target_layer(name: str) -> str:
    """The name that a head's layer, such as `head1_block2_convolution1`, has in the target network."""
    return re.sub(r"^head\d+_", "", name)
