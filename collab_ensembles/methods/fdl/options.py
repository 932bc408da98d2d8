"""The settings of feature-difference ensembles (Das and Dutta Roy 2022) and their checks."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.fdl import recipes
from collab_ensembles.methods.fdl.recipes import FIRST, RECIPES
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, option

PHASES = ("cross_entropy", "similarity", "feature_difference", "head")
JOINT = "joint"


def are_allowed(phases: tuple[str, ...]) -> bool:
    """Whether a minibatch can have these: the first and any others in their order, or the single objective."""
    in_order = tuple(phase for phase in PHASES if phase in phases)
    return (PHASES[0] in phases and phases == in_order) or phases in ((JOINT,), (JOINT, "head"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureDifferenceConfig(RunConfig):
    """Identical networks that are pushed apart in what their convolutions give out."""

    decisive: ClassVar[tuple[str, ...]] = ("members", "recipe")
    younger: ClassVar[Mapping[str, Any]] = {"recipe": FIRST}

    phases: tuple[str, ...] = option(
        PHASES,
        f"what is done with each minibatch, in this order: some of {', '.join(PHASES)}, the first always; or "
        f"{JOINT}: the single objective that they split up, and, if named too, the head",
    )
    recipe: str = option(
        None,
        "which of the authors' scripts lays down what no option does: mnist, of one-layer networks; cifar; or 0.1.0, "
        "what the first release made of the poster alone; default: mnist for fdlnet8 and its like, otherwise cifar",
        tuple(RECIPES),
    )
    k: float = option(1.0, "weight of the similarity loss in the single objective")
    k1: float = option(1.0, "weight of the first member's cross-entropy in the single objective")
    k2: float = option(1.0, "weight of the second member's cross-entropy in the single objective")
    bn_updates: str = option(
        None,
        "when batch normalisation takes in a minibatch: every_phase: in each forward pass, as the published code does "
        "(default); once: in the first phase alone",
        ("once", "every_phase"),
    )
    pretraining_epochs: int = option(
        None,
        "first epochs, of plain training; default: 10 with --recipe=mnist, otherwise 1, and 0 for a single network",
    )
    feature_learning_rate: float = option(
        None,
        "learning rate of the feature-difference phase; default: as published for recipe, network, number of networks "
        "and data (1e-5 to 2e-4)",
    )
    head_learning_rate: float = option(
        None,
        "learning rate of the ensemble head; default: as published for recipe, network and number of networks (0.001 "
        "to 0.1)",
    )

    @property
    def together(self) -> str:
        """With the snapshots that these are compared with."""
        return "fdl or snapshot"

    def default(self, name: str) -> Any:
        """Those of the recipe."""
        if name == "members":
            return ("vgg16", "vgg16")
        of_recipe = recipes.default(name, self)
        return super().default(name) if of_recipe is None else of_recipe

    def check(self) -> None:
        """Raises ConfigError if settings are not allowed, by themselves or together."""
        members, given = self.members, f"--members={','.join(self.members)}"
        # All variables decay, in the optimizer.
        check_effects(self, {"decay_scope": "report"}, "--system=fdl")
        if len(set(members)) != 1:
            raise ConfigError(f"{given}: --system=fdl takes identical networks, such as vgg16,vgg16")
        if not are_allowed(self.phases):
            raise ConfigError(
                f"--phases={','.join(self.phases)}: allowed: cross_entropy, then any of {', '.join(PHASES[1:])} in "
                f"this order; or {JOINT}, or {JOINT},head"
            )
        if len(members) == 1 and self.phases != ("cross_entropy",):
            raise ConfigError(
                f"{given}: one network has nothing to differ from; name two, or add --phases=cross_entropy"
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
        """Pre-training must leave an epoch for the phases."""
        plain = self.phases == PHASES[:1]
        if "pretraining_epochs" in self.without_effect():
            return
        if self.pretraining_epochs > self.epochs or (self.pretraining_epochs == self.epochs and not plain):
            raise ConfigError(
                f"--pretraining_epochs={self.pretraining_epochs}: leaves none of {self.epochs} epoch(s) for the "
                "phases; lower it, or raise --epochs"
            )

    def without_effect(self) -> dict[str, Any]:
        """The only values of settings that would change nothing, given the phases."""
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
