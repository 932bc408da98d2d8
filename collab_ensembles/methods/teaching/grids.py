"""The grid of Lacaille (2018), table 3.1."""

from collab_ensembles.methods.teaching.options import TeachingConfig
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.grid import row
from collab_ensembles.settings.method import Grid, Settings

ARRANGEMENTS = (
    {"stack": 1},
    {"stack": 2},
    {"stack": 2, "targets": "true"},
    {"stack": 2, "difficulty": "euclidean"},
    {"stack": 2, "difficulty": "random"},
    {"stack": 5},
    {"stack": 5, "targets": "true"},
)
"""The rows of table 3.1, in its order."""


def lacaille_table(settings: Settings) -> list[RunConfig]:
    """Lacaille (2018), table 3.1: the teacher, which all seeds share; students alone and with stacks of 2 and 5.

    The data are split as MNIST officially is, which is what the thesis has.
    """
    common = {"split": "standard", **settings}
    students = [row(common, system="teaching", **arrangement) for arrangement in ARRANGEMENTS]
    learner = students[1]
    assert isinstance(learner, TeachingConfig)
    return [learner.as_teacher(), *students]


GRIDS = {
    "lacaille-3.1": Grid(
        lacaille_table, ("members", "stack", "difficulty", "targets", "dropout", "patience", "teacher")
    )
}
