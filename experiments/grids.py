"""Named grids: what to train, as a list of configurations.

A grid is a function of settings, fields of RunConfig, that all its runs have in common.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.fdl.options import PHASES
from collab_ensembles.networks.sizes import parse_network
from collab_ensembles.settings.config import RunConfig

Settings = Mapping[str, Any]
Grid = Callable[[Settings], list[RunConfig]]

NOEL_WEIGHTS = (1.0, 0.1, 0.01, 0.0001)


def noel(settings: Settings) -> list[RunConfig]:
    """The 13 ensembles of Noel (2017), section 5.2: plain, and each method with each weight."""
    if settings.get("target_gradient"):
        raise ConfigError(
            "--target_gradient concerns CE alone, and --grid=noel has every method; leave it out, and train ensembles "
            "with it by experiments.train --method=CE"
        )
    plain = RunConfig(**settings)
    if len(plain.members) < 2:
        raise ConfigError(
            f"--members={plain.members[0]}: --grid=noel compares members; name two or more, or train the one with "
            "experiments.train"
        )
    collaborating = [
        RunConfig(**{**settings, "method": method, "weight": weight})
        for method in ("CE", "L1", "L2")
        for weight in NOEL_WEIGHTS
    ]
    return [plain, *collaborating]


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
    """The cells of table 2 of Song and Chai (2018): one network, and two instances in turn, and at once with T = 1, 2.

    The first row of the paper is quoted from Zhang et al. (2018), whose loss is the paper's with T = 1 and beta = 0.5.
    """
    pair = {**settings, "heads": 2, "graph": "instances"}
    return [
        _heads(settings, "single", 1),
        _row(pair, system="multihead", graph="instances", temperature=1.0, optimization="alternating"),
        _row(pair, system="multihead", graph="instances", temperature=1.0, optimization="simultaneous"),
        _row(pair, system="multihead", graph="instances", temperature=2.0, optimization="simultaneous"),
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
"""The paper takes T = 2 and beta = 0.5 everywhere, and has its sweeps in a supplement that is not available.

Which values and which training graph it took are declared here: values on both sides of its own, the largest beta that
it allows, at which heads share layers but no answers, and, unless another --graph is given, two heads on one trunk.
"""


def song_chai_temperature(settings: Settings) -> list[RunConfig]:
    """Song and Chai (2018), end of section 4: what the temperature of the soft labels does, for one training graph."""
    return [_swept(settings, temperature=temperature) for temperature in SONG_CHAI_TEMPERATURES]


def song_chai_beta(settings: Settings) -> list[RunConfig]:
    """Song and Chai (2018), end of section 4: what the share of the labels in the loss does, for one training graph."""
    return [_swept(settings, beta=beta) for beta in SONG_CHAI_BETAS]


def song_chai_split_points(settings: Settings) -> list[RunConfig]:
    """Song and Chai (2018), end of section 4: heads that share nothing, or all up to a split point."""
    needed = {name: settings[name] for name in ("members", "heads") if name in settings}
    simple = RunConfig(**needed, system="multihead")
    points, heads = parse_network(simple.members[0]).split_points, simple.heads
    return [
        _heads(settings, "instances", heads),
        *(_row(settings, system="multihead", graph="simple", heads=heads, split_points=(point,)) for point in points),
    ]


def _swept(settings: Settings, **own: Any) -> RunConfig:
    return _row(settings, system="multihead", graph=settings.get("graph", "simple"), **own)


def _heads(settings: Settings, graph: str, heads: int) -> RunConfig:
    return _row(settings, system="multihead", graph=graph, heads=heads)


def _row(settings: Settings, **own: Any) -> RunConfig:
    """A configuration of its own settings and of those of the grid that have an effect beside them."""
    needed = {name: settings[name] for name in ("dataset", "members") if name in settings}
    idle = RunConfig(**{**needed, **own}).without_effect()
    return RunConfig(**{**{name: value for name, value in settings.items() if name not in idle}, **own})


FDL_MNIST_FILTERS = tuple(2**power for power in range(1, 9))

FDL_MNIST_EPOCHS = 20
"""10 of pre-training and 10 joint ones, where the published script goes on for up to 999: what two cores can do."""


def fdl_mnist(settings: Settings) -> list[RunConfig]:
    """Das and Dutta Roy (2022): a one-layer network of M filters against two of M/2, independent and with FDL.

    The published single networks end after their 10 epochs of Adadelta; here they go on with phase 1, as long as the
    ensembles are trained.
    """
    common = {"epochs": FDL_MNIST_EPOCHS, **settings}
    configs = []
    for filters in FDL_MNIST_FILTERS:
        alone, pair = (f"fdlnet{filters}",), (f"fdlnet{filters // 2}",) * 2
        arrangements = [(alone, PHASES[:1]), (pair, PHASES[:1]), (pair, PHASES)]
        configs += [_row(common, system="fdl", members=members, phases=phases) for members, phases in arrangements]
    return configs


GRIDS: dict[str, Grid] = {
    "noel": noel,
    "song-chai-table1": song_chai_table1,
    "song-chai-table2": song_chai_table2,
    "song-chai-table3": song_chai_table3,
    "song-chai-figure3": song_chai_figure3,
    "song-chai-temperature": song_chai_temperature,
    "song-chai-beta": song_chai_beta,
    "song-chai-split-points": song_chai_split_points,
    "fdl-mnist": fdl_mnist,
}


def plan(name: str, settings: Settings, seeds: Sequence[int]) -> list[RunConfig]:
    """A grid once for each seed; all of it for the first seed comes first.

    Raises:
      ConfigError: a setting is not allowed, has no effect in any run, or is one that the grid lays down itself.
    """
    configs = [config for seed in seeds for config in GRIDS[name]({**settings, "seed": seed})]
    for key, value in settings.items():
        given = tuple(value) if isinstance(value, list) else value
        # A data set's path is made absolute.
        others = [config for config in configs if getattr(config, key) != given and key != "dataset"]
        text = ",".join(value) if isinstance(value, list) else value
        if any(key not in config.without_effect() for config in others):
            raise ConfigError(f"--{key}={text}: --grid={name} sets this itself; leave it out")
        if len(others) == len(configs):
            raise ConfigError(f"--{key}={text} has no effect in --grid={name}; leave it out")
    return configs
