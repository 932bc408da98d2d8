"""The grids of Das and Dutta Roy (2022)."""

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.fdl.options import PHASES, FeatureDifferenceConfig
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import row
from collab_ensembles.settings.method import Grid, Settings

FDL_MNIST_FILTERS = tuple(2**power for power in range(1, 9))

FDL_MNIST_EPOCHS = 20
"""10 epochs of pre-training and 10 joint ones, which two cores can do; the published script trains for up to 999."""

_OF_ROWS = (*(field.name for field in FeatureDifferenceConfig.own_fields()), "learning_rate")
"""Settings that snapshots do not have, or for which each method has a default of its own."""


def fdl_mnist(settings: Settings) -> list[RunConfig]:
    """Das and Dutta Roy (2022): a one-layer network of M filters against two of M/2, independent and with FDL.

    The published single networks train for 10 epochs of Adadelta only. Here they continue with phase 1 and train as
    long as the ensembles.
    """
    common = {"epochs": FDL_MNIST_EPOCHS, **settings}
    configs = []
    for filters in FDL_MNIST_FILTERS:
        alone, pair = (f"fdlnet{filters}",), (f"fdlnet{filters // 2}",) * 2
        arrangements = [(alone, PHASES[:1]), (pair, PHASES[:1]), (pair, PHASES)]
        configs += [row(common, system="fdl", members=members, phases=phases) for members, phases in arrangements]
    return configs


def das_table(settings: Settings) -> list[RunConfig]:
    """The table of Das and Dutta Roy (2022), for one network: alone, two without and with FDL, SSE and FGE.

    AE Full is not here. All are trained for equally many epochs.
    """
    for name in _OF_ROWS:
        if name in settings:
            raise ConfigError(
                f"--{name}: the rows of --grid=das-table have values of their own; leave it out, or use "
                "experiments.train"
            )
    members = settings.get("members", ("vgg16",))
    if len(members) != 1:
        raise ConfigError(
            f"--members={','.join(members)}: --grid=das-table takes one network, which it trains alone and in pairs"
        )
    alone, pair = (*members,), (*members,) * 2
    if FeatureDifferenceConfig(system="fdl", members=pair).recipe != "cifar":
        raise ConfigError(
            f"--members={members[0]}: such networks are trained as in the authors' script for MNIST, which has no "
            "snapshots; use --grid=fdl-mnist, or another network"
        )
    return [
        row(settings, system="fdl", phases=PHASES[:1], members=alone),
        row(settings, system="fdl", phases=PHASES[:1], members=pair),
        row(settings, system="snapshot", members=alone),
        row(settings, system="snapshot", cycle="triangular", members=alone),
        row(settings, system="fdl", members=pair),
    ]


GRIDS = {
    "fdl-mnist": Grid(fdl_mnist, ("members", "phases")),
    "das-table": Grid(das_table, _OF_ROWS),
}
