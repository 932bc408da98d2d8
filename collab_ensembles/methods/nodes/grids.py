"""The grids of Lacaille (2018), chapter 2."""

from collab_ensembles.methods.nodes.options import CONTENTS
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import row
from collab_ensembles.settings.method import Grid, Settings

ARRANGEMENTS = (
    {"nodes": 1, "content": "none"},
    {"nodes": 10, "content": "none"},
    {"nodes": 10, "content": "logits"},
    {"nodes": 10, "content": "labels"},
    {"nodes": 10, "content": "features"},
    {"nodes": 20, "content": "labels"},
)
"""The rows of tables 2.1 and 2.2, in their order."""


def lacaille_table(settings: Settings) -> list[RunConfig]:
    """Lacaille (2018), table 2.1: one node; 10 nodes without and with communication; 20 with labels."""
    return [row(settings, system="nodes", **arrangement) for arrangement in ARRANGEMENTS]


def five_nodes(settings: Settings) -> list[RunConfig]:
    """As table 2.1 of Lacaille (2018), with five nodes: one node; five without communication, and with each content."""
    alone = row(settings, system="nodes", nodes=1)
    return [alone, *(row(settings, system="nodes", nodes=5, content=content) for content in CONTENTS)]


GRIDS = {
    "lacaille-2.1": Grid(lacaille_table, ("nodes", "content")),
    "lacaille-2.1-five": Grid(five_nodes, ("nodes", "content")),
}
