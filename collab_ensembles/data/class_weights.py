"""Weights of classes that differ in size."""

import numpy as np


def balanced(labels: np.ndarray, num_classes: int) -> dict[int, float]:
    """The weight of each class: examples / (classes x examples of the class), so that all classes add up to the same.

    The formula is that of scikit-learn's `compute_class_weight("balanced")`. Classes without an example are not
    counted; their weight is 1, which only matters if label noise draws them.

    Args:
      labels: integers [examples].
      num_classes: all classes.
    """
    classes, counts = np.unique(labels, return_counts=True)
    weights = len(labels) / (len(classes) * counts)
    given = {int(each): float(weight) for each, weight in zip(classes, weights, strict=True)}
    return {each: given.get(each, 1.0) for each in range(num_classes)}
