"""Settings of other systems in a config.json of release 0.1.0, which stored the settings of all systems."""

from collections.abc import Mapping
from typing import Any

_IDLE: Mapping[str, tuple[Any, ...]] = {
    "method": ("None",),
    "weight": (1.0,),
    "pairing": ("chain",),
    "target_gradient": (False,),
    "graph": ("simple",),
    "heads": (1,),
    "split_points": ([],),
    "temperature": (2.0,),
    "beta": (0.5,),
    "rescaling": ("backprop",),
    "optimization": ("simultaneous",),
    "label_smoothing": (0.0,),
    "teacher": ([],),
    "phases": (["cross_entropy", "similarity", "feature_difference", "head"],),
    "recipe": (None,),
    "k": (1.0,),
    "k1": (1.0,),
    "k2": (1.0,),
    "bn_updates": ("once",),
    "pretraining_epochs": (1,),
    "feature_learning_rate": (1e-4, 1e-5),
    "head_learning_rate": (0.1,),
    "cycle": ("cosine",),
    "cycle_epochs": (2, 4),
    "cycle_learning_rate": (0.01, 0.05),
    "lowest_learning_rate": (5e-4,),
    "snapshots": (5,),
    "averaging": ("logits",),
}
"""For each field, its values in runs of other systems, where it had no effect."""


def is_idle(name: str, value: Any) -> bool:
    """Whether a setting of another system has a value without effect, as in all runs of release 0.1.0."""
    return any(type(value) is type(known) and value == known for known in _IDLE.get(name, ()))
