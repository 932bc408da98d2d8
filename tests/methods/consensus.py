"""A system of one's own: members that learn from the labels and from what all of them answer together.

The whole system is in this file. The entry point `consensus = consensus:METHOD` of the group
`collab_ensembles.methods` makes it one that every command knows.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import check_number, option
from collab_ensembles.settings.grid import row
from collab_ensembles.settings.method import Grid, Method, Shape


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsensusConfig(RunConfig):
    """The settings: those of all systems, and one of its own."""

    share: float = option(0.5, "share of the consensus in each member's cost; the rest is the labels'")

    def check(self) -> None:
        """Refuses settings that cannot be run."""
        check_number("share", self.share, 0, 1)
        if len(self.members) < 2:
            raise ConfigError(f"--members={','.join(self.members)}: one member has no consensus; name two or more")

    def description(self) -> str:
        """The run among others, for people."""
        return f"{len(self.members)} members, share {self.share:g}"


def shares(settings: Mapping[str, Any]) -> list[RunConfig]:
    """Independent members, and two shares of the consensus."""
    return [row(settings, system="consensus", share=share) for share in (0.0, 0.5, 0.9)]


def build(config: ConsensusConfig, image_shape: Shape, num_classes: int) -> Any:
    """The model. Here and below, TensorFlow and what needs it are imported late: the settings are read without."""
    import keras

    from collab_ensembles.methods.assembly import build_members
    from collab_ensembles.models.model import Model

    class ConsensusModel(Model):
        def objective(self, labels: Any, logits: Sequence[Any], sample_weight: Any = None) -> tuple[Any, list[Any]]:
            _, costs = super().objective(labels, logits, sample_weight)
            answers = keras.ops.softmax(self.ensemble_logits(logits))
            consensus = keras.ops.stop_gradient(answers)
            distances = [keras.losses.categorical_crossentropy(consensus, each, from_logits=True) for each in logits]
            to_consensus = sum(keras.ops.mean(distance) for distance in distances)
            return (1 - config.share) * sum(costs) + config.share * to_consensus, costs

    return ConsensusModel(build_members(config, image_shape, num_classes))


def optimizer(config: ConsensusConfig) -> Any:
    """What the model is compiled with."""
    from collab_ensembles.models.optimizers import Adam

    return Adam(config.single_rate)


def learning_rates(config: ConsensusConfig) -> dict[str, Any]:
    """Halved three times, as in Noel (2017)."""
    from collab_ensembles.models.schedules import Rate, halving

    return {"optimizer": Rate(lambda epoch: halving(config.single_rate, int(epoch) + 1, config.epochs))}


METHOD = Method(
    name="consensus",
    summary="members that learn from what all of them answer together",
    config=ConsensusConfig,
    training=__name__,
    grids={"consensus-shares": Grid(shares, sets=("share",))},
)
