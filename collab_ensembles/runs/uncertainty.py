"""How far outputs know what they do not know: proper scores, calibration, and detection of images of other data.

All of it comes from the logits of a trained run, in float64. A run saves the measures on its test examples in a file of
their own in its directory when it ends; the statistics of epochs do not change.
"""

import contextlib
import dataclasses
import json
import math
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from collab_ensembles import files
from collab_ensembles.errors import RunDirectoryError

if TYPE_CHECKING:
    from collab_ensembles.models.group import Group

FILE = "uncertainty.json"
BINS = 15
"""Of calibration errors."""
SOFTMAX_MEAN = "ensemble, mean of probabilities"
"""The ensemble whose prediction is the mean of the members' probabilities, whatever the run's own is."""

Values = dict[str, dict[str, float]]
"""By output and measure."""


@dataclasses.dataclass(frozen=True)
class Measures:
    """What is saved of a run.

    Attributes:
      outputs: of the test examples, from `measure`; empty if nothing was measured.
      detection: by the name of another data set, how well its images are told from the test examples, from `detect`.
    """

    outputs: Values = dataclasses.field(default_factory=dict)
    detection: dict[str, Values] = dataclasses.field(default_factory=dict)


def outputs(model: "Group", images: np.ndarray) -> dict[str, np.ndarray]:
    """The logits of each output for images uint8 [examples, height, width, channels]: float64 [examples, classes].

    Members come first; of several, `ensemble` and SOFTMAX_MEAN follow. The latter has logarithms of probabilities.
    """
    batches = [logits for _, logits in model.output_logits(images)]
    return outputs_of({name: np.concatenate([each[name] for each in batches]) for name in batches[0]})


def outputs_of(logits: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same of logits that are known already, by `Group.statistics_names`."""
    result = {name: each.astype(np.float64) for name, each in logits.items()}
    if len(result) > 1:
        members = list(result.values())[:-1]
        # The smallest number keeps the logarithm finite where all members are sure of another class.
        mean = np.mean([probabilities(logits) for logits in members], axis=0)
        result[SOFTMAX_MEAN] = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
    return result


def measure(logits: Mapping[str, np.ndarray], labels: np.ndarray) -> Values:
    """How good the probabilities are: `error` (a fraction), `nll` (nats), `brier`, `ece_width` and `ece_mass`.

    Args:
      logits: of test examples, by output; see `outputs`.
      labels: int [examples].
    """
    result = {}
    for name, own in logits.items():
        shares = probabilities(own)
        result[name] = {
            "error": float(np.mean(own.argmax(axis=1) != labels)),
            "nll": negative_log_likelihood(own, labels),
            "brier": brier(shares, labels),
            "ece_width": calibration_error(shares, labels, equal_mass=False),
            "ece_mass": calibration_error(shares, labels, equal_mass=True),
        }
    return result


def detect(logits: Mapping[str, np.ndarray], unknown: Mapping[str, np.ndarray]) -> Values:
    """How well images of another data set are told from the test images.

    Args:
      logits: of test images, by output; see `outputs`.
      unknown: the same outputs for the images of the other data set.

    Returns:
      `auroc_confidence`, and for the ensembles `auroc_mutual_information`; see `auroc`.
    """
    ensembles = [SOFTMAX_MEAN, "ensemble"]
    members = [name for name in logits if name not in ensembles]
    result = {}
    for name, own in logits.items():
        pair = probabilities(own), probabilities(unknown[name])
        result[name] = {"auroc_confidence": auroc(*(1 - each.max(axis=1) for each in pair))}
        if name in ensembles:
            disagreement = (mutual_information(_members(each, members)) for each in (logits, unknown))
            result[name]["auroc_mutual_information"] = auroc(*disagreement)
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


def keep(
    directory: str, epochs_done: int, outputs: Values, detection: Mapping[str, Values] = MappingProxyType({})
) -> None:
    """Saves measures; what was measured of the same epoch with other unknown data stays, unless the file is damaged."""
    earlier: dict[str, Values] = {}
    with contextlib.suppress(RunDirectoryError):
        earlier = read(directory, epochs_done).detection
    write(directory, epochs_done, Measures(outputs, {**earlier, **detection}))


def write(directory: str, epochs_done: int, measures: Measures) -> None:
    """Saves measures in the directory of a run, in place of earlier ones.

    Args:
      directory: of the run.
      epochs_done: after how many epochs they were taken.
      measures: on the run's own test examples.
    """
    content = {"epochs_done": epochs_done, "unknown": measures.detection, "outputs": measures.outputs}
    files.write_json(os.path.join(directory, FILE), content)


def read(directory: str, epochs_done: int) -> Measures:
    """The measures that `write` saved for this epoch of a run; empty if there are none.

    Raises:
      RunDirectoryError: the file is damaged.
      CollabError: it cannot be read.
    """
    path = os.path.join(directory, FILE)
    try:
        with files.reading(path, "experiments.evaluate --uncertainty writes it again"):
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            if content["epochs_done"] != epochs_done:
                return Measures()
            # Runs had null here before several data sets could be measured.
            detection = {str(name): _checked(values) for name, values in (content["unknown"] or {}).items()}
            return Measures(_checked(content["outputs"]), detection)
    except FileNotFoundError:
        return Measures()


def _checked(content: Mapping[str, Mapping[str, float]]) -> Values:
    values = {str(output): {str(name): float(value) for name, value in own.items()} for output, own in content.items()}
    if not all(math.isfinite(value) and value >= 0 for own in values.values() for value in own.values()):
        raise ValueError("a measure is not a number from 0")
    return values
