"""The settings of distillation (Song and Chai 2018, table 4, after Hinton et al. 2015)."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from collab_ensembles.data import catalogue
from collab_ensembles.errors import ConfigError
from collab_ensembles.networks.sizes import DenseNetSize, parse_network
from collab_ensembles.settings.config import SGD_DEFAULTS, RunConfig
from collab_ensembles.settings.fields import check_number, option

_DEFAULTS = {**SGD_DEFAULTS, "members": ("resnet32",)}

_FORMERLY = {"system": "multihead", "graph": "single"}
"""How release 0.1.0 wrote this system in its settings; so digests and names of its runs stay the same."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillationConfig(RunConfig):
    """A student that learns from the labels and from the mean logits of finished teachers."""

    controls: ClassVar[tuple[str, ...]] = ("pad",)

    teacher: tuple[str, ...] = option(
        (),
        "Keras files (see experiments.export) whose mean logits the student learns from",
        kept_in="teachers",
    )
    temperature: float = option(2.0, "temperature T of the soft labels")
    beta: float = option(0.5, "share of the labels in the loss; the soft labels have the rest")

    @property
    def together(self) -> str:
        """The tables compare students with multi-head runs."""
        return "multihead"

    def default(self, name: str) -> Any:
        """The defaults of multi-head learning, with which students are compared."""
        if name == "epochs":
            return 300 if isinstance(parse_network(self.members[0]), DenseNetSize) else 200
        return _DEFAULTS[name] if name in _DEFAULTS else super().default(name)

    def check(self) -> None:
        """Raises ConfigError if a setting, or a combination of settings, is not allowed."""
        if len(self.members) != 1:
            raise ConfigError(
                f"--members={','.join(self.members)}: --system=distillation takes one network, the student"
            )
        if not self.teacher:
            raise ConfigError(
                "--teacher is empty; name at least one .keras file, such as those that experiments.export writes"
            )
        for path in self.teacher:
            if not path.endswith(".keras"):
                raise ConfigError(
                    f"--teacher={path}: not the path of a Keras file; needed: .keras files, such as those that "
                    "experiments.export writes"
                )
        check_number("temperature", self.temperature, above=True)
        check_number("beta", self.beta, 0, 1, above=True)

    def member_names(self) -> tuple[str, ...]:
        """The two networks whose statistics are kept."""
        return ("student", "teacher")

    def run_name(self) -> str:
        """Such as `CIFAR10_multihead_resnet32_distilled`."""
        return f"{catalogue.label(self.dataset)}_{_FORMERLY['system']}_{self.members_name()}_distilled"

    def description(self) -> str:
        """Such as `resnet32, distilled`."""
        return ", ".join([self.network_names()[0], "distilled", *self.particulars(named=("teacher",))])

    def identity(self) -> dict[str, Any]:
        """The settings that decide the digest, as release 0.1.0 wrote them."""
        return {**super().identity(), **_FORMERLY}

    @classmethod
    def modernised(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Reads settings of release 0.1.0: there this was multi-head learning with a single graph and teachers."""
        if any(values.get(name) != value for name, value in _FORMERLY.items()) or not values.get("teacher"):
            return values
        return {name: value for name, value in values.items() if name != "graph"} | {"system": "distillation"}
