"""Keras' metrics that are given to `compile`, in addition to a model's own statistics."""

from collections.abc import Collection
from typing import Any

import keras

_OF_ONE_HOT_LABELS = (
    keras.metrics.CategoricalAccuracy,
    keras.metrics.CategoricalCrossentropy,
    keras.metrics.CategoricalHinge,
    keras.metrics.FBetaScore,
    keras.metrics.OneHotIoU,
    keras.metrics.OneHotMeanIoU,
    keras.metrics.TopKCategoricalAccuracy,
)


def build(metrics: Any, taken: Collection[str]) -> None:
    """Builds the metrics of a compiled model, so that no variable is made while a step is traced.

    Args:
      metrics: made by `keras.Model.compile`; their inputs are labels int32 [batch] and logits [batch, classes].
      taken: names that they must not have.

    Raises:
      ValueError: a metric has such a name, or takes one-hot labels.
    """
    # Keras chooses metrics such as "accuracy" by shapes: for class numbers always the sparse kind.
    metrics.build(keras.KerasTensor((None,), "int32"), keras.KerasTensor((None, None)))
    for metric in metrics.metrics:
        if metric.name in taken:
            raise ValueError(f"received a metric named {metric.name}; the model has one of this name; choose another")
        if isinstance(metric, _OF_ONE_HOT_LABELS):
            raise ValueError(
                f"received the metric {metric.name}, of one-hot labels; needed: one of labels as class numbers, such "
                "as SparseCategoricalAccuracy"
            )
