"""Groups of neural networks that learn from the labels and from each other.

The public names below are imported when they are first used: `import collab_ensembles as ce` is fast, and
`ce.EnsembleModel` imports TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from collab_ensembles.data import load as load_data
    from collab_ensembles.data.batch_manager import BatchManager
    from collab_ensembles.methods.multihead.model import MultiheadModel
    from collab_ensembles.models.collaboration import absolute_distance, cross_entropy, squared_distance
    from collab_ensembles.models.ensemble import EnsembleModel
    from collab_ensembles.models.links import Link, absolute_difference, soft_cross_entropy, squared_difference
    from collab_ensembles.models.model import Model
    from collab_ensembles.models.single import SingleModel
    from collab_ensembles.runs.logger import Logger
    from collab_ensembles.runs.prediction import load
    from collab_ensembles.runs.run import run
    from collab_ensembles.runs.unpickle import read_pickle
    from collab_ensembles.settings.config import RunConfig

__all__ = [
    "BatchManager",
    "EnsembleModel",
    "Link",
    "Logger",
    "Model",
    "MultiheadModel",
    "RunConfig",
    "SingleModel",
    "absolute_difference",
    "absolute_distance",
    "cross_entropy",
    "load",
    "load_data",
    "read_pickle",
    "run",
    "soft_cross_entropy",
    "squared_difference",
    "squared_distance",
]

# The same names again: type checkers read the list above, Python reads this one.
_PLACES = {
    "BatchManager": "data.batch_manager",
    "EnsembleModel": "models.ensemble",
    "Link": "models.links",
    "Logger": "runs.logger",
    "Model": "models.model",
    "MultiheadModel": "methods.multihead.model",
    "RunConfig": "settings.config",
    "SingleModel": "models.single",
    "absolute_difference": "models.links",
    "absolute_distance": "models.collaboration",
    "cross_entropy": "models.collaboration",
    "load": "runs.prediction",
    "load_data": "data",
    "read_pickle": "runs.unpickle",
    "run": "runs.run",
    "soft_cross_entropy": "models.links",
    "squared_difference": "models.links",
    "squared_distance": "models.collaboration",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), {"load_data": "load"}.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
