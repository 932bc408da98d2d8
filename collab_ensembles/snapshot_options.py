"""The settings of snapshot ensembles (Huang et al. 2017) and their checks."""

import dataclasses

from collab_ensembles import schedule
from collab_ensembles.errors import ConfigError
from collab_ensembles.fields import check_whole, option

_SYSTEMS = ("snapshot",)


@dataclasses.dataclass(frozen=True)
class SnapshotOptions:
    """Fields of `RunConfig`."""

    snapshots: int = option(5, "number of snapshots, one at the end of each cosine cycle", (), _SYSTEMS)

    def check_snapshots(self, members: tuple[str, ...], epochs: int) -> None:
        """Raises ConfigError if settings are not allowed, by themselves or together."""
        if len(members) != 1:
            raise ConfigError(f"--members={','.join(members)}: --system=snapshot takes one network")
        check_whole("snapshots", self.snapshots, 2, 1000)
        if schedule.cycle_length(epochs, self.snapshots) * (self.snapshots - 1) >= epochs:
            raise ConfigError(
                f"--snapshots={self.snapshots}: {epochs} epochs have fewer cycles of whole epochs; choose a divisor of "
                "--epochs"
            )
