"""Callbacks of Keras that watch a statistic, such as EarlyStopping, in their default mode."""

from collections.abc import Collection, Iterable
from typing import Any

import keras


def set_modes(callbacks: Iterable[Any], lower_is_better: Collection[str]) -> None:
    """Sets the mode `auto` of callbacks to `min` if they watch such a quantity, on training or validation data.

    Keras finds the direction of `loss` and of metrics given to `compile`, but not of a model's own statistics.

    Args:
      callbacks: callbacks, and lists of callbacks.
      lower_is_better: the names of the quantities, without `val_`.
    """
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CallbackList):
            set_modes(callback.callbacks, lower_is_better)
        elif getattr(callback, "mode", None) == "auto" and _monitored(callback) in lower_is_better:
            callback.mode = "min"


def _monitored(callback: Any) -> str:
    return str(getattr(callback, "monitor", "")).removeprefix("val_")
