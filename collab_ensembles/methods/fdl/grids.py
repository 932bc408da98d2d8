"""The grids of Das and Dutta Roy (2022)."""

from collab_ensembles.errors import ConfigError
from collab_ensembles.methods.fdl.options import PHASES, FeatureDifferenceConfig
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import row
from collab_ensembles.settings.method import Grid, Settings

FDL_MNIST_FILTERS = tuple(2**power for power in range(1, 9))

FDL_MNIST_EPOCHS = 20
"""10 epochs of pre-training and 10 joint ones, which two cores can do; the published script trains for up to 999."""

_OWN = tuple(field.name for field in FeatureDifferenceConfig.own_fields())


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
    own = [name for name in _OWN if name in settings]
    if own:
        raise ConfigError(
            f"--{own[0]}: snapshots have no such setting, and this grid trains them too; leave it out, or use "
            "experiments.train"
        )
    (network, *_) = settings.get("members", ("vgg16",))
    alone, pair = {"members": (network,)}, {"members": (network,) * 2}
    return [
        row(settings, system="fdl", phases=PHASES[:1], **alone),
        row(settings, system="fdl", phases=PHASES[:1], **pair),
        row(settings, system="snapshot", **alone),
        row(settings, system="snapshot", cycle="triangular", **alone),
        row(settings, system="fdl", **pair),
    ]


GRIDS = {
    "fdl-mnist": Grid(fdl_mnist, ("members", "phases")),
    "das-table": Grid(das_table, _OWN),
}
