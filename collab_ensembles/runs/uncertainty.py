"""How far outputs know what they do not know: proper scores, calibration, and detection of images of other data.

All of it comes from the logits of a trained run, in float64. A run saves the measures on its test examples in a file of
their own in its directory when it ends; the statistics of epochs do not change.
"""

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from collab_ensembles import files
from collab_ensembles.errors import RunDirectoryError, one_line

if TYPE_CHECKING:
    from collab_ensembles.models.model import Model

FILE = "uncertainty.json"
BINS = 15
"""Of calibration errors."""
SOFTMAX_MEAN = "ensemble, mean of probabilities"
"""The ensemble whose prediction is the mean of the members' probabilities, whatever the run's own is."""

Values = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Measures:
    """What is saved of a run.

    Attributes:
      outputs: values by output and name, from `measure`; empty if nothing was measured.
      unknown: the data set whose images were told from the run's own; empty if there was none.
    """

    outputs: dict[str, Values] = dataclasses.field(default_factory=dict)
    unknown: str = ""


def outputs(model: "Model", images: np.ndarray) -> dict[str, np.ndarray]:
    """The logits of each output for images uint8 [examples, height, width, channels]: float64 [examples, classes].

    Members come first; of several, `ensemble` and SOFTMAX_MEAN follow. The latter has logarithms of probabilities.
    """
    batches = [logits for _, logits in model.output_logits(images)]
    result = {name: np.concatenate([each[name] for each in batches]).astype(np.float64) for name in batches[0]}
    if len(result) > 1:
        members = list(result.values())[:-1]
        # The smallest number keeps the logarithm finite where all members are sure of another class.
        mean = np.mean([probabilities(logits) for logits in members], axis=0)
        result[SOFTMAX_MEAN] = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
    return result


def measure(
    logits: Mapping[str, np.ndarray], labels: np.ndarray, unknown: Mapping[str, np.ndarray] | None = None
) -> dict[str, Values]:
    """All measures, by output and name.

    Args:
      logits: of test examples, by output; see `outputs`.
      labels: int [examples].
      unknown: the same outputs for images of another data set, which are to be told from the test images.

    Returns:
      For each output `error` (a fraction), `nll` (nats), `brier`, `ece_width` and `ece_mass`; with `unknown`,
      `auroc_confidence`; for the ensembles also `auroc_mutual_information`.
    """
    others = [SOFTMAX_MEAN, "ensemble"]
    members = [name for name in logits if name not in others]
    result = {}
    for name, own in logits.items():
        shares = probabilities(own)
        values = {
            "error": float(np.mean(own.argmax(axis=1) != labels)),
            "nll": negative_log_likelihood(own, labels),
            "brier": brier(shares, labels),
            "ece_width": calibration_error(shares, labels, equal_mass=False),
            "ece_mass": calibration_error(shares, labels, equal_mass=True),
        }
        if unknown is not None:
            pair = shares, probabilities(unknown[name])
            values["auroc_confidence"] = auroc(*(1 - each.max(axis=1) for each in pair))
            if name in others:
                values["auroc_mutual_information"] = auroc(
                    *(mutual_information(_members(each, members)) for each in (logits, unknown))
                )
        result[name] = values
    return result


def _members(logits: Mapping[str, np.ndarray], members: list[str]) -> np.ndarray:
    return np.stack([probabilities(logits[name]) for name in members])


def probabilities(logits: np.ndarray) -> np.ndarray:
    """The softmax of logits [examples, classes]."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return shares


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean negative logarithm of the probability of the labels, from logits, so that it is finite."""
    largest = logits.max(axis=1)
    totals = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return float(np.mean(totals - logits[np.arange(len(labels)), labels]))


def brier(shares: np.ndarray, labels: np.ndarray) -> float:
    """The mean squared distance of probabilities [examples, classes] from the one-hot labels; from 0 to 2."""
    goals = np.arange(shares.shape[1]) == labels[:, None]
    return float(np.mean(((shares - goals) ** 2).sum(axis=1)))


def calibration_error(shares: np.ndarray, labels: np.ndarray, equal_mass: bool) -> float:
    """The expected calibration error: the mean gap of confidence and accuracy over BINS bins, by their examples.

    Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3.

    Args:
      shares: probabilities [examples, classes]; the confidence is the largest.
      labels: int [examples].
      equal_mass: bins of equally many examples, in the order of their confidence; otherwise of equal widths, each with
        its upper end.
    """
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    if equal_mass:
        groups = np.array_split(np.argsort(confidence, kind="stable"), BINS)
    else:
        bins = bins_of_equal_width(confidence)
        groups = [np.flatnonzero(bins == number) for number in range(BINS)]
    gaps = [abs(float(np.sum(right[group] - confidence[group]))) for group in groups]
    return sum(gaps) / len(labels)


def bins_of_equal_width(confidence: np.ndarray) -> np.ndarray:
    """The bin of each confidence, from 0 to BINS - 1; each bin has its upper end."""
    bins: np.ndarray = np.clip(np.ceil(confidence * BINS).astype(int), 1, BINS) - 1
    return bins


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """The probability that an unknown example has a higher score than a known one; equal ones count half."""
    ordered = np.sort(known)
    below, up_to = np.searchsorted(ordered, unknown, "left"), np.searchsorted(ordered, unknown, "right")
    return float(np.mean(below + up_to) / 2 / len(known))


def mutual_information(shares: np.ndarray) -> np.ndarray:
    """Of each example, the entropy of the members' mean prediction less the mean of their entropies, in nats.

    It measures what members do not agree on.

    Args:
      shares: probabilities [members, examples, classes].
    """
    return entropy(shares.mean(axis=0)) - entropy(shares).mean(axis=0)


def entropy(shares: np.ndarray) -> np.ndarray:
    """The entropy of probabilities [..., classes] in nats, float64 [...]."""
    result: np.ndarray = -np.sum(shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny)), axis=-1)
    return result


def write(directory: str, epochs_done: int, unknown: str | None, measures: Mapping[str, Values]) -> None:
    """Saves the measures on the run's own test examples in its directory, in place of earlier ones.

    Args:
      directory: of the run.
      epochs_done: after how many epochs they were taken.
      unknown: the data set that was to be told from the run's own.
      measures: from `measure`.
    """
    content = {"epochs_done": epochs_done, "unknown": unknown, "outputs": measures}
    files.write_json(os.path.join(directory, FILE), content)


def read(directory: str, epochs_done: int) -> Measures:
    """The measures that `write` saved for this epoch of a run; without outputs if there are none.

    Raises:
      RunDirectoryError: the file is damaged.
    """
    path = os.path.join(directory, FILE)
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        if content["epochs_done"] != epochs_done:
            return Measures()
        measures = {
            str(output): {str(name): float(value) for name, value in values.items()}
            for output, values in content["outputs"].items()
        }
        if not all(math.isfinite(value) and value >= 0 for values in measures.values() for value in values.values()):
            raise ValueError("a measure is not a number from 0")
        return Measures(measures, str(content["unknown"] or ""))
    except FileNotFoundError:
        return Measures()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunDirectoryError(
            f"{path}: damaged ({type(error).__name__}: {one_line(error)}); experiments.evaluate --uncertainty writes "
            "it again"
        ) from error
