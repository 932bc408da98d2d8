"""The grids of Lacaille (2018), chapter 2."""

from collab_ensembles.methods.nodes.options import CONTENTS, LEARNING
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


def lacaille_steps(settings: Settings) -> list[RunConfig]:
    """Lacaille (2018), table 2.2: the same for 13,000 steps, with a test after each 250."""
    return [row(settings, system="nodes", steps=13_000, epochs=52, **arrangement) for arrangement in ARRANGEMENTS]


def lacaille_unsupervised(settings: Settings) -> list[RunConfig]:
    """Lacaille (2018), table 2.3: VAE and BiGAN; one node, 10 nodes without and with communication."""
    return [run for learning in LEARNING[1:] for run in _codes(settings, learning, 10)]


def five_vaes(settings: Settings) -> list[RunConfig]:
    """As table 2.3 of Lacaille (2018), VAE alone, with five nodes."""
    return _codes(settings, "vae", 5)


def five_bigans(settings: Settings) -> list[RunConfig]:
    """As table 2.3 of Lacaille (2018), BiGAN alone, with five nodes."""
    return _codes(settings, "bigan", 5)


def _codes(settings: Settings, learning: str, nodes: int) -> list[RunConfig]:
    arrangements = ({"nodes": 1}, {"nodes": nodes, "content": "none"}, {"nodes": nodes, "content": "features"})
    return [row(settings, system="nodes", learning=learning, **arrangement) for arrangement in arrangements]


def five_nodes(settings: Settings) -> list[RunConfig]:
    """As table 2.1 of Lacaille (2018), with five nodes: one node; five without communication, and with each content."""
    alone = row(settings, system="nodes", nodes=1)
    return [alone, *(row(settings, system="nodes", nodes=5, content=content) for content in CONTENTS)]


GRIDS = {
    "lacaille-2.1": Grid(lacaille_table, ("nodes", "content")),
    "lacaille-2.2": Grid(lacaille_steps, ("nodes", "content", "steps", "epochs")),
    "lacaille-2.3": Grid(lacaille_unsupervised, ("nodes", "content", "learning")),
    "lacaille-2.3-five-vae": Grid(five_vaes, ("nodes", "content", "learning")),
    "lacaille-2.3-five-bigan": Grid(five_bigans, ("nodes", "content", "learning")),
    "lacaille-2.1-five": Grid(five_nodes, ("nodes", "content")),
}
