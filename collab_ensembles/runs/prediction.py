"""Predictions of a trained run for images without labels."""

import dataclasses
import itertools
import os
from typing import TYPE_CHECKING

import numpy as np

from collab_ensembles.data.arrays import checked_images
from collab_ensembles.errors import DataError
from collab_ensembles.runs import run_data, run_directory
from collab_ensembles.runs.uncertainty import entropy, probabilities

if TYPE_CHECKING:
    import pandas as pd

    from collab_ensembles.models.group import Group


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a group answers for each image.

    Attributes:
      label_names: the names of the classes.
      probabilities: of the group's prediction, float64 [images, classes].
      members: the class that each member answers, int64 [images], by its name.
    """

    label_names: tuple[str, ...]
    probabilities: np.ndarray
    members: dict[str, np.ndarray]

    @property
    def classes(self) -> np.ndarray:
        """The likeliest class, int64 [images]."""
        answers: np.ndarray = self.probabilities.argmax(axis=1)
        return answers

    @property
    def entropy(self) -> np.ndarray:
        """Of the group's prediction, in nats, float64 [images]: from 0 to the logarithm of the number of classes."""
        return entropy(self.probabilities)

    @property
    def disagreement(self) -> np.ndarray:
        """The share of pairs of members that answer differently, float64 [images]; 0 for a single member."""
        pairs = list(itertools.combinations(self.members.values(), 2))
        differing = [one != other for one, other in pairs] or [np.zeros(len(self.probabilities), bool)]
        share: np.ndarray = np.mean(differing, axis=0)
        return share

    def to_frame(self) -> "pd.DataFrame":
        """A row for each image: class, its name, its probability, entropy, disagreement, and each member's class."""
        import pandas as pd

        classes = self.classes
        return pd.DataFrame(
            {
                "class": classes,
                "name": [self.label_names[number] for number in classes],
                "probability": self.probabilities.max(axis=1),
                "entropy": self.entropy,
                "disagreement": self.disagreement,
                **self.members,
            }
        )


@dataclasses.dataclass(frozen=True)
class TrainedGroup:
    """A trained run, ready for prediction.

    Attributes:
      model: its networks, with the weights of the newest checkpoint.
      image_shape: (height, width, channels) of the images that it takes.
      label_names: the names of its classes.
      epochs_done: the epoch whose weights it has; see `Status.epoch_of_weights`.
    """

    model: "Group"
    image_shape: tuple[int, int, int]
    label_names: tuple[str, ...]
    epochs_done: int

    def predict(self, images: np.ndarray) -> Predictions:
        """What the group answers.

        Args:
          images: raw pixels, uint8 [images, height, width, channels], or [images, height, width] of one channel.

        Raises:
          DataError: the images have another form.
        """
        images = checked_images(images)
        if images.shape[1:] != self.image_shape:
            remedy = "; give a batch of one: images[None]" if images.shape[:3] == self.image_shape else ""
            raise DataError(
                f"received images of shape {images.shape[1:]}; needed: {self.image_shape}, as the run has{remedy}"
            )
        batches = [logits for _, logits in self.model.output_logits(images)]
        logits = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
        group = logits[self.model.answer]
        answers = {name: own.argmax(axis=1) for name, own in logits.items() if name != "ensemble"}
        return Predictions(self.label_names, probabilities(group.astype(np.float64)), answers)


def load(directory: str) -> TrainedGroup:
    """The trained group of a run directory; starts TensorFlow.

    Raises:
      RunDirectoryError: the directory has no run, or none that was trained for an epoch and kept its checkpoint.
    """
    from collab_ensembles.runs import run_model

    directory = os.path.expanduser(directory)
    config = run_directory.read_located(directory)
    model, status = run_model.restore(directory)
    assert status.data is not None
    names = run_data.label_names(config, status.data, status.data.num_classes)
    return TrainedGroup(model, status.data.image_shape, names, status.epoch_of_weights)
