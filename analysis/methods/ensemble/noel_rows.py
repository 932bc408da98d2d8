"""The rows of the tables of Noel (2017): which of them a run belongs to, and their order."""

import dataclasses
from collections.abc import Iterable, Sequence

from analysis import recorded_run
from analysis.recorded_run import Run
from collab_ensembles.methods.ensemble import options
from collab_ensembles.settings.config import RunConfig

Setting = tuple[str, float]
"""Method and weight."""

PLAIN = "Single"
"""The paper's word for plain ensembles, those without collaboration, in tables and files."""
AUTHOR = "the author's files"
"""The origin of runs that the author's code trained."""
METHODS = ("CE", "L1", "L2")
"""The paper's methods, in the order of its tables."""
PANELS = ("CE", "L2", "L1")
"""The same in the order of the panels of its figures."""


def setting_of(config: RunConfig) -> Setting:
    """Method and weight as tables have them: `Single` for plain ensembles, and 0.01 for 0.1**2."""
    assert isinstance(config, options.EnsembleConfig)
    method = PLAIN if config.method == options.PLAIN else config.method
    return method, recorded_run.without_rounding(config.weight)


def is_as_published(config: RunConfig) -> bool:
    """Whether a run was trained as the published ones: at default settings, on other images or on the author's own.

    The number format may be another one, and tables name it. Whether it changes final errors is not known. How many
    epochs were tested does not.
    """
    usual = dataclasses.replace(config, precision="float32", test_every=1)
    if config.split == "author":
        usual = dataclasses.replace(usual, split="report")
    return recorded_run.setting(usual) == recorded_run.DEFAULT_SETTINGS


def is_plain(run: Run) -> bool:
    """Whether its members do not collaborate."""
    return setting_of(run.config)[0] == PLAIN


def other_methods() -> list[str]:
    """Methods that can be trained and that the paper does not have, in the order in which they are declared."""
    return [name for name in options.COLLABORATING if name not in METHODS]


def place(method: str, order: Sequence[str] = (*METHODS, PLAIN)) -> tuple[int, str]:
    """Where a method stands: those of the order first, others behind them by their names."""
    return (order.index(method), "") if method in order else (len(order), method)


def rows_of(runs: Iterable[Run]) -> dict[Setting, list[Run]]:
    """The runs of each method and weight, in the order of the paper's tables, by seed."""
    rows: dict[Setting, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.config.seed):
        rows.setdefault(setting_of(run.config), []).append(run)
    return {row: rows[row] for row in sorted(rows, key=lambda row: (place(row[0]), -row[1]))}


def panels_of(runs: Sequence[Run]) -> list[str]:
    """The methods that figures have a panel for: the paper's, and others that were run."""
    found = {setting_of(run.config)[0] for run in runs} - {PLAIN}
    return sorted({*PANELS, *found}, key=lambda method: place(method, PANELS))
