"""A run: its settings, its state, and its statistics."""

import dataclasses

import numpy as np
import pandas as pd

from collab_ensembles.errors import DataError
from collab_ensembles.machine import TENSORFLOW
from collab_ensembles.networks import own_files
from collab_ensembles.runs import backends
from collab_ensembles.runs.run_directory import Status
from collab_ensembles.settings.config import RunConfig
from collab_ensembles.settings.fields import as_text

# Names of Data, and the keys of the pickles.
DATA = {
    "TrainCost": "train_costs",
    "TrainError": "train_errors",
    "TestCost": "test_costs",
    "TestError": "test_errors",
}
# What the reference code does not record. What else a system records has the key as its name: SimilarityLoss for
# similarity_loss.
FURTHER_DATA = {
    "TrainCostMean": "train_costs_mean",
    "TrainErrorMean": "train_errors_mean",
    "Disagreement": "disagreement",
    "LogitDistance": "logit_distance",
}
DEFAULT_SETTINGS = "default settings"


@dataclasses.dataclass(frozen=True)
class Run:
    """One run directory, or one ensemble among the author's result files.

    Attributes:
      directory: where its files lie.
      statistics: by output (member names, and `Ens`), one row an epoch from 1, one column a kind of
        data; errors in percent. Empty for a run that is not finished.
      origin: what trained it, such as `the author's files`; empty for this project.
    """

    directory: str
    config: RunConfig
    status: Status
    statistics: dict[str, pd.DataFrame]
    origin: str = ""

    @property
    def setting(self) -> str:
        """The function `setting` of its settings, with what trained it, if that is not this project on TensorFlow.

        So runs of other code and of other backends have tables of their own.
        """
        own = setting(self.config)
        backend = backends.all_of(self.status)
        if backend not in ("", TENSORFLOW):
            own = ", ".join([*([] if own == DEFAULT_SETTINGS else [own]), f"backend={backend}"])
        return ", ".join([self.origin, *([] if own == DEFAULT_SETTINGS else [own])]) if self.origin else own


def setting(config: RunConfig) -> str:
    """What a run has in common with the others of its table: all settings but the varied ones, see `RunConfig.varied`.

    Runs of different settings must not stand in one table. Settings at their default are not named.
    """
    parts = [f"system={config.together}"] if config.together else []
    for name, value in config.changed().items():
        if name not in (*config.varied, "system"):
            parts.append(f"{name}={as_text(own_files.shortened(value) if name == 'members' else value)}")
    return ", ".join(parts) or DEFAULT_SETTINGS


def statistics_of(path: str, content: object, epochs: int) -> pd.DataFrame:
    """The statistics in a pickle, one row an epoch from 1, errors in percent.

    Args:
      path: of the pickle; for messages.
      content: what it holds.
      epochs: how many there must be.

    Raises:
      DataError: what the reference code records is not there, or something has another shape or type.
    """
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a pickle of statistics; needed: a dict with {', '.join(DATA.values())}")
    series = {}
    known = DATA | FURTHER_DATA
    arrays = {_name(str(key)): key for key, values in content.items() if isinstance(values, np.ndarray)}
    own = {data: key for data, key in arrays.items() if key not in known.values() and data not in known}
    for data, key in (known | own).items():
        values = content.get(key)
        if values is None and data in FURTHER_DATA:
            continue
        if not isinstance(values, np.ndarray) or values.shape != (epochs,) or values.dtype.kind != "f":
            raise DataError(f"{path}: needed under {key!r}: {epochs} floating-point numbers, one an epoch")
        series[data] = values * 100 if "Error" in data or data == "Disagreement" else values
    return pd.DataFrame(series, index=pd.RangeIndex(1, epochs + 1, name="Epoch"))


def _name(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))


def without_rounding(value: float) -> float:
    """The decimal number that was meant: 0.01 for 0.1**2, which is 0.010000000000000002."""
    return float(f"{value:.12g}")
