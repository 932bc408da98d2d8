"""Top-k errors of a trained run, as in Song and Chai (2018), table 4, for ImageNet.

They are computed from a checkpoint after training, so that the statistics of an epoch do not change, and saved in a
separate file in the run directory.
"""

import json
import os
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from collab_ensembles import files
from collab_ensembles.errors import ConfigError
from collab_ensembles.settings.fields import check_whole

if TYPE_CHECKING:
    from collab_ensembles.models.group import Group

FILE = "top_errors.json"


def check(top: int, num_classes: int | None = None) -> None:
    """Raises ConfigError unless `top` is from 2 to `num_classes` - 1."""
    check_whole("top", top, 2)
    if num_classes is not None and top >= num_classes:
        raise ConfigError(
            f"--top={top}: with {num_classes} classes, allowed: whole numbers from 2 to {num_classes - 1}"
        )


def compute(model: "Group", images: np.ndarray, labels: np.ndarray, top: int) -> dict[str, float]:
    """The share of examples whose class is not among the `top` classes of the largest logits, for each output.

    Args:
      model: the trained model.
      images: uint8 [examples, height, width, channels].
      labels: int32 [examples].
      top: k, from 1; 1 gives the error.

    Returns:
      A fraction for each output.
    """
    wrong: Counter[str] = Counter()
    for rows, outputs in model.output_logits(images):
        for name, logits in outputs.items():
            wrong[name] += int(np.count_nonzero(~is_among_best(logits, labels[rows], top)))
    return {name: count / len(labels) for name, count in wrong.items()}


def is_among_best(logits: np.ndarray, labels: np.ndarray, top: int) -> np.ndarray:
    """Whether each example's class has one of the `top` largest logits.

    Of equal logits the first is treated as the largest, as in argmax. With NaN among the logits, the answer is wrong.

    Args:
      logits: [examples, classes].
      labels: integers [examples].
      top: k, from 1.

    Returns:
      bool [examples].
    """
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    later = np.arange(logits.shape[1]) > labels[:, None]
    beaten = np.count_nonzero((own > logits) | ((own == logits) & later), axis=1)
    return beaten >= logits.shape[1] - top


def write(directory: str, epochs_done: int, top: int, errors: dict[str, float]) -> None:
    """Saves the top-k errors on the run's own test examples in its directory, in place of earlier ones."""
    files.write_json(os.path.join(directory, FILE), {"epochs_done": epochs_done, "top": top, "errors": errors})


def read(directory: str, epochs_done: int, top: int) -> dict[str, float]:
    """The errors that `write` saved for this epoch of a run, as fractions; empty if there are none.

    Raises:
      RunDirectoryError: the file is damaged.
      CollabError: it cannot be read.
    """
    path = os.path.join(directory, FILE)
    try:
        with files.reading(path, f"experiments.evaluate --top={top} writes it again"):
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            if (content["epochs_done"], content["top"]) != (epochs_done, top):
                return {}
            errors = {str(name): float(error) for name, error in content["errors"].items()}
            if not all(0 <= error <= 1 for error in errors.values()):
                raise ValueError("an error is not a fraction")
            return errors
    except FileNotFoundError:
        return {}
