"""Independent computations in NumPy, float64, written from the papers and not from the project's code."""

from collections.abc import Callable, Sequence

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def log_mean_softmax(logits: Sequence[np.ndarray]) -> np.ndarray:
    """The logarithm of the mean of several networks' probabilities, small as they may be; each [n, classes]."""
    logarithms = [each - np.logaddexp.reduce(each, axis=1)[:, None] for each in logits]
    return np.asarray(np.logaddexp.reduce(logarithms) - np.log(len(logits)))


def cross_entropy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean of -ln p(label) = ln sum exp l - l(label)."""
    highest = logits.max(axis=1)
    log_sums = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float(
        np.mean([log_sum - each[label] for log_sum, each, label in zip(log_sums, logits, labels, strict=True)])
    )


def convolve(x: np.ndarray, kernel: np.ndarray, stride: int = 1, same: bool = True) -> np.ndarray:
    """TensorFlow's convolution: x [n, h, w, c], kernel [k, k, c, f]; pads more below than above."""
    k = kernel.shape[0]
    sizes = [-(-size // stride) if same else (size - k) // stride + 1 for size in x.shape[1:3]]
    if same:
        total = [max((out - 1) * stride + k - size, 0) for out, size in zip(sizes, x.shape[1:3], strict=True)]
        x = np.pad(x, [(0, 0), *[(t // 2, t - t // 2) for t in total], (0, 0)])
    out = np.zeros((len(x), *sizes, kernel.shape[3]))
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            patch = x[:, i * stride : i * stride + k, j * stride : j * stride + k, :]
            out[:, i, j, :] = np.tensordot(patch, kernel, axes=([1, 2, 3], [0, 1, 2]))
    return out


def finite_differences(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The gradient of `function` at `at`, by central differences."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        shift = np.zeros_like(at)
        shift[index] = step
        gradient[index] = (function(at + shift) - function(at - shift)) / (2 * step)
    return gradient
