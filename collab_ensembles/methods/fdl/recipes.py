"""Details of the published scripts of feature-difference ensembles that no option sets. Imports nothing heavy.

They are read from the authors' scripts of July 2022. Where script and poster differ, docs/SYSTEMS.md names both.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from collab_ensembles.data import catalogue
from collab_ensembles.networks.sizes import (
    CifarResNetSize,
    ConvNetSize,
    FDLNetSize,
    ResNet50Size,
    VGG16Size,
    parse_network,
)
from collab_ensembles.settings.config import SGD_DEFAULTS

FIRST = "0.1.0"
"""The recipe of the first release of this project, before the scripts were read."""


@dataclasses.dataclass(frozen=True)
class Momentum:
    """How SGD makes the steps of a phase.

    Attributes:
      momentum: from 0 to below 1.
      nesterov: whether the momentum is Nesterov's.
      decays: whether `--regularization_rate` is added to the gradient, coupled, of all variables of the phase.
    """

    momentum: float = 0.0
    nesterov: bool = False
    decays: bool = True


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One way to train a feature-difference ensemble. Joint epochs are those after pre-training, counted from 0.

    Attributes:
      pretraining: `sgd` or `adadelta`: pre-training has its own optimizer, and the head does not learn yet;
        `first_phase`: it has the optimizer of the first phase, and the head learns too.
      momenta: the momentum of each phase; the single objective has that of `cross_entropy`.
      falls: whether the rates of phases 1 and 2 fall exponentially; otherwise they are constant.
      last_rate_from: a falling rate is 2e-5 from this epoch on.
      first_similarity: the first joint epoch with the similarity phase.
      head_pass: whether the head has its own pass over the training examples after each joint epoch; otherwise it
        learns from each minibatch.
      fresh_momentum: whether momentum starts at 0 in each joint epoch, because the optimizers are made anew.
    """

    pretraining: str
    momenta: Mapping[str, Momentum]
    falls: bool
    last_rate_from: int = 221
    first_similarity: int = 0
    head_pass: bool = False
    fresh_momentum: bool = False

    def phases_of(self, epoch: int, phases: tuple[str, ...], pretraining_epochs: int) -> tuple[str, ...]:
        """The phases of an epoch, counted from 0; `pretraining` alone means plain training."""
        if epoch >= pretraining_epochs:
            waits = epoch - pretraining_epochs < self.first_similarity
            return tuple(phase for phase in phases if not (waits and phase == "similarity"))
        if self.pretraining == "first_phase":
            return ("cross_entropy", *(phase for phase in phases if phase == "head"))
        return ("pretraining",)


_NESTEROV = Momentum(0.9, nesterov=True)

RECIPES: Mapping[str, Recipe] = {
    # VGG-16 and ResNets on CIFAR.
    "cifar": Recipe(
        pretraining="sgd",
        momenta={
            "cross_entropy": _NESTEROV,
            "similarity": _NESTEROV,
            "feature_difference": Momentum(0.85, nesterov=True),
            "head": _NESTEROV,
        },
        falls=True,
    ),
    # One-layer networks on MNIST.
    "mnist": Recipe(
        pretraining="adadelta",
        momenta={
            "cross_entropy": Momentum(0.95),
            "similarity": Momentum(0.9),
            "feature_difference": Momentum(0.85),
            "head": Momentum(0.9),
        },
        falls=False,
        first_similarity=1,
        head_pass=True,
        fresh_momentum=True,
    ),
    FIRST: Recipe(
        pretraining="first_phase",
        momenta={
            "cross_entropy": _NESTEROV,
            "similarity": _NESTEROV,
            "feature_difference": Momentum(0.85, decays=False),
            "head": Momentum(decays=False),
        },
        falls=True,
        last_rate_from=220,
    ),
}

ADADELTA_RATE = 1.0
ADADELTA_FACTOR = 0.7
"""In pre-training by Adadelta the rate is multiplied by this factor after each epoch."""

_CIFAR: Mapping[str, Any] = {**SGD_DEFAULTS, "regularization_rate": 5e-4}
_MNIST: Mapping[str, Any] = {**SGD_DEFAULTS, "batch_size": 256, "augment": False}

_JOINT_EPOCHS = 999
"""For one-layer networks on MNIST, whose published training has no practical end."""


def exponential(initial: float, epoch: float, last_from: int) -> float:
    """Das and Dutta Roy (2022): 1e-5 + initial exp(-0.03 epoch), and 2e-5 from `last_from` on; epochs from 0."""
    return 2e-5 if epoch >= last_from else 1e-5 + initial * math.exp(-0.03 * epoch)


def default(name: str, config: Any) -> Any:
    """The default of a field that depends on the recipe; see `RunFields.default`."""
    if name == "recipe":
        return "mnist" if isinstance(_network(config), FDLNetSize) else "cifar"
    if name == "bn_updates":
        # With one phase only, both are the same.
        repeats = {"similarity", "feature_difference"} & set(config.phases)
        return "every_phase" if repeats and config.recipe != FIRST else "once"
    if name == "pretraining_epochs":
        return _pretraining_epochs(config)
    if name == "feature_learning_rate":
        return 2e-4 if config.recipe == "mnist" else _feature_rate(config)
    if name == "head_learning_rate":
        return 1e-3 if config.recipe == "mnist" else _head_rate(config)
    if name == "epochs":
        return _epochs(config)
    return (_MNIST if config.recipe == "mnist" else _CIFAR).get(name)


def _network(config: Any) -> Any:
    return parse_network(config.members[0])


def _pretraining_epochs(config: Any) -> int:
    if config.recipe == "mnist":
        return 10
    # A single network has no joint epochs to wait for.
    return 0 if len(config.members) == 1 and config.recipe != FIRST else 1


def _feature_rate(config: Any) -> float:
    number, is_cifar100 = len(config.members), config.dataset == "cifar100"
    if config.recipe != FIRST and isinstance(_network(config), VGG16Size):
        if number <= 2:
            return 1e-5
        if number >= 4:
            return 1e-4
    return 1e-5 if is_cifar100 else 1e-4


def _head_rate(config: Any) -> float:
    network = _network(config)
    is_slow = isinstance(network, (CifarResNetSize, ResNet50Size)) or len(config.members) >= 4
    return 0.01 if is_slow and config.recipe != FIRST else 0.1


def _epochs(config: Any) -> int:
    network = _network(config)
    if isinstance(network, FDLNetSize):
        return 10 if len(config.members) == 1 else 10 + _JOINT_EPOCHS
    if isinstance(network, ConvNetSize):
        return catalogue.default_epochs(config.dataset)
    return 250 if isinstance(network, VGG16Size) else 400
