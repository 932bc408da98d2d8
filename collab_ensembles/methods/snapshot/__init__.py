"""Snapshot and fast geometric ensembles (Huang et al. 2017, Garipov et al. 2018)."""

from collab_ensembles.methods.snapshot.options import SnapshotConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "snapshot",
    "snapshot and fast geometric ensembles (Huang et al. 2017, Garipov et al. 2018)",
    SnapshotConfig,
    "collab_ensembles.methods.snapshot.training",
)
