"""The settings of snapshot and fast geometric ensembles (Huang et al. 2017, Garipov et al. 2018), and their checks."""

import dataclasses
from typing import Any

from collab_ensembles.errors import ConfigError
from collab_ensembles.models import schedules
from collab_ensembles.settings.defaults import default
from collab_ensembles.settings.fields import check_effects, check_number, check_whole, option

AVERAGES = ("logits", "softmax")
_SYSTEMS = ("snapshot",)


@dataclasses.dataclass(frozen=True)
class SnapshotOptions:
    """Fields of `RunConfig`; those without a default of their own find it in `collab_ensembles.settings.defaults`."""

    cycle: str = option(
        "cosine",
        "how the learning rate falls towards each snapshot: cosine: in equal cycles from the first epoch on (snapshot "
        "ensembles, Huang et al. 2017); triangular: in short cycles after ordinary training (fast geometric ensembles, "
        "Garipov et al. 2018)",
        ("cosine", "triangular"),
        _SYSTEMS,
    )
    cycle_epochs: int = option(
        None, "epochs of each triangular cycle, an even number; default: 2 for VGG, otherwise 4", (), _SYSTEMS
    )
    cycle_learning_rate: float = option(
        None,
        "learning rate where triangular cycles begin and end (alpha 1); default: 0.01 for VGG, otherwise 0.05",
        (),
        _SYSTEMS,
    )
    lowest_learning_rate: float = option(
        5e-4, "learning rate in the middle of triangular cycles (alpha 2), where snapshots are taken", (), _SYSTEMS
    )
    snapshots: int = option(
        None,
        "number of snapshots, one a cycle; default: 5, for triangular cycles as many as the last fifth of the epochs "
        "holds, two at least",
        (),
        _SYSTEMS,
    )

    averaging: str = option(
        None,
        "what the ensemble's prediction is the mean of: softmax: the snapshots' probabilities (default, as in the "
        "papers); logits: their logits, as the other systems' ensembles have it",
        AVERAGES,
        _SYSTEMS,
    )

    def check_snapshots(self, members: tuple[str, ...], epochs: int) -> None:
        """Raises ConfigError if settings are not allowed, by themselves or together."""
        if len(members) != 1:
            raise ConfigError(f"--members={','.join(members)}: --system=snapshot takes one network")
        check_effects(self, self.snapshot_without_effect(), f"--cycle={self.cycle}")
        check_whole("cycle_epochs", self.cycle_epochs, 2)
        if self.cycle_epochs % 2:
            raise ConfigError(f"--cycle_epochs={self.cycle_epochs}: allowed: even numbers, such as 2")
        check_number("cycle_learning_rate", self.cycle_learning_rate, above=True)
        check_number("lowest_learning_rate", self.lowest_learning_rate, 0, self.cycle_learning_rate, above=True)
        check_whole("snapshots", self.snapshots, 2, 1000)
        if self.cycle == "triangular":
            if schedules.first_triangle(epochs, self.snapshots, self.cycle_epochs) < 1:
                raise ConfigError(
                    f"--snapshots={self.snapshots}: with --cycle_epochs={self.cycle_epochs}, their cycles leave none "
                    f"of {epochs} epoch(s) for the training before; lower one of these, or raise --epochs"
                )
        elif len(schedules.cosine_starts(epochs, self.snapshots)) < self.snapshots:
            raise ConfigError(
                f"--snapshots={self.snapshots}: {epochs} epochs have fewer cycles of whole epochs; choose a divisor of "
                "--epochs"
            )

    def snapshot_starts(self, epochs: int) -> list[int]:
        """The first epoch, from 0, of each snapshot's training."""
        if self.cycle == "triangular":
            return schedules.triangular_starts(epochs, self.snapshots, self.cycle_epochs)
        return schedules.cosine_starts(epochs, self.snapshots)

    def snapshot_without_effect(self) -> dict[str, Any]:
        """The only values of settings that would change nothing, given the cycle."""
        if self.cycle == "triangular":
            return {}
        defaults = {name: default(name, self) for name in ("cycle_epochs", "cycle_learning_rate")}
        return {**defaults, "lowest_learning_rate": 5e-4}
