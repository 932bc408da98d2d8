"""The settings of collaborative ensembles (Noel 2017)."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from collab_ensembles.data import catalogue
from collab_ensembles.data.unlabelled import UnlabelledBatches
from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.ensemble import directed_links
from collab_ensembles.methods.ensemble.weight_schedules import SCHEDULES
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text, check_effects, check_number, check_whole, option

PLAIN = "plain"
"""Training without collaboration; `None` in files of the reference code and of release 0.1.0."""

COLLABORATING = ("CE", "L1", "L2")

NO_IMAGES, REST, NOISES = "none", "rest", ("uniform", "gaussian")
"""Values of `--unlabelled` besides names of data sets."""

PSEUDO_LABELS = "pseudo_labels"

_REPORT_MEMBERS = ("ST", "M")
_REPORT_POWERS = (0, 1, 2, 4)
_REFERENCE = {PLAIN: "None", "CE": "cross_ent"}
"""Methods that have another name in the reference code."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnsembleConfig(RunConfig):
    """Members that learn from the labels and, by a collaboration cost, from each other."""

    black_border: ClassVar[bool] = False
    controls: ClassVar[tuple[str, ...]] = (
        "learning_rate",
        "class_weight",
        "pad",
        "early_stopping",
        "continue_from",
        "test_every",
    )

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

    links: tuple[str, ...] = option(
        (),
        "which member learns from which, in place of --weight and --pairing: 'ST<-M:1,M<-ST:0.1' lets ST learn from M "
        "with weight 1 and M from ST with 0.1; a link that is missing has weight 0",
    )
    weight_schedule: str = option(
        "constant",
        "how weights change from the epoch --schedule_start to --schedule_end: linear: rise from 0; cosine: fall to 0; "
        "ramp_up, ramp_down: rise or fall as in Laine and Aila (2017); step: are 0 before and after",
        SCHEDULES,
    )
    schedule_start: int = option(0, "epoch, from 0, at which the weights begin to change")
    schedule_end: int | None = option(None, "epoch at which the weights end to change; default: the end of training")
    shared_initialisation: bool = option(False, "equal members begin with equal initial values")
    unlabelled: str = option(
        NO_IMAGES,
        "images without labels on which members collaborate as well: rest: the training examples that --train_limit "
        "leaves out; uniform, gaussian: noise, uniform or with the moments of the training images; or the training "
        "images of another built-in data set",
    )
    unlabelled_every: int = option(1, "every how many steps there are images without labels")
    unlabelled_batch: int | None = option(None, "images without labels in a step; default: --batch_size")
    unlabelled_cost: str = option(
        "collaboration",
        "what is learned from them: collaboration: the collaboration cost; pseudo_labels: each member's own answers, "
        "as in Lee (2013), with the collaboration weight",
        ("collaboration", PSEUDO_LABELS),
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
        if self.method == PLAIN and self.weight != 1.0 and self.unlabelled_cost != PSEUDO_LABELS:
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
        if self.shared_initialisation and len(set(self.members)) == len(self.members):
            raise ConfigError(
                f"--shared_initialisation: no two of --members={','.join(self.members)} are equal; leave it out"
            )
        self._check_unlabelled()
        self._check_links()
        self._check_schedule()

    def _check_links(self) -> None:
        if not self.links:
            return
        if self.method == PLAIN:
            raise ConfigError(f"--links={as_text(self.links)} has no cost; add --method=CE, L1 or L2")
        links = directed_links.parse(self.links, self.member_names())
        given = f"--links={as_text(self.links)}"
        check_effects(self, {"weight": 1.0, "pairing": "chain", "target_gradient": False}, given)
        self._set("links", tuple(sorted(map(str, links))))

    def _check_schedule(self) -> None:
        if self.weight_schedule == "constant":
            check_effects(self, {"schedule_start": 0, "schedule_end": None}, "--weight_schedule=constant")
            return
        if self.method == PLAIN and self.unlabelled_cost != PSEUDO_LABELS:
            raise ConfigError(
                f"--weight_schedule={self.weight_schedule} has no effect without a collaboration method; add "
                "--method=CE, L1 or L2, or leave it out"
            )
        check_whole("schedule_start", self.schedule_start, 0, self.epochs - 1)
        check_whole("schedule_end", self.schedule_end, self.schedule_start + 1, self.epochs)

    def _check_unlabelled(self) -> None:
        if self.unlabelled == NO_IMAGES:
            only: dict[str, Any] = {"unlabelled_every": 1, "unlabelled_batch": None, "unlabelled_cost": "collaboration"}
            check_effects(self, only, f"--unlabelled={NO_IMAGES}")
            return
        # Other parts of the same images, such as notmnist/small, have its test images too.
        sets = (name for name in catalogue.CATALOGUE if name.partition("/")[0] != self.dataset.partition("/")[0])
        allowed = [NO_IMAGES, REST, *NOISES, *sets]
        if self.unlabelled not in allowed:
            raise ConfigError(f"--unlabelled={self.unlabelled}: not known; allowed: {', '.join(allowed)}")
        if self.unlabelled == REST and self.train_limit is None:
            raise ConfigError(f"--unlabelled={REST}: no training example is left out; add --train_limit=1000")
        if self.method == PLAIN and self.unlabelled_cost != PSEUDO_LABELS:
            raise ConfigError(
                f"--unlabelled={self.unlabelled}: --method={PLAIN} learns nothing without labels; add --method=CE, L1 "
                f"or L2, or --unlabelled_cost={PSEUDO_LABELS}"
            )
        check_whole("unlabelled_every", self.unlabelled_every, 1)
        check_whole("unlabelled_batch", self.unlabelled_batch, 1)

    @property
    def unlabelled_data(self) -> str:
        """See `RunConfig.unlabelled_data`."""
        return "" if self.unlabelled in (NO_IMAGES, *NOISES) else self.unlabelled

    def unlabelled_batches(self, images: np.ndarray) -> UnlabelledBatches | None:
        """See `RunConfig.unlabelled_batches`."""
        if self.unlabelled == NO_IMAGES:
            return None
        size = self.unlabelled_batch or self.batch_size
        return UnlabelledBatches(self.unlabelled, images, size, self.unlabelled_every, self.seed)

    def initialised_as(self, index: int) -> int:
        """See `RunConfig.initialised_as`."""
        return self.members.index(self.members[index]) if self.shared_initialisation else index

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
        """`plain`, or method and weight: `L2 0.01`; then what the paper does not have, such as `links ST<-M:1`."""
        named = PLAIN if self.method == PLAIN else self.method if self.links else f"{self.method} {self.weight:g}"
        return ", ".join([named, *self.particulars(("method", "weight", "pairing", "target_gradient", "label_noise"))])

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
