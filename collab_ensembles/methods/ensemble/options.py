"""The settings of collaborative ensembles (Noel 2017)."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import check_effects, check_number, option

PLAIN = "plain"
"""Training without collaboration; `None` in files of the reference code and of release 0.1.0."""

COLLABORATING = ("CE", "L1", "L2")

_REPORT_MEMBERS = ("ST", "M")
_REPORT_POWERS = (0, 1, 2, 4)
_REFERENCE = {PLAIN: "None", "CE": "cross_ent"}
"""Methods that have another name in the reference code."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnsembleConfig(RunConfig):
    """Members that learn from the labels and, by a collaboration cost, from each other."""

    black_border: ClassVar[bool] = False

    method: str = option(
        PLAIN,
        "collaboration cost: plain: none; CE: cross-entropy between the members' outputs; L1, L2: distance of their "
        "logits",
        (PLAIN, *COLLABORATING),
    )
    weight: float = option(1.0, "collaboration weight (alpha); must be 1 with --method=plain")
    pairing: str = option(
        "chain",
        "which members collaborate, if there are three or more: chain: neighbours in the list of members; all: every "
        "pair",
        ("chain", "all"),
    )
    target_gradient: bool = option(
        False,
        "let the gradient flow into the softmax targets of CE; the paper's text says so, but the reference code does "
        "not do it",
    )

    @property
    def together(self) -> str:
        """Empty: the tables of the paper show no other system."""
        return ""

    @property
    def varied(self) -> tuple[str, ...]:
        """The settings that the tables of the paper vary."""
        return ("dataset", "method", "weight", "seed")

    def default(self, name: str) -> Any:
        """The defaults of the paper. Only in the revision of May 2018 do all kernels decay: its scopes are correct."""
        if name == "decay_scope":
            return "all" if self.resnet == "post2018" else "report"
        return super().default(name)

    def first_default(self, name: str) -> Any:
        """At first, the revision of May 2018 had the same weight decay as the others."""
        return "report" if name == "decay_scope" else super().first_default(name)

    def check(self) -> None:
        """Raises ConfigError if a setting, or a combination of settings, is not allowed."""
        check_number("weight", self.weight)
        if self.method == PLAIN and self.weight != 1.0:
            raise ConfigError(
                f"--weight={self.weight} has no effect without a collaboration method; add --method=CE, L1 or L2, "
                "or leave the weight out"
            )
        if self.method != PLAIN and len(self.members) < 2:
            raise ConfigError(
                f"--method={self.method} compares members, but --members={','.join(self.members)} has only one; "
                f"name two or more, or use --method={PLAIN}"
            )
        if len(self.members) < 3:
            check_effects(self, {"pairing": "chain"}, f"--members={','.join(self.members)}")
        if self.target_gradient and self.method != "CE":
            raise ConfigError(f"--target_gradient belongs to --method=CE; received --method={self.method}")

    def run_name(self) -> str:
        """The name of files in the reference code, such as `MNIST_collab_shallow_and_thin_and_medium_L2_0.1x2`.

        The weight is 0.1 to the power 2. For ensembles that are not in the report the weight is written as a decimal. A
        single member gives `MNIST_single_medium`.
        """
        label = catalogue.label(self.dataset)
        if len(self.members) == 1:
            return f"{label}_single_{self.members_name()}"
        return f"{label}_collab_{self.members_name()}_{self._method_name()}"

    def _method_name(self) -> str:
        if self.method == PLAIN:
            return "ensemble"
        for power in _REPORT_POWERS:
            if self.members == _REPORT_MEMBERS and math.isclose(self.weight, 0.1**power):
                return f"{self.method}_0.1x{power}"
        return f"{self.method}_{self.weight!r}"

    def description(self) -> str:
        """`plain`, or method and weight: `L2 0.01`."""
        return PLAIN if self.method == PLAIN else f"{self.method} {self.weight:g}"

    def remedies(self) -> str:
        """The settings to lower if a training diverges."""
        return super().remedies() + ("" if self.method == PLAIN else " or --weight")

    def reference_params(self) -> dict[str, Any]:
        """The settings under the names that the reference code's pickles give them."""
        return {
            **super().reference_params(),
            "collab_method": _REFERENCE.get(self.method, self.method),
            "collab_weight": self.weight,
        }

    @classmethod
    def modernised(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Reads settings of release 0.1.0, in which plain ensembles had the method None."""
        is_old = values.get("system") == "ensemble" and values.get("method") == "None"
        return {**values, "method": PLAIN} if is_old else values
