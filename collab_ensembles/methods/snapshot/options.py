"""The settings of snapshot and fast geometric ensembles (Huang et al. 2017, Garipov et al. 2018), and their checks."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.snapshot import cycles
from collab_ensembles.networks.sizes import ConvNetSize, VGG16Size, parse_network
from collab_ensembles.settings.config import AVERAGES, SGD_DEFAULTS, RunConfig
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, option

# The defaults of feature-difference ensembles on CIFAR, with which snapshots are compared.
_DEFAULTS = {**SGD_DEFAULTS, "members": ("vgg16",), "regularization_rate": 5e-4, "averaging": "softmax"}

# Garipov et al. (2018), section 5, and the commands of the authors' code: for VGG-16, and for ResNets, whose values all
# other networks have.
_FAST_GEOMETRIC_VGG = {"cycle_epochs": 2, "cycle_learning_rate": 0.01, "learning_rate": 0.05}
_FAST_GEOMETRIC = {"cycle_epochs": 4, "cycle_learning_rate": 0.05, "learning_rate": 0.1}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SnapshotConfig(RunConfig):
    """An ensemble of one network at several moments of its training."""

    younger: ClassVar[Mapping[str, Any]] = {"averaging": "logits"}
    controls: ClassVar[tuple[str, ...]] = ("pad",)

    cycle: str = option(
        "cosine",
        "how the learning rate falls before each snapshot: cosine: in equal cycles that start with the first epoch "
        "(snapshot "
        "ensembles, Huang et al. 2017); triangular: in short cycles after ordinary training (fast geometric ensembles, "
        "Garipov et al. 2018)",
        ("cosine", "triangular"),
    )
    cycle_epochs: int = option(None, "epochs of each triangular cycle, an even number; default: 2 for VGG, otherwise 4")
    cycle_learning_rate: float = option(
        None,
        "learning rate at the beginning and at the end of each triangular cycle (alpha 1); default: 0.01 for VGG, "
        "otherwise 0.05",
    )
    lowest_learning_rate: float = option(
        5e-4, "learning rate in the middle of each triangular cycle (alpha 2), when the snapshot is taken"
    )
    snapshots: int = option(
        None,
        "number of snapshots, one in each cycle; default: 5; for triangular cycles as many cycles as the last fifth of "
        "the epochs has, at least 2",
    )

    averaging: str = option(
        None,
        "the ensemble's prediction is the mean of: softmax: the snapshots' probabilities, as in the papers; logits: "
        "their logits, as in the other systems",
        AVERAGES,
    )

    @property
    def together(self) -> str:
        """The tables compare snapshots with feature-difference ensembles."""
        return "fdl or snapshot"

    def default(self, name: str) -> Any:
        """The defaults of the papers and of feature-difference ensembles, with which snapshots are compared."""
        network = parse_network(self.members[0]) if self.members else None
        if name == "epochs" and not isinstance(network, ConvNetSize):
            return 250 if isinstance(network, VGG16Size) else 400
        if name == "snapshots":
            # For triangular cycles: as many cycles as the last fifth of the epochs has.
            epochs = self.epochs or self.default("epochs")
            return max(2, epochs // (5 * max(1, self.cycle_epochs))) if self.cycle == "triangular" else 5
        fast_geometric = _FAST_GEOMETRIC_VGG if isinstance(network, VGG16Size) else _FAST_GEOMETRIC
        if name in fast_geometric and (self.cycle == "triangular" or name != "learning_rate"):
            return fast_geometric[name]
        return _DEFAULTS[name] if name in _DEFAULTS else super().default(name)

    def check(self) -> None:
        """Raises ConfigError if a setting, or a combination of settings, is not allowed."""
        epochs = self.epochs
        if len(self.members) != 1:
            raise ConfigError(f"--members={','.join(self.members)}: --system=snapshot takes one network")
        # The optimizer decays all variables.
        check_effects(self, {"decay_scope": "report"}, "--system=snapshot")
        check_effects(self, self.without_effect(), f"--cycle={self.cycle}")
        check_whole("cycle_epochs", self.cycle_epochs, 2)
        if self.cycle_epochs % 2:
            raise ConfigError(f"--cycle_epochs={self.cycle_epochs}: allowed: even numbers, such as 2")
        check_number("cycle_learning_rate", self.cycle_learning_rate, above=True)
        check_number("lowest_learning_rate", self.lowest_learning_rate, 0, self.cycle_learning_rate, above=True)
        check_whole("snapshots", self.snapshots, 2, 1000)
        if self.cycle == "triangular":
            if cycles.first_triangle(epochs, self.snapshots, self.cycle_epochs) < 1:
                raise ConfigError(
                    f"--snapshots={self.snapshots}: with --cycle_epochs={self.cycle_epochs}, the cycles leave no epoch "
                    f"of {epochs} for the training before them; lower one of these, or raise --epochs"
                )
        elif len(cycles.cosine_starts(epochs, self.snapshots)) < self.snapshots:
            raise ConfigError(
                f"--snapshots={self.snapshots}: {epochs} epochs cannot be divided into so many cycles of whole epochs; "
                "choose a divisor of --epochs"
            )

    def starts(self) -> list[int]:
        """The first epoch, from 0, of each snapshot's training."""
        if self.cycle == "triangular":
            return cycles.triangular_starts(self.epochs, self.snapshots, self.cycle_epochs)
        return cycles.cosine_starts(self.epochs, self.snapshots)

    def without_effect(self) -> dict[str, Any]:
        """The settings that have no effect with this cycle, each with the only value that it may have."""
        if self.cycle == "triangular":
            return {}
        defaults = {name: self.default(name) for name in ("cycle_epochs", "cycle_learning_rate")}
        return {**defaults, "lowest_learning_rate": 5e-4}

    def member_names(self) -> tuple[str, ...]:
        """Snapshots by number, in the order in which they are taken."""
        return tuple(f"snapshot{number + 1}" for number in range(self.snapshots))

    def run_name(self) -> str:
        """Such as `CIFAR10_snapshot_vgg16_5`."""
        kind = "FGE" if self.cycle == "triangular" else "snapshot"
        return f"{catalogue.label(self.dataset)}_{kind}_{self.members_name()}_{self.snapshots}"

    def description(self) -> str:
        """Such as `vgg16, 5 snapshots`."""
        kind = "FGE snapshots" if self.cycle == "triangular" else "snapshots"
        particulars = self.particulars(named=("cycle", "snapshots"))
        return ", ".join([self.network_names()[0], f"{self.snapshots} {kind}", *particulars])
