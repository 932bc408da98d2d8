"""The grid of Das and Dutta Roy (2022)."""

from collab_ensembles.methods.fdl.options import PHASES
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import row
from collab_ensembles.settings.method import Grid, Settings

FDL_MNIST_FILTERS = tuple(2**power for power in range(1, 9))

FDL_MNIST_EPOCHS = 20
"""10 epochs of pre-training and 10 joint ones, which two cores can do; the published script trains for up to 999."""


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


GRIDS = {"fdl-mnist": Grid(fdl_mnist, ("members", "phases"))}
