"""The settings of feature-difference ensembles (Das and Dutta Roy 2022) and their checks."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.fdl import recipes
from collab_ensembles.methods.fdl.recipes import FIRST, RECIPES
from collab_ensembles.networks.sizes import MLPSize, parse_network
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, option

PHASES = ("cross_entropy", "similarity", "feature_difference", "head")
JOINT = "joint"


def are_allowed(phases: tuple[str, ...]) -> bool:
    """Whether these phases are allowed: the first and any others in their order, or the single objective."""
    in_order = tuple(phase for phase in PHASES if phase in phases)
    return (PHASES[0] in phases and phases == in_order) or phases in ((JOINT,), (JOINT, "head"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureDifferenceConfig(RunConfig):
    """Identical networks that learn to differ in the outputs of their convolutions."""

    decisive: ClassVar[tuple[str, ...]] = ("members", "recipe")
    controls: ClassVar[tuple[str, ...]] = ("pad",)
    younger: ClassVar[Mapping[str, Any]] = {"recipe": FIRST}
    own_networks: ClassVar[bool] = False

    phases: tuple[str, ...] = option(
        PHASES,
        f"phases on each minibatch, in this order: {', '.join(PHASES)}; only the first is required. Or "
        f"{JOINT}: the single objective in place of the first three; joint,head: with the head",
    )
    recipe: str = option(
        None,
        "details of the training that have no option of their own: mnist: as in the authors' script for one-layer "
        "networks; cifar: as in their script for CIFAR; 0.1.0: as in the first release, before the scripts were read; "
        "default: mnist for networks such as fdlnet8, otherwise cifar",
        tuple(RECIPES),
    )
    k: float = option(1.0, "weight of the similarity loss in the single objective")
    k1: float = option(1.0, "weight of the first member's cross-entropy in the single objective")
    k2: float = option(1.0, "weight of the second member's cross-entropy in the single objective")
    bn_updates: str = option(
        None,
        "when batch normalisation updates its averages: every_phase: in each forward pass, as in the published code; "
        "once: only in the first phase",
        ("once", "every_phase"),
    )
    pretraining_epochs: int = option(
        None,
        "number of epochs of plain training at the beginning; default: 10 with --recipe=mnist, otherwise 1; with "
        "--recipe=cifar 0 for a single network",
    )
    feature_learning_rate: float = option(
        None,
        "learning rate of the feature-difference phase; default: the published rate, 1e-5 to 2e-4, which depends on "
        "recipe, network, number of networks and data",
    )
    head_learning_rate: float = option(
        None,
        "learning rate of the ensemble head; default: the published rate, 0.001 to 0.1, which depends on recipe, "
        "network and number of networks",
    )

    @property
    def together(self) -> str:
        """The tables compare these with snapshots."""
        return "fdl or snapshot"

    def default(self, name: str) -> Any:
        """The defaults of the recipe."""
        if name == "members":
            return ("vgg16", "vgg16")
        of_recipe = recipes.default(name, self)
        return super().default(name) if of_recipe is None else of_recipe

    def check(self) -> None:
        """Raises ConfigError if a setting, or a combination of settings, is not allowed."""
        members, given = self.members, f"--members={','.join(self.members)}"
        # The optimizer decays all variables.
        check_effects(self, {"decay_scope": "report"}, "--system=fdl")
        if len(set(members)) != 1:
            raise ConfigError(f"{given}: --system=fdl takes identical networks, such as vgg16,vgg16")
        if isinstance(parse_network(members[0]), MLPSize):
            raise ConfigError(
                f"{given}: --system=fdl compares outputs of convolutions, and this network has none; choose another"
            )
        if not are_allowed(self.phases):
            raise ConfigError(
                f"--phases={','.join(self.phases)}: allowed: cross_entropy, then any of {', '.join(PHASES[1:])} in "
                f"this order; or {JOINT}, or {JOINT},head"
            )
        if len(members) == 1 and self.phases != ("cross_entropy",):
            raise ConfigError(
                f"{given}: a single network can have one phase only; name two networks, or add --phases=cross_entropy"
            )
        if JOINT in self.phases and len(members) != 2:
            raise ConfigError(f"{given}: --phases={JOINT} is defined for two members")
        for name in ("k", "k1", "k2"):
            check_number(name, getattr(self, name))
        check_whole("pretraining_epochs", self.pretraining_epochs, 0)
        check_number("feature_learning_rate", self.feature_learning_rate, above=True)
        check_number("head_learning_rate", self.head_learning_rate, above=True)
        check_effects(self, self.without_effect(), f"--phases={','.join(self.phases)}")
        self._check_pretraining()

    def _check_pretraining(self) -> None:
        """Checks that pre-training leaves at least one epoch for the phases."""
        plain = self.phases == PHASES[:1]
        if "pretraining_epochs" in self.without_effect():
            return
        if self.pretraining_epochs > self.epochs or (self.pretraining_epochs == self.epochs and not plain):
            raise ConfigError(
                f"--pretraining_epochs={self.pretraining_epochs}: no epoch of {self.epochs} is left for the phases; "
                "lower it, or raise --epochs"
            )

    def without_effect(self) -> dict[str, Any]:
        """The settings that have no effect with these phases, each with the only value that it may have."""
        collaborating = {"similarity", "feature_difference"} & set(self.phases)
        only = {
            **dict.fromkeys(("k", "k1", "k2"), (1.0, JOINT not in self.phases)),
            "bn_updates": ("once", not collaborating),
            "pretraining_epochs": (1, self.recipe == FIRST and not collaborating and JOINT not in self.phases),
            "feature_learning_rate": (self.default("feature_learning_rate"), "feature_difference" not in self.phases),
            "head_learning_rate": (self.default("head_learning_rate"), "head" not in self.phases),
        }
        return {name: value for name, (value, applies) in only.items() if applies}

    def run_name(self) -> str:
        """Such as `CIFAR10_fdl_vgg16_and_vgg16_FDL`."""
        return f"{catalogue.label(self.dataset)}_fdl_{self.members_name()}_{self._arrangement().replace(' ', '_')}"

    def description(self) -> str:
        """Such as `vgg16, 2 x FDL`."""
        number = len(self.members)
        arrangement = self._arrangement() if number == 1 else f"{number} x {self._arrangement()}"
        return ", ".join([self.members[0], arrangement, *self.particulars(named=("phases",))])

    def _arrangement(self) -> str:
        """FDL for all phases, RIE for independent networks, otherwise the names of the phases."""
        if self.phases == PHASES:
            return "FDL"
        if self.phases == PHASES[:1]:
            return "RIE" if len(self.members) > 1 else "single"
        return " ".join(self.phases)
