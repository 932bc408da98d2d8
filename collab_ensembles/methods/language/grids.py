"""The grid of Lacaille (2018), table 4.1."""

from collab_ensembles.methods.language.options import LEVELS
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import row
from collab_ensembles.settings.method import Grid, Settings


def lacaille_table(settings: Settings) -> list[RunConfig]:
    """Lacaille (2018), table 4.1: two agents with partial views, at each level of communication.

    The data are split as MNIST officially is, which is what the thesis has.
    """
    return [row({"split": "standard", **settings}, system="language", level=level) for level in LEVELS]


GRIDS = {"lacaille-4.1": Grid(lacaille_table, ("level",))}
