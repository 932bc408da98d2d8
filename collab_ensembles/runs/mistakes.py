"""Where a trained group errs on its test examples: confusions, reliability, gains by not answering, worst images.

A run saves it in its directory when it ends, so that the analysis can show it without the networks.
"""

import io
import itertools
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from collab_ensembles import files
from collab_ensembles.runs.uncertainty import BINS, SOFTMAX_MEAN, bins_of_equal_width, entropy, probabilities

FILE = "mistakes.npz"
WORST = 25
SHARES = np.arange(1, 21) / 20
"""Of images that are answered."""

MOST_CLASSES = 2000
"""With more, confusions are not counted: their number is the square."""

Arrays = dict[str, np.ndarray]

_KEYS = (
    "confusion",
    "bin_counts",
    "bin_confidence",
    "bin_accuracy",
    "error_by_entropy",
    "error_by_disagreement",
    "worst",
    "worst_images",
    "worst_labels",
    "worst_answers",
    "worst_probabilities",
)


def measure(logits: Mapping[str, np.ndarray], answer: str, images: np.ndarray, labels: np.ndarray) -> Arrays:
    """What the group gets wrong.

    Args:
      logits: of test examples, by output; see `uncertainty.outputs`.
      answer: the output that the group answers with, see `Group.answer`.
      images: uint8 [examples, height, width, channels].
      labels: int [examples].

    Returns:
      confusion: int64 [classes, classes], the examples by class and answer; [0, 0] of more than MOST_CLASSES.
      bin_counts, bin_confidence, bin_accuracy: [BINS] of equal width: how many predictions have such a confidence, and
        their mean confidence and accuracy (0 in empty bins).
      error_by_entropy, error_by_disagreement: [20]: the error on the share of examples in SHARES that the group is
        surest of, by the entropy of its prediction, or by the share of its members that disagree, then by entropy.
      worst: int64 [at most 25]: the places of the examples whose label has the lowest probability, the worst first;
        worst_images, worst_labels, worst_answers and worst_probabilities (of the label) belong to them.
    """
    shares = probabilities(logits[answer])
    answers, classes = shares.argmax(axis=1), shares.shape[1]
    wrong, confidence = answers != labels, shares.max(axis=1)
    bins = bins_of_equal_width(confidence)
    counts = np.bincount(bins, minlength=BINS)
    members = [own.argmax(axis=1) for name, own in logits.items() if name not in ("ensemble", SOFTMAX_MEAN)]
    disagreement = sum((one != other for one, other in itertools.combinations(members, 2)), np.zeros(len(labels)))
    unsure = entropy(shares)
    right = shares[np.arange(len(labels)), labels]
    worst = np.argsort(right, kind="stable")[:WORST]
    return {
        "confusion": _confusion(labels, answers, classes),
        "bin_counts": counts,
        "bin_confidence": np.bincount(bins, confidence, BINS) / np.maximum(counts, 1),
        "bin_accuracy": np.bincount(bins, ~wrong, BINS) / np.maximum(counts, 1),
        "error_by_entropy": _errors(wrong, np.argsort(unsure, kind="stable")),
        "error_by_disagreement": _errors(wrong, np.lexsort((unsure, disagreement))),
        "worst": worst,
        "worst_images": np.asarray(images[worst]),
        "worst_labels": labels[worst],
        "worst_answers": answers[worst],
        "worst_probabilities": right[worst],
    }


def _confusion(labels: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    if classes > MOST_CLASSES:
        return np.zeros((0, 0), int)
    return np.bincount(labels * classes + answers, minlength=classes**2).reshape(classes, classes)


def _errors(wrong: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The error on each share of the examples, the first ones of an order."""
    counts = np.maximum(np.rint(SHARES * len(order)).astype(int), 1)
    errors: np.ndarray = np.cumsum(wrong[order])[counts - 1] / counts
    return errors


def write(directory: str, epochs_done: int, arrays: Arrays) -> None:
    """Saves the arrays in the directory of a run, in place of earlier ones."""
    buffer = io.BytesIO()
    content: dict[str, Any] = {"epochs_done": epochs_done, **arrays}
    np.savez_compressed(buffer, **content)
    files.write_bytes(os.path.join(directory, FILE), buffer.getvalue())


def read(directory: str, epochs_done: int) -> Arrays:
    """The arrays that `write` saved for this epoch of a run; empty if there are none.

    Raises:
      RunDirectoryError: the file is damaged.
      CollabError: it cannot be read.
    """
    path = os.path.join(directory, FILE)
    try:
        with files.reading(path, "experiments.evaluate --mistakes writes it again"):
            with open(path, "rb") as file:
                content = io.BytesIO(file.read())
            with np.load(content, allow_pickle=False) as arrays:
                return {key: arrays[key] for key in _KEYS} if int(arrays["epochs_done"]) == epochs_done else {}
    except FileNotFoundError:
        return {}
