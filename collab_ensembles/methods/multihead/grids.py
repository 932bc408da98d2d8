"""The grids of Song and Chai (2018)."""

from typing import Any

from collab_ensembles.methods.multihead.options import MultiheadConfig
from collab_ensembles.networks.sizes import parse_network
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import row
from collab_ensembles.settings.method import Grid, Settings


def song_chai_table1(settings: Settings) -> list[RunConfig]:
    """The rows of table 1 of Song and Chai (2018), for one network."""
    return [
        _heads(settings, "single", 1),
        _heads({**settings, "label_smoothing": 0.05}, "single", 1),
        _heads(settings, "instances", 2),
        _heads(settings, "instances", 4),
        _heads(settings, "simple", 2),
        _heads(settings, "hierarchical", 4),
    ]


def song_chai_table2(settings: Settings) -> list[RunConfig]:
    """The cells of table 2 of Song and Chai (2018): one network; two alternating instances; two at once with T = 1, 2.

    The first row of the paper is quoted from Zhang et al. (2018), whose loss is the paper's with T = 1 and beta = 0.5.
    """
    pair = {**settings, "heads": 2, "graph": "instances"}
    return [
        _heads(settings, "single", 1),
        row(pair, system="multihead", graph="instances", temperature=1.0, optimization="alternating"),
        row(pair, system="multihead", graph="instances", temperature=1.0, optimization="simultaneous"),
        row(pair, system="multihead", graph="instances", temperature=2.0, optimization="simultaneous"),
    ]


def song_chai_table3(settings: Settings) -> list[RunConfig]:
    """The columns of table 3 of Song and Chai (2018): four heads on one trunk, gradients rescaled in three ways."""
    return [_heads({**settings, "rescaling": way}, "simple", 4) for way in ("none", "loss", "backprop")]


def song_chai_figure3(settings: Settings) -> list[RunConfig]:
    """The lines of figure 3 of Song and Chai (2018), at one level of --label_noise."""
    return [
        _heads(settings, "single", 1),
        _heads(settings, "instances", 2),
        _heads(settings, "simple", 2),
        _heads(settings, "hierarchical", 4),
    ]


SONG_CHAI_TEMPERATURES = (1.0, 2.0, 3.0, 4.0, 5.0)
SONG_CHAI_BETAS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""The paper uses T = 2 and beta = 0.5 everywhere. Its sweeps are in a supplement that is not available.

Which values and which training graph it took are declared here: values on both sides of its own, the largest beta that
it allows, at which heads share layers but no answers, and, unless another --graph is given, two heads on one trunk.
"""


def song_chai_temperature(settings: Settings) -> list[RunConfig]:
    """Song and Chai (2018), end of section 4: effect of the temperature of the soft labels, for one training graph."""
    return [_swept(settings, temperature=temperature) for temperature in SONG_CHAI_TEMPERATURES]


def song_chai_beta(settings: Settings) -> list[RunConfig]:
    """Song and Chai (2018), end of section 4: effect of the share of the labels in the loss, for one training graph."""
    return [_swept(settings, beta=beta) for beta in SONG_CHAI_BETAS]


def song_chai_split_points(settings: Settings) -> list[RunConfig]:
    """Song and Chai (2018), end of section 4: heads that share no layers, or all layers up to a split point."""
    needed = {name: settings[name] for name in ("members", "heads") if name in settings}
    simple = MultiheadConfig(**needed, system="multihead")
    points, heads = parse_network(simple.members[0]).split_points, simple.heads
    return [
        _heads(settings, "instances", heads),
        *(row(settings, system="multihead", graph="simple", heads=heads, split_points=(point,)) for point in points),
    ]


def _swept(settings: Settings, **own: Any) -> RunConfig:
    return row(settings, system="multihead", graph=settings.get("graph", "simple"), **own)


def _heads(settings: Settings, graph: str, heads: int) -> RunConfig:
    return row(settings, system="multihead", graph=graph, heads=heads)


GRIDS = {
    "song-chai-table1": Grid(song_chai_table1, ("graph", "heads")),
    "song-chai-table2": Grid(song_chai_table2, ("graph", "heads", "temperature", "optimization")),
    "song-chai-table3": Grid(song_chai_table3, ("graph", "heads", "rescaling")),
    "song-chai-figure3": Grid(song_chai_figure3, ("graph", "heads")),
    "song-chai-temperature": Grid(song_chai_temperature, ("temperature",)),
    "song-chai-beta": Grid(song_chai_beta, ("beta",)),
    "song-chai-split-points": Grid(song_chai_split_points, ("graph", "split_points")),
}
