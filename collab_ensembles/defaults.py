"""Defaults that differ from one system to another: those of the published experiments, as far as they are known.

The supplement of Song and Chai (2018) is not available: what stands under `multihead` is declared here.
"""

from typing import Any

from collab_ensembles.datasets import catalogue
from collab_ensembles.networks.sizes import ConvNetSize, DenseNetSize, VGG16Size, parse_network

SYSTEMS = ("ensemble", "multihead", "fdl", "snapshot")

# Das and Dutta Roy (2022), and the same for the snapshots they compare with.
_PHASED: dict[str, Any] = {
    "batch_size": 128,
    "learning_rate": 0.1,
    "regularization_rate": 5e-4,
    "shuffle": "permute",
    "augment": True,
}

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
    "fdl": {"members": ("vgg16", "vgg16"), **_PHASED},
    "snapshot": {"members": ("vgg16",), **_PHASED},
}

HEADS = {"single": 1, "instances": 2, "simple": 2, "hierarchical": 4}
"""By training graph."""

SPLIT_POINTS = {"single": 0, "instances": 0, "simple": 1, "hierarchical": 2}
"""After how many segments of the network a training graph branches."""

_FEATURE_RATES = {"cifar100": 1e-5}
_FEATURE_RATE = 1e-4


def default(name: str, config: Any) -> Any:
    """The default of a field that has none of its own; None where there is nothing to decide.

    Args:
      name: the field.
      config: the `RunConfig`; its system, data set, and then members, stand already.
    """
    if name == "epochs":
        return _epochs(config)
    if name == "heads":
        return HEADS[config.graph] if config.system == "multihead" else 1
    if name == "split_points":
        points = parse_network(config.members[0]).default_split_points
        return points[: SPLIT_POINTS[config.graph]] if config.system == "multihead" else ()
    if name == "feature_learning_rate":
        return _FEATURE_RATES.get(config.dataset, _FEATURE_RATE)
    return _BY_SYSTEM[config.system].get(name)


def _epochs(config: Any) -> int:
    network = parse_network(config.members[0])
    if config.system == "multihead":
        return 300 if isinstance(network, DenseNetSize) else 200
    if config.system == "ensemble" or isinstance(network, ConvNetSize):
        return catalogue.default_epochs(config.dataset)
    return 250 if isinstance(network, VGG16Size) else 400
