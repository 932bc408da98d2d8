"""Defaults that differ from one system to another: those of the published experiments, as far as they are known.

The supplement of Song and Chai (2018) is not available: what stands under `multihead` is declared here.
"""

from typing import Any

from collab_ensembles.data import catalogue
from collab_ensembles.methods.fdl import recipes
from collab_ensembles.networks.sizes import ConvNetSize, DenseNetSize, VGG16Size, parse_network

SYSTEMS = ("ensemble", "multihead", "fdl", "snapshot")

_BY_SYSTEM: dict[str, dict[str, Any]] = {
    "ensemble": {
        "members": ("ST", "M"),
        "batch_size": 64,
        "learning_rate": 2.0**-10,
        "regularization_rate": 1e-4,
        "shuffle": "none",
        "augment": False,
    },
    "multihead": {
        "members": ("resnet32",),
        "batch_size": 128,
        "learning_rate": 0.1,
        "regularization_rate": 1e-4,
        "shuffle": "permute",
        "augment": True,
    },
    "fdl": {"members": ("vgg16", "vgg16")},
    # Those of the feature-difference ensembles that they are compared with.
    "snapshot": {"members": ("vgg16",), **recipes.CIFAR},
}

HEADS = {"single": 1, "instances": 2, "simple": 2, "hierarchical": 4}
"""By training graph."""

SPLIT_POINTS = {"single": 0, "instances": 0, "simple": 1, "hierarchical": 2}
"""After how many segments of the network a training graph branches."""

# Garipov et al. (2018), section 5, and the commands of the authors' code: VGG-16, and the ResNets for all others.
_FAST_GEOMETRIC_VGG = {"cycle_epochs": 2, "cycle_learning_rate": 0.01, "learning_rate": 0.05}
_FAST_GEOMETRIC = {"cycle_epochs": 4, "cycle_learning_rate": 0.05, "learning_rate": 0.1}

_NOT_FDL: dict[str, Any] = {"recipe": None, "bn_updates": "once", "pretraining_epochs": 1, "head_learning_rate": 0.1}
"""What other systems than `fdl` have in its fields."""

_YOUNGER: dict[str, dict[str, Any]] = {
    "fdl": {"recipe": recipes.FIRST},
    "snapshot": {"averaging": "logits"},
}
"""By system, the fields that runs of earlier releases do not have, and the value that describes those runs."""

_CHANGED: dict[str, Any] = {"decay_scope": "report"}
"""Fields whose default has changed: what it was."""


def younger_fields(system: str) -> dict[str, Any]:
    """The values that stand for what runs of a system did before there were these fields."""
    return dict(_YOUNGER.get(system, {}))


def first_default(name: str, config: Any) -> Any:
    """What all runs had in a field before its default changed, or before there was the field.

    Digests are taken over what differs from it: run directories of that time stay what they are.
    """
    return {**_CHANGED, **younger_fields(config.system)}.get(name, default(name, config))


def default(name: str, config: Any) -> Any:
    """The default of a field that has none of its own; None where there is nothing to decide.

    Args:
      name: the field.
      config: the `RunConfig`; its system, data set, and then members, stand already.
    """
    if name == "epochs" and config.system != "fdl":
        return _epochs(config)
    if name == "heads":
        return HEADS[config.graph] if config.system == "multihead" else 1
    if name == "split_points":
        points = parse_network(config.members[0]).default_split_points
        return points[: SPLIT_POINTS[config.graph]] if config.system == "multihead" else ()
    if name == "decay_scope":
        # In the revision of May 2018 no scoping accident spares any kernel.
        return "all" if config.system == "ensemble" and config.resnet == "post2018" else "report"
    if name in ("averaging", "cycle_epochs", "cycle_learning_rate", "snapshots"):
        return _of_snapshots(name, config)
    if config.system == "fdl" and name != "members":
        return recipes.default(name, config)
    if name == "feature_learning_rate":
        return 1e-5 if config.dataset == "cifar100" else 1e-4
    if name in _NOT_FDL:
        return _NOT_FDL[name]
    if name == "learning_rate" and _is_fast_geometric(config):
        return _fast_geometric(config)[name]
    return _BY_SYSTEM[config.system].get(name)


def _of_snapshots(name: str, config: Any) -> Any:
    """What stands in the fields of snapshots; for other systems something of no effect."""
    if name == "averaging":
        return "softmax" if config.system == "snapshot" else "logits"
    if name == "snapshots" and not _is_fast_geometric(config):
        return 5
    if name == "snapshots":
        # As many as the last fifth of the epochs holds.
        return max(2, (config.epochs or _epochs(config)) // (5 * max(1, config.cycle_epochs)))
    return _fast_geometric(config)[name]


def _is_fast_geometric(config: Any) -> bool:
    return bool(config.system == "snapshot" and config.cycle == "triangular")


def _fast_geometric(config: Any) -> dict[str, Any]:
    is_vgg = isinstance(parse_network(config.members[0]), VGG16Size)
    return _FAST_GEOMETRIC_VGG if is_vgg else _FAST_GEOMETRIC


def _epochs(config: Any) -> int:
    network = parse_network(config.members[0])
    if config.system == "multihead":
        return 300 if isinstance(network, DenseNetSize) else 200
    if config.system == "ensemble" or isinstance(network, ConvNetSize):
        return catalogue.default_epochs(config.dataset)
    return 250 if isinstance(network, VGG16Size) else 400
