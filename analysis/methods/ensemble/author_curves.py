"""The author's own curves: his statistics of every epoch of the 13 ensembles on each data set of the paper.

`analysis/reference/noel_2017_epochs.csv.xz` has them: a row for each data set, model, method, weight and epoch, errors
in percent. They are facts from the 117 result files of the author's code of June 2017 (39 ensembles; ST, M and Ens of
each), the source of the published tables. Training statistics are running averages.
"""

import functools
import importlib.resources
from collections.abc import Sequence

import pandas as pd

from analysis.methods.ensemble import noel_rows
from analysis.recorded_run import Run
from collab_ensembles.data import catalogue
from collab_ensembles.methods.ensemble.options import PLAIN, EnsembleConfig
from collab_ensembles.runs.run_directory import Status

_FILE = "reference/noel_2017_epochs.csv.xz"
_DATA = {
    "train_error": "TrainError",
    "train_cost": "TrainCost",
    "test_error": "TestError",
    "test_cost": "TestCost",
}


@functools.cache
def table() -> pd.DataFrame:
    """The file as it is; columns dataset (as file names spell it), model, method, weight, epoch and four statistics."""
    with importlib.resources.files("analysis").joinpath(_FILE).open("rb") as file:
        return pd.read_csv(file, compression="xz")


@functools.cache
def runs_of(label: str) -> tuple[Run, ...]:
    """The author's ensembles on a data set, by its label, in the order of the paper's tables; none if he has none.

    Seed 0 stands for the seed that the author's code does not record.
    """
    found = table()[table()["dataset"] == label]
    dataset = next(name for name in catalogue.CATALOGUE if catalogue.label(name) == label) if len(found) else ""
    runs = []
    for key, rows in found.groupby(["method", "weight"]):
        method, weight = str(key[0]), float(str(key[1]))
        config = EnsembleConfig(dataset=dataset, method=PLAIN if method == noel_rows.PLAIN else method, weight=weight)
        statistics = {
            str(model): curves.rename(columns=_DATA).set_index("epoch")[[*_DATA.values()]].rename_axis("Epoch")
            for model, curves in rows.groupby("model", sort=False)
        }
        runs.append(Run(noel_rows.AUTHOR, config, Status(state="done"), statistics, noel_rows.AUTHOR))
    return tuple(run for row in noel_rows.rows_of(runs).values() for run in row)


def beside(runs: Sequence[Run]) -> tuple[Run, ...]:
    """The author's runs to be shown beside runs of one data set in one setting.

    None if these are his own, or were trained otherwise.
    """
    config = runs[0].config
    known = noel_rows.is_as_published(config) and runs[0].origin != noel_rows.AUTHOR
    return runs_of(catalogue.label(config.dataset)) if known else ()
