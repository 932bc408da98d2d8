"""Nodes with parts of the data that send each other what they compute (Lacaille 2018, chapter 2)."""

from collab_ensembles.methods.nodes.grids import GRIDS
from collab_ensembles.methods.nodes.options import NodesConfig
from collab_ensembles.settings.method import Method

METHOD = Method(
    "nodes",
    "nodes with parts of the data that send each other what they compute (Lacaille 2018, chapter 2)",
    NodesConfig,
    "collab_ensembles.methods.nodes.training",
    GRIDS,
    spread="collab_ensembles.methods.nodes.spread",
)
