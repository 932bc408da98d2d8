"""The settings of feature-difference ensembles (Das and Dutta Roy 2022) and their checks."""

import dataclasses
from typing import Any

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.fdl.recipes import FIRST, RECIPES
from collab_ensembles.settings.defaults import default
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, option

PHASES = ("cross_entropy", "similarity", "feature_difference", "head")
JOINT = "joint"
_SYSTEMS = ("fdl",)


def are_allowed(phases: tuple[str, ...]) -> bool:
    """Whether a minibatch can have these: the first and any others in their order, or the single objective."""
    in_order = tuple(phase for phase in PHASES if phase in phases)
    return (PHASES[0] in phases and phases == in_order) or phases in ((JOINT,), (JOINT, "head"))


@dataclasses.dataclass(frozen=True)
class FeatureDifferenceOptions:
    """Fields of `RunConfig`; those without a default of their own find it in `collab_ensembles.settings.defaults`."""

    phases: tuple[str, ...] = option(
        PHASES,
        f"what is done with each minibatch, in this order: some of {', '.join(PHASES)}, the first always; or "
        f"{JOINT}: the single objective that they split up, and, if named too, the head",
        (),
        _SYSTEMS,
    )
    recipe: str | None = option(
        None,
        "which of the authors' scripts lays down what no option does: mnist, of one-layer networks; cifar; or 0.1.0, "
        "what the first release made of the poster alone; default: mnist for fdlnet8 and its like, otherwise cifar",
        tuple(RECIPES),
        _SYSTEMS,
    )
    k: float = option(1.0, "weight of the similarity loss in the single objective", (), _SYSTEMS)
    k1: float = option(1.0, "weight of the first member's cross-entropy in the single objective", (), _SYSTEMS)
    k2: float = option(1.0, "weight of the second member's cross-entropy in the single objective", (), _SYSTEMS)
    bn_updates: str = option(
        None,
        "when batch normalisation takes in a minibatch: every_phase: in each forward pass, as the published code does "
        "(default); once: in the first phase alone",
        ("once", "every_phase"),
        _SYSTEMS,
    )
    pretraining_epochs: int = option(
        None,
        "first epochs, of plain training; default: 10 with --recipe=mnist, otherwise 1, and 0 for a single network",
        (),
        _SYSTEMS,
    )
    feature_learning_rate: float = option(
        None,
        "learning rate of the feature-difference phase; default: as published for recipe, network, number of networks "
        "and data (1e-5 to 2e-4)",
        (),
        _SYSTEMS,
    )
    head_learning_rate: float = option(
        None,
        "learning rate of the ensemble head; default: as published for recipe, network and number of networks (0.001 "
        "to 0.1)",
        (),
        _SYSTEMS,
    )

    def check_feature_difference(self, members: tuple[str, ...]) -> None:
        """Raises ConfigError if settings are not allowed, by themselves or together."""
        given = f"--members={','.join(members)}"
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
        check_effects(self, self.feature_difference_without_effect(), f"--phases={','.join(self.phases)}")

    def check_pretraining(self, epochs: int) -> None:
        """Raises ConfigError if pre-training leaves no epoch for the phases."""
        plain = self.phases == PHASES[:1]
        if "pretraining_epochs" in self.feature_difference_without_effect():
            return
        if self.pretraining_epochs > epochs or (self.pretraining_epochs == epochs and not plain):
            raise ConfigError(
                f"--pretraining_epochs={self.pretraining_epochs}: leaves none of {epochs} epoch(s) for the phases; "
                "lower it, or raise --epochs"
            )

    def feature_difference_without_effect(self) -> dict[str, Any]:
        """The only values of settings that would change nothing, given the phases."""
        collaborating = {"similarity", "feature_difference"} & set(self.phases)
        only = {
            **dict.fromkeys(("k", "k1", "k2"), (1.0, JOINT not in self.phases)),
            "bn_updates": ("once", not collaborating),
            "pretraining_epochs": (1, self.recipe == FIRST and not collaborating and JOINT not in self.phases),
            "feature_learning_rate": (default("feature_learning_rate", self), "feature_difference" not in self.phases),
            "head_learning_rate": (default("head_learning_rate", self), "head" not in self.phases),
        }
        return {name: value for name, (value, applies) in only.items() if applies}
