"""Linear classifiers on the codes of nodes: Lacaille (2018), sections 2.2.4.1 and 2.3.3. NumPy alone."""

import numpy as np
from scipy.special import log_softmax, softmax

from collab_ensembles.streams import Stream, generator

_BATCH, _RATE, _PATIENCE, _MOST = 100, 1e-2, 5, 100
_MEMORY, _SQUARE_MEMORY, _EPSILON = 0.9, 0.999, 1e-7


def train(
    codes: np.ndarray,
    labels: np.ndarray,
    validation_codes: np.ndarray,
    validation_labels: np.ndarray,
    classes: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Trains a classifier by Adam on the cross-entropy, until its validation error has not fallen for some passes.

    Codes are standardised by the mean and deviation of the training codes; the classifier takes them as they are.

    Args:
      codes: of the training examples, float32 [examples, code].
      labels: integers [examples].
      validation_codes: of examples that no step sees.
      validation_labels: of these.
      classes: how many there are.
      seed: of the order of the examples.

    Returns:
      Kernel float32 [code, classes] and bias [classes], after the pass with the lowest validation error.
    """
    mean, deviation = codes.mean(axis=0), codes.std(axis=0) + 1e-6
    inputs = (codes - mean) / deviation
    weights = np.zeros((codes.shape[1] + 1, classes), np.float64)
    moments = np.zeros((2, *weights.shape))
    best, fewest, since, step = weights.copy(), np.inf, 0, 0
    for turn in range(_MOST):
        order = generator(seed, Stream.ORDER, turn).permutation(len(labels))
        for start in range(0, len(labels), _BATCH):
            chosen = order[start : start + _BATCH]
            step += 1
            _update(weights, moments, _gradient(weights, inputs[chosen], labels[chosen]), step)
        logits = (validation_codes - mean) / deviation @ weights[:-1] + weights[-1]
        wrong = np.mean(logits.argmax(axis=1) != validation_labels)
        since += 1
        if wrong < fewest:
            best, fewest, since = weights.copy(), wrong, 0
        if since == _PATIENCE:
            break
    kernel = best[:-1] / deviation[:, None]
    return kernel.astype(np.float32), (best[-1] - mean @ kernel).astype(np.float32)


def cost(weights: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> float:
    """The mean cross-entropy; the last row of the weights is the bias."""
    logarithms = log_softmax(inputs @ weights[:-1] + weights[-1], axis=1)
    return float(-logarithms[np.arange(len(labels)), labels].mean())


def _gradient(weights: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """That of `cost`."""
    differences = softmax(inputs @ weights[:-1] + weights[-1], axis=1)
    differences[np.arange(len(labels)), labels] -= 1
    return np.concatenate([inputs.T @ differences, differences.sum(axis=0, keepdims=True)]) / len(labels)


def _update(weights: np.ndarray, moments: np.ndarray, gradient: np.ndarray, step: int) -> None:
    """A step of Adam, in place."""
    moments[0] += (1 - _MEMORY) * (gradient - moments[0])
    moments[1] += (1 - _SQUARE_MEMORY) * (gradient**2 - moments[1])
    first, second = moments[0] / (1 - _MEMORY**step), moments[1] / (1 - _SQUARE_MEMORY**step)
    weights -= _RATE * first / (np.sqrt(second) + _EPSILON)
