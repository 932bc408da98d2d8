"""Builds snapshot and fast geometric ensembles, and chooses their optimizer and learning rate."""

from collab_ensembles.methods.assembly import build_member
from collab_ensembles.methods.snapshot import cycles
from collab_ensembles.methods.snapshot.model import SnapshotModel
from collab_ensembles.methods.snapshot.options import SnapshotConfig
from collab_ensembles.models.model import Model
from collab_ensembles.models.optimizers import SGD
from collab_ensembles.models.schedules import Rate
from collab_ensembles.settings.method import Shape


def build(config: SnapshotConfig, image_shape: Shape, num_classes: int) -> Model:
    """See `settings.method.Training`."""
    members = {
        name: build_member(config, image_shape, num_classes, 0, name, decays=False) for name in config.member_names()
    }
    is_fast_geometric = config.cycle == "triangular"
    return SnapshotModel(members, config.starts(), averaging=config.averaging, keep_momentum=is_fast_geometric)


def optimizer(config: SnapshotConfig) -> SGD:
    """SGD with Nesterov's momentum; fast geometric ensembles have ordinary momentum, as in their authors' code."""
    return SGD(config.single_rate, momentum=0.9, nesterov=config.cycle == "cosine", decay=config.regularization_rate)


def learning_rates(config: SnapshotConfig) -> dict[str, Rate]:
    """Cosine cycles, with one rate for each epoch, or triangular cycles, with one for each step."""
    initial, epochs = config.single_rate, config.epochs
    if config.cycle == "cosine":
        return {"optimizer": Rate(lambda epoch: cycles.cosine_cycles(initial, int(epoch), epochs, config.snapshots))}
    ends = config.cycle_learning_rate, config.lowest_learning_rate
    arrangement = epochs, config.snapshots, config.cycle_epochs
    return {
        "optimizer": Rate(lambda epoch: cycles.triangular_cycles(initial, *ends, epoch, *arrangement), by_step=True)
    }
